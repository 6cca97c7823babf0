"""What the palette finds: pages, actions, numbers, orders, agents and people, each with its address.

All in a fixed number of queries, and only what the person may see or do.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse

from numbers.models import Agent, Number, Order
from numbers.permissions import PAGES, Right, rights_of
from numbers.services.inventory.agent_names import agents_called
from numbers.services.spending.gate import current
from numbers.telephony.characters import plain
from numbers.telephony.phone import to_e164
from numbers.templatetags.ui import plural

from .match import ANY
from .orders import Tab, Viewer, exact, wanted
from .page import Row, rows_of
from .query import Query

SHOWN = 6  # of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing to open, or to do at once where it is to be `sent`."""

    title: str
    url: str
    icon: str
    detail: str = ""
    sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What was found of one kind."""

    name: str
    options: list[Option]


@dataclass(frozen=True, slots=True)
class Place:
    """A page or an action by its title, and other `words` that people have for it."""

    title: str
    page: str  # as urls.py names it
    icon: str
    words: str = ""
    query: str = ""
    needs: Right | None = None  # beyond the right for its page
    sent: bool = False
    buying: bool | None = None  # offered only while buying is on, or only while it is not

    def is_for(self, rights: Iterable[Right], *, buying: bool) -> bool:
        """Whether somebody with these rights may read its page, or send to it, and has a use for it now."""
        if self.buying not in (None, buying):
            return False
        right = PAGES[self.page][self.sent] if self.page in PAGES else None
        return all(need in rights for need in (right, self.needs) if need)

    def is_meant(self, text: str) -> bool:
        """Whether each word of `text` begins one of its own."""
        known = f"{self.title} {self.words}".casefold().split()
        return all(any(word.startswith(part) for word in known) for part in text.casefold().split())

    @property
    def option(self) -> Option:
        url = reverse(self.page) + (f"?{self.query}" if self.query else "")
        return Option(title=self.title, url=url, icon=self.icon, sent=self.sent)


PLACES = (
    Place("Overview", "overview", "layout-dashboard", "home dashboard costs map"),
    Place("Numbers", "number-list", "phone", "phone lines list"),
    Place("Orders", "order-list", "receipt", "purchases"),
    Place("Orders that need you", "order-list", "receipt", query="tab=needs"),
    Place("Attention", "attention", "hand-stop", "inbox needs"),
    Place("Purchases to confirm", "attention", "hand-stop", "attention review", query="tab=purchases"),
    Place("Approvals", "attention", "user-check", "attention approve", query="tab=approvals"),
    Place("Unassigned numbers", "unassigned", "phone-off", "attention queue"),
    Place("Differences from Fluents", "drift", "scale", "attention drift"),
    Place("Full comparison with Fluents", "reconcile", "scale", "reconcile compare records"),
    Place("Changes", "plan-list", "list-check", "plans bulk undo"),
    Place("Agents", "agent-list", "robot", "voice"),
    Place("Activity", "activity", "history", "audit log events"),
    Place("Notices", "notice-list", "bell", "notifications"),
    Place("Alarms", "alarms", "bell", "notices alerts thresholds slack webhook"),
    Place("Buying", "gate", "circle-check", "gate stopped paused limits"),
    Place("People", "people", "users", "team users accounts roles"),
    Place("Costs", "costs", "coin", "money spending budgets monthly"),
    Place("Invoices", "invoice-list", "coin", "costs bills providers"),
    Place("Prices", "prices", "coin", "costs"),
    Place(
        "Your account",
        "account",
        "key",
        "password two-factor 2fa passkey authenticator sessions settings profile",
    ),
    Place("Help", "help", "info-circle", "keyboard shortcuts keys states roles terms"),
)
ACTIONS = (
    Place("Buy lines", "order-new", "phone-plus", "order purchase new numbers"),
    Place("Buy lines from a CSV file", "wants-upload", "phone-plus", "upload import order"),
    Place("Assign unassigned numbers", "unassigned", "robot", "answer agent", needs=Right.ASSIGN),
    Place("Change numbers from a CSV file", "upload", "pencil", "upload import bulk assign"),
    Place("Link a number", "number-link", "plus", "add existing import"),
    Place("Sync with Fluents", "sync", "refresh", "update refresh", sent=True),
    Place("Pause buying", "gate", "player-pause", "stop gate", needs=Right.STOP, buying=True),
    Place("Resume buying", "gate", "check", "open gate start", needs=Right.OPEN, buying=False),
    Place("Invite a person", "person-invite", "users", "add user account"),
    Place("Edit prices", "prices", "coin", "add price costs"),
    Place("Export numbers as CSV", "numbers-csv", "copy", "download"),
    Place("Export costs as CSV", "costs-csv", "copy", "download"),
    Place("Export activity as CSV", "activity-csv", "copy", "download audit history"),
    Place("Log out", "logout", "logout", "sign out exit", sent=True),
)


def target(text: str) -> str:
    """Where a whole phone number of ours, or the reference of an order, leads; "" for anything else."""
    e164 = to_e164(text)
    found = Number.objects.filter(e164=e164).first() if e164 else exact(text)
    return found.get_absolute_url() if found else ""


def groups_for(text: str, *, user: User) -> list[Group]:
    """What `text` finds for `user`, the likeliest kind first; every page and action where it is empty."""
    rights, buying = rights_of(user), current().is_open
    places = [
        places_for(name, [place for place in kind if place.is_for(rights, buying=buying)], text)
        for name, kind in (("Pages", PLACES), ("Actions", ACTIONS))
    ]
    if not text:
        return places
    places.sort(key=lambda group: min((distance(option.title, text) for option in group.options), default=0))
    named = exact(text)
    numbers, orders = numbers_for(text, user), orders_for(text, named, Viewer(user_id=user.pk, rights=rights))
    others = [agents_for(text), *([people_for(text)] if Right.PEOPLE in rights else [])]
    if not any(map(str.isdigit, text)):
        found = [*places, *others, numbers, orders]
    elif named:
        found = [orders, numbers, *others, *places]
    else:
        found = [numbers, orders, *others, *places]
    return [group for group in found if group.options]


def places_for(name: str, places: Iterable[Place], text: str) -> Group:
    """Those of `places` that `text` means; first those whose title begins so."""
    meant = [place for place in places if place.is_meant(text)]
    meant.sort(key=lambda place: distance(place.title, text))
    return Group(name=name, options=[place.option for place in meant])


def distance(title: str, text: str) -> int:
    """0 where `title` begins with the whole words of `text`, 1 where it begins with `text`, otherwise 2."""
    title, text = title.casefold(), text.casefold()
    return 0 if f"{title} ".startswith(f"{text} ") else 1 if title.startswith(text) else 2


def numbers_for(text: str, user: User) -> Group:
    """Numbers by parts of their digits, label, agent or tags; a whole one also where it was given up."""
    query = Query.read({"q": text, "status": ANY if to_e164(text) else ""})
    page = rows_of(replace(query, size=str(SHOWN)), {}, user=user)
    options = [number_option(row) for row in page]
    if page.older or page.partial:
        options.append(more("numbers", text, query.get_absolute_url()))
    return Group(name="Numbers", options=options)


def number_option(row: Row) -> Option:
    who = row.agent or "Unassigned"
    known = (row.label, who if row.ours else row.badge[2], row.place)
    url = reverse("number", args=[row.e164])
    return Option(title=row.phone, url=url, icon="phone", detail=" · ".join(filter(None, known)))


def orders_for(text: str, named: Order | None, viewer: Viewer) -> Group:
    """Orders by reference, number, label or person; the one that is `named` stands first."""
    asked = wanted(Tab.ALL, viewer, q=text, person="", first=None, last=None)
    page = asked.page({}, size=SHOWN)
    rows = sorted(page.rows, key=lambda order: order != named)
    options = [order_option(order) for order in rows]
    if options and (page.older or page.partial):
        options.append(more("orders", text, f"{reverse('order-list')}?{Query(q=text)}"))
    return Group(name="Orders", options=options)


def order_option(order: Order) -> Option:
    detail = " · ".join(filter(None, (plural(order.quantity, "line"), order.requested_by_name)))
    return Option(title=str(order), url=order.get_absolute_url(), icon="receipt", detail=detail)


def more(kind: str, text: str, url: str) -> Option:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return Option(title=f"All {kind} that match “{shown}”", url=url, icon="search")


def agents_for(text: str) -> Group:
    agents = agents_called(text).order_by("name", "pk")[:SHOWN]
    return Group(name="Agents", options=[agent_option(agent) for agent in agents])


def agent_option(agent: Agent) -> Option:
    gone = "Deleted in Fluents" if agent.gone_at else ""
    return Option(title=str(agent), url=reverse("agent", args=[agent.pk]), icon="robot", detail=gone)


def people_for(text: str) -> Group:
    """Accounts by name or e-mail address: for those alone who manage people."""
    held = Q(username__icontains=text) | Q(email__icontains=text)
    found = User.objects.filter(held).order_by("-is_active", "username")[:SHOWN]
    options = [
        Option(
            title=user.get_username(),
            url=reverse("person", args=[user.pk]),
            icon="users",
            detail=user.email if user.is_active else "Deactivated",
        )
        for user in found
    ]
    return Group(name="People", options=options)


def understood(typed: str) -> str:
    """`typed` without what nobody sees."""
    text = typed.replace("\x00", "").strip()
    return text if plain(text).strip() else ""
