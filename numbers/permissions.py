"""Who may do what, as data: the roles, the rights of each, and the right that each page and command asks for.

A person may have several roles; their rights add up. A role is a group of Django's by that name,
made by `migrate`. What is not in these tables is refused.
"""

from typing import TYPE_CHECKING

from django.db.models import TextChoices

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser, AnonymousUser

type Person = AbstractUser | AnonymousUser
KEPT = "role_names"  # on an account, for as long as a request or a command holds it


class Right(TextChoices):
    """Something that some may do and others may not."""

    VIEW = "view", "See and export everything"
    ASSIGN = "assign", "Assign agents, edit labels and tags, sync, resolve differences"
    BUY = "buy", "Buy and cancel lines, confirm purchases, compare records and invoices"
    STOP = "stop", "Pause buying"
    APPROVE = "approve", "Approve other people's orders"
    OPEN = "open", "Resume buying"
    RELEASE = "release", "Release numbers"
    PEOPLE = "people", "Manage people and alarms"
    PRICES = "prices", "Edit prices and budgets"
    PROBE = "probe", "Check whether Fluents places calls"


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

#: People with one of these spend, destroy or decide who may: a password alone is not enough for that.
GUARDED = frozenset({R.BUY, R.APPROVE, R.OPEN, R.RELEASE, R.PEOPLE, R.PRICES, R.PROBE})

#: For every page by its name: the right to read it (GET, HEAD) and to send something (POST).
#: None: the page has no such method.
PAGES: dict[str, tuple[Right | None, Right | None]] = {
    "overview": (R.VIEW, None),
    "tour-end": (None, R.VIEW),
    "notice-list": (R.VIEW, None),
    "alarms": (R.VIEW, R.PEOPLE),
    "attention": (R.VIEW, None),
    "attention-snooze": (None, R.VIEW),  # the service asks for the right of the tab
    "attention-wake": (None, R.VIEW),
    "help": (R.VIEW, None),
    "find": (R.VIEW, None),
    "number-list": (R.VIEW, None),
    "number-selected": (None, R.ASSIGN),
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
    "number-prove": (None, R.BUY),
    "number-prove-check": (None, R.PROBE),
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
    "plan-take-back": (None, R.ASSIGN),
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
    "order-typed": (None, R.BUY),
    "order-row": (None, R.BUY),
    "order-start-over": (None, R.BUY),
    "wants-upload": (R.BUY, R.BUY),
    "wants-template": (R.BUY, None),
    "order": (R.VIEW, None),
    "order-approve": (None, R.APPROVE),
    "order-refuse": (None, R.APPROVE),
    "order-cancel": (None, R.BUY),
    "order-assign": (None, R.ASSIGN),
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
    "gate-accept": (None, R.OPEN),
    "gate-retire": (None, R.OPEN),
    "gate-explain": (None, R.OPEN),
    "gate-baseline": (None, R.OPEN),
    "reconcile": (R.VIEW, None),
    "reconcile-start": (None, R.BUY),
    "acknowledge": (None, R.BUY),
    "activity": (R.VIEW, None),
    "activity-csv": (R.VIEW, None),
    "activity-json": (R.VIEW, None),
    "costs": (R.VIEW, None),
    "costs-csv": (R.VIEW, None),
    "budget": (None, R.PRICES),
    "invoice-list": (R.VIEW, R.BUY),
    "invoice": (R.VIEW, R.BUY),
    "invoice-csv": (R.VIEW, None),
    "people": (R.PEOPLE, None),
    "person-invite": (R.PEOPLE, R.PEOPLE),
    "person": (R.PEOPLE, None),
    "person-roles": (None, R.PEOPLE),
    "person-switch": (None, R.PEOPLE),
    "person-sessions": (None, R.PEOPLE),
    "person-factors": (None, R.PEOPLE),
    "person-link": (None, R.PEOPLE),
    "prices": (R.PRICES, R.PRICES),
    "price-remove": (None, R.PRICES),
}
#: For machines, and for links that were sent to somebody; each looks itself who asks.
PUBLIC = frozenset({"readyz", "metrics", "account-link"})
#: One's own account: open to everybody who has logged in, whatever their roles.
OWN = frozenset({"account", "session-end"})


#: For every command: the right that it asks of the account that it acts `--as`.
#: None: it has no such option, and is for the machine's administrators.
COMMANDS: dict[str, Right | None] = {
    "alarms": R.PEOPLE,
    "agents": R.ASSIGN,
    "assign": R.ASSIGN,
    "attention": R.VIEW,  # the services ask for the right of the kind
    "audit_verify": None,
    "backup": None,
    "budget": R.PRICES,
    "buy": R.BUY,
    "commands": None,
    "costs": None,
    "demo": None,
    "demo_data": None,
    "doctor": None,
    "drift": R.ASSIGN,
    "export": None,
    "gate": R.STOP,  # to open it again, and for all else: OPEN, which the command asks for
    "invoice": R.BUY,
    "label": R.ASSIGN,
    "link": R.BUY,
    "messages": None,
    "order": R.BUY,  # to approve or refuse it: APPROVE, which the command asks for
    "orders": None,
    "people": R.PEOPLE,
    "plan": R.ASSIGN,  # of a release: RELEASE, which the services ask for
    "prices": R.PRICES,
    "prove": R.BUY,  # to check whether calls can be placed: PROBE, which the command asks for
    "prune": None,
    "reconcile": R.BUY,
    "release": R.RELEASE,
    "restore": None,
    "review": R.BUY,
    "sandbox": None,
    "seed_numbers": None,
    "setup": None,
    "sync": R.ASSIGN,  # to accept what it asks about: OPEN, which the command asks for
    "upgrade": None,
    "views": R.VIEW,
    "work": None,
    "worker": None,
}


def methods(page: str) -> dict[str, Right]:
    """The methods of `page`, each with its right; none at all for a page that the table does not know."""
    read, send = PAGES.get(page, (None, None))
    return ({"GET": read, "HEAD": read} if read else {}) | ({"POST": send} if send else {})


def rights_of(user: Person) -> frozenset[Right]:
    """What `user` may do. The first question about an account costs a query."""
    if not (user.is_authenticated and user.is_active):
        return frozenset()
    if user.is_superuser:
        return frozenset(Right)
    return frozenset[Right]().union(*(RIGHTS[role] for role in roles_of(user)))


def roles_of(user: Person) -> list[Role]:
    names: set[str] | None = getattr(user, KEPT, None)
    if names is None:
        names = set(user.groups.filter(name__in=Role.values).values_list("name", flat=True))
        setattr(user, KEPT, names)
    return [role for role in Role if role in names]


def may(user: Person, right: Right) -> bool:
    return right in rights_of(user)


def is_guarded(user: Person) -> bool:
    """Whether `user` needs a second factor where these are asked for."""
    return bool(GUARDED & rights_of(user))


def roles_with(right: Right) -> list[Role]:
    return [role for role in Role if right in RIGHTS[role]]


def roles_in_words(right: Right) -> str:
    """The roles that give `right`: “assigner, buyer or administrator”."""
    *others, last = [str(role.label).lower() for role in roles_with(right)]
    return f"{', '.join(others)} or {last}" if others else last


def refusal(user: Person, right: Right | None) -> str:
    """Why `user` may not do what needs `right`, and who may."""
    if not rights_of(user):
        return "Your account has no role yet."
    return f"This requires the role {roles_in_words(right)}." if right else "No role allows this."
