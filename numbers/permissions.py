"""Who may do what, as data: the roles, the rights of each, and the right that each page and command asks for.

A person may have several roles; their rights add up. A role is a group of Django's by that name,
made by `migrate`. What is not in these tables is refused.
"""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import TextChoices


class Right(TextChoices):
    """Something that some may do and others may not."""

    VIEW = "view", "See everything, and take it away as a file"
    ASSIGN = "assign", "Say who answers, change labels and tags, sync, decide on drift"
    BUY = "buy", "Buy lines, cancel them, decide on the review desk, compare the books"
    STOP = "stop", "Pause buying"
    APPROVE = "approve", "Approve orders of others"
    OPEN = "open", "Let buying go on"
    RELEASE = "release", "Give numbers up for good"
    MANAGE = "manage", "Manage accounts and prices"


class Role(TextChoices):
    """What a person is here. The value is the name of the group."""

    VIEWER = "viewer", "Viewer"
    ASSIGNER = "assigner", "Assigner"
    BUYER = "buyer", "Buyer"
    APPROVER = "approver", "Approver"
    ADMIN = "admin", "Administrator"


R = Right

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({R.VIEW}),
    Role.ASSIGNER: frozenset({R.VIEW, R.ASSIGN}),
    Role.BUYER: frozenset({R.VIEW, R.ASSIGN, R.BUY, R.STOP}),
    Role.APPROVER: frozenset({R.VIEW, R.APPROVE, R.STOP, R.OPEN}),
    Role.ADMIN: frozenset(R),
}

#: Whoever has one of these spends, destroys or decides who may: a password alone is not enough for that.
GUARDED = frozenset({R.BUY, R.APPROVE, R.OPEN, R.RELEASE, R.MANAGE})

#: For every page by its name: the right to read it (GET, HEAD) and to send something (POST).
#: None: the page has no such method.
PAGES: dict[str, tuple[Right | None, Right | None]] = {
    "overview": (R.VIEW, None),
    "tour-end": (None, R.VIEW),
    "notice-seen": (None, R.VIEW),
    "help": (R.VIEW, None),
    "number-list": (R.VIEW, None),
    "view-save": (None, R.VIEW),
    "view-delete": (None, R.VIEW),
    "sync": (None, R.ASSIGN),
    "number-link": (R.BUY, R.BUY),
    "upload": (R.ASSIGN, R.ASSIGN),
    "numbers-csv": (R.VIEW, None),
    "numbers-json": (R.VIEW, None),
    "number": (R.VIEW, R.ASSIGN),
    "number-release": (R.RELEASE, R.RELEASE),
    "number-detach": (R.RELEASE, R.RELEASE),
    "number-assign": (R.ASSIGN, R.ASSIGN),
    "unassigned": (R.VIEW, None),
    "assign-next": (None, R.ASSIGN),
    "plan-list": (R.VIEW, None),
    "plan-new": (None, R.ASSIGN),
    "plan": (R.VIEW, None),
    "plan-apply": (None, R.ASSIGN),
    "plan-discard": (None, R.ASSIGN),
    "plan-stop": (None, R.ASSIGN),
    "plan-retry": (None, R.ASSIGN),
    "plan-undo": (None, R.ASSIGN),
    "plan-give-up": (None, R.RELEASE),
    "plan-prove": (R.RELEASE, R.RELEASE),
    "agent-list": (R.VIEW, None),
    "agent": (R.VIEW, None),
    "agent-replace": (None, R.ASSIGN),
    "agent-acknowledge": (None, R.ASSIGN),
    "drift": (R.VIEW, None),
    "drift-decide": (None, R.ASSIGN),
    "order-list": (R.VIEW, None),
    "order-new": (R.BUY, R.BUY),
    "wants-upload": (R.BUY, R.BUY),
    "wants-template": (R.BUY, None),
    "order": (R.VIEW, None),
    "order-approve": (None, R.APPROVE),
    "order-refuse": (None, R.APPROVE),
    "order-cancel": (None, R.BUY),
    "order-again": (None, R.BUY),
    "receipt": (R.VIEW, None),
    "receipt-csv": (R.VIEW, None),
    "receipt-json": (R.VIEW, None),
    "line-cancel": (None, R.BUY),
    "review": (R.VIEW, None),
    "review-line": (R.VIEW, R.BUY),
    "review-look": (None, R.BUY),
    "gate": (R.VIEW, None),
    "gate-switch": (None, R.STOP),  # to open it again: OPEN, which the view asks for
    "reconcile": (R.VIEW, None),
    "reconcile-start": (None, R.BUY),
    "acknowledge": (None, R.BUY),
    "activity": (R.VIEW, None),
    "activity-csv": (R.VIEW, None),
    "activity-json": (R.VIEW, None),
}
#: For machines; each looks itself who asks.
PUBLIC = frozenset({"readyz", "metrics"})


#: For every command: the right that it asks of the account that it acts `--as`.
#: None: it has no such option, and is for whoever runs the machine.
COMMANDS: dict[str, Right | None] = {
    "assign": R.ASSIGN,
    "audit_verify": None,
    "buy": R.BUY,
    "demo": None,
    "demo_data": None,
    "doctor": None,
    "export": None,
    "label": R.ASSIGN,
    "orders": None,
    "prices": R.MANAGE,
    "prune": None,
    "reconcile": R.BUY,
    "release": R.RELEASE,
    "sandbox": None,
    "seed_numbers": None,
    "sweeper": None,
    "sync": R.ASSIGN,
    "worker": None,
}


def methods(page: str) -> dict[str, Right]:
    """The methods of PAGE, each with its right; none at all for a page that the table does not know."""
    read, send = PAGES.get(page, (None, None))
    return ({"GET": read, "HEAD": read} if read else {}) | ({"POST": send} if send else {})


def rights_of(user: AbstractBaseUser) -> frozenset[Right]:
    """What USER may do. Costs a query, once, where the account was not loaded together with its roles."""
    if not (user.is_authenticated and user.is_active):
        return frozenset()
    if user.is_superuser:
        return frozenset(Right)
    return frozenset[Right]().union(*(RIGHTS[role] for role in roles_of(user)))


def roles_of(user: AbstractBaseUser) -> list[Role]:
    if not hasattr(user, "role_names"):
        user.role_names = " ".join(user.groups.filter(name__in=Role.values).values_list("name", flat=True))
    given = (user.role_names or "").split()
    return [role for role in Role if role in given]


def may(user: AbstractBaseUser, right: Right) -> bool:
    return right in rights_of(user)


def is_guarded(user: AbstractBaseUser) -> bool:
    """Whether USER needs a second factor where these are asked for."""
    return bool(GUARDED & rights_of(user))


def roles_with(right: Right) -> list[Role]:
    return [role for role in Role if right in RIGHTS[role]]


def roles_in_words(right: Right) -> str:
    """The roles that give RIGHT: “assigner, buyer or administrator”."""
    *others, last = [str(role.label).lower() for role in roles_with(right)]
    return f"{', '.join(others)} or {last}" if others else last


def refusal(user: AbstractBaseUser, right: Right | None) -> str:
    """Why USER may not do what needs RIGHT, and who may."""
    if not rights_of(user):
        return "Your account has no role yet."
    return f"This needs the role {roles_in_words(right)}." if right else "Nobody may do this."
