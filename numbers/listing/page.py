"""The rows of the list, prepared in Python: two queries a page, whatever it shows."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache

from django.db import connection
from django.db.models import BigIntegerField, CharField, F, Q, QuerySet, Value
from django.utils import timezone

from numbers.currencies import priced
from numbers.db.pagination import Ordering, Page, page_within
from numbers.db.prepared import Prepared
from numbers.db.sql import Statement, keys, keys_slot, slot
from numbers.models import Number, PlanRow
from numbers.services.inventory.sightings import LAST_SEEN
from numbers.services.orders.prices import price_table
from numbers.states import OPEN_ROWS, OURS, NumberStatus, RowState
from numbers.telephony.area_codes import REGIONS, area_code_of, areas
from numbers.templatetags.numbers import NUMBER_BADGES, provider
from numbers.templatetags.ui import phone

from .match import WINDOW, Along, Match
from .query import Query

SOON = 1000  # numbers that hold a text: PostgreSQL gathers them all, so of more a page looks nearby first
TOLD = timedelta(minutes=2)  # for so long a row says why a change was not made
FIELDS = (
    "pk",
    "e164",
    "label",
    "agent__api_id",
    "agent__name",
    "agent__label",
    "agent__gone_at",
    "telephony_provider",
    "connection__api_id",
    "connection__label",
    "status",
    "outbound_only",
    "drifted",
    "bought_at",
    "bought_by",
    "synced_at",
    "connection_id",
    "description",
    "calls_30",
    "last_call_at",
    "answerer",
)
#: Read where their column is shown or sorts; "" only sorts.
SELDOM = {
    "synced_at": "",
    "last_call_at": "last_call",
    "description": "description",
    "calls_30": "calls",
    "connection_id": "cost",
    "answerer": "",
}
BADGES = {
    str(status): (*NUMBER_BADGES.get(status, ("grey", "info-circle")), str(status.label))
    for status in NumberStatus
}


@dataclass(slots=True)
class Row:
    """One number as the list shows it."""

    pk: int
    e164: str
    phone: str
    place: str
    region: str
    label: str
    agent: str
    agent_id: str
    agent_gone: bool
    provider: str
    connection: str
    status: str
    badge: tuple[str, str, str]
    outbound_only: bool
    drifted: bool
    bought_at: object
    bought_by: str
    last_seen: object
    ours: bool
    description: str
    calls: int
    last_call_at: object
    cost: str = ""  # a month, by our own price table
    tags: list[str] = field(default_factory=list)
    changing: str = ""  # what is under way
    refused: str = ""  # why the last change was not made


def rows_of(query: Query, params, *, user) -> Page:
    """The page of numbers that `query` matches, with what is under way for each, as `user` may see it."""
    match, values, found = query.match
    page = None
    if match.lead == "q" and found.get("q", 0) > SOON and connection.vendor == "postgresql":
        along = replace(match, lead="", few=False)
        page = read_page(query, along, values, params, walking=True)
    if page is None or page.partial:
        page = read_page(query, match, values, params, walking=is_far(match, found))
    written = list(page.rows)
    page.rows[:] = prepared(written, user=user)
    if "cost" in query.columns:
        add_costs(page.rows, written)
    return page


def read_page(query: Query, match: Match, values: dict, params, *, walking: bool) -> Page:
    """The page of what `match` finds with `values`, each number as a dict. It may be partial if `walking`."""
    order, size, names, ties = query.order, query.page_size, fields_of(query), [False]

    def fill(name: str, key: tuple | None) -> str:
        """Put `key` into the slots of this `name`; what kind of key it is."""
        if not key:
            return ""
        values.update({name: key[0], f"{name}-value": order.written(key[1])})
        return name if key[1] is None else f"{name}-value"

    def read(key: tuple | None, end: tuple | None, *, backwards: bool) -> list[dict]:
        kinds = fill("key", key), fill("end", end)

        def find(*, timeless: bool) -> list[tuple]:
            return LIST.rows(match, order, size, (*kinds, ties[-1]), backwards, timeless, names, **values)

        rows = order.take(find, key, backwards=backwards, count=size + 1)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def find_end(key: tuple | None, *, backwards: bool) -> list[tuple] | None:
        if not walking:
            return None
        shape = match, order, fill("key", key), backwards
        ends = END.rows(*shape, WINDOW - 1, 2, **values)
        if len(ends) < 2:
            return []
        if not order.field:
            return [(pk, None) for pk, _ in ends]
        ties.append(not order.unique and END.rows(*shape, 0, 1, **values)[0][1] == ends[1][1])
        return ends

    return page_within(read, find_end=find_end, params=params, size=size, order=order)


def fields_of(query: Query) -> tuple[str, ...]:
    """What is read of each number that `query` shows."""
    columns, sorts = query.columns, query.order.field
    names = tuple(name for name in FIELDS if name not in SELDOM or SELDOM[name] in columns or name == sorts)
    return (*names, "last_seen") if "synced" in columns else names


def is_far(match: Match, found: dict[str, int]) -> bool:
    """Whether a page of `match` may walk far: each filter finds many, and the one that leads is not alone."""
    broad = bool(match.search and "q" not in found)
    return not match.few and bool(found.keys() - {match.lead} or broad)


def place(kind: str) -> tuple | None:
    """The key whose slots are of this `kind`."""
    name, _, value = kind.partition("-")
    return (slot(name), slot(kind) if value else None) if kind else None


def paged(
    match: Match,
    order: Ordering,
    size: int,
    kinds: tuple[str, str, bool],
    backwards: bool,
    timeless: bool,
    names: tuple[str, ...],
) -> QuerySet:
    """`names` of one page in `order`, and one row more; behind a key or, if `backwards`, before it, and up
    to an end."""
    found, along, sorting = match.numbers(), order, None
    if order.field and match.few:
        found = found.alias(along=Along(F(order.field)))  # not by the index of the order
        along = replace(order, field="along")
    elif match.few and connection.vendor == "postgresql":  # which may take the keys' index for it
        found = found.alias(along=Along(F("pk")))
        sorting = replace(order, field="along")
    key, end = place(kinds[0]), place(kinds[1])
    if key:
        found = found.filter(along.behind(key, backwards=backwards, timeless=timeless))
    if end and kinds[2]:  # all up to there have the same value: an index finds their ids in it
        same, by_age = Q(**{order.field: end[1]}), replace(order, field="")
        found = found.filter(same & by_age.behind(end, backwards=not backwards))
    elif end:
        found = found.filter(along.behind(end, backwards=not backwards))
    found = (sorting or along).sorted(found, backwards=backwards)[: size + 1]
    if sorting or along is not order:  # sorts keys, not rows with all that they point to
        found = order.sorted(Number.objects.filter(pk__in=found.values("pk")), backwards=backwards)
    if "last_seen" in names:
        found = found.annotate(last_seen=LAST_SEEN)
    return found.values_list(*names)


def ending(match: Match, order: Ordering, kind: str, backwards: bool, start: int, count: int) -> QuerySet:
    """`count` rows from the one at `start` on, of those that a page walks along from behind a key on."""
    found = match.way()
    if key := place(kind):
        found = found.filter(order.behind(key, backwards=backwards, timeless=False))
    found = order.sorted(found, backwards=backwards)
    if order.unique:  # its index knows no keys, so only those of the end are read from the table
        ends = found.values(order.field)[start : start + count]
        found = order.sorted(Number.objects.filter(**{f"{order.field}__in": ends}), backwards=backwards)
        return found.values_list("pk", order.field)
    return found.values_list("pk", order.field or "pk")[start : start + count]


END = Statement(ending)
LIST = Statement(paged)


def add_costs(rows: list["Row"], found: list[dict]) -> None:
    """What each of `rows`, which were `found` so, costs a month by our own price table."""
    prices = price_table()
    for row, values in zip(rows, found, strict=True):
        price = prices.find(values["telephony_provider"], values["connection_id"])
        row.cost = priced(price.monthly, price.currency) if price else ""


def prepared(found: list[dict], *, user) -> list["Row"]:
    """`found`, with tags and with what is under way, in one query.

    That is what is being changed, and what `user` asked for a moment ago in vain.
    """
    rows = {values["pk"]: row_of(values) for values in found}
    lately = connection.ops.adapt_datetimefield_value(timezone.now() - TOLD)
    marks = MARKS.rows(numbers=keys(rows), user=user.pk, lately=lately) if rows else []
    for pk, change, text, state, title in sorted(marks, key=lambda mark: mark[1:3]):
        row = rows[pk]
        if not change:
            row.tags.append(text)
            continue
        row.changing = title if state in OPEN_ROWS else ""
        row.refused = text if state in (RowState.FAILED, RowState.SKIPPED) else ""
    return list(rows.values())


def marks() -> QuerySet:
    """The tags of numbers, and the rows of plans about them that a page tells of."""
    numbers, nothing = keys_slot("numbers"), Value("", CharField())
    links = Number.tags.through.objects.filter(number__in=numbers)
    lately = Q(changed_at__gt=slot("lately"), plan__requested_by=slot("user"), plan__applied_at__isnull=False)
    told = Q(state__in=sorted(OPEN_ROWS), plan__applied_at__isnull=False) | lately
    changes = PlanRow.objects.filter(told, number__in=numbers).order_by()
    return links.values_list("number", Value(0, BigIntegerField()), "tag__name", nothing, nothing).union(
        changes.values_list("number", "pk", "reason", "state", "plan__title"), all=True
    )


MARKS = Prepared(marks)


@cache
def place_of(area_code: str) -> tuple[str, str]:
    """The city and the state or province of an area code in words, "" where they aren't known."""
    area = areas().get(area_code)
    return (str(area), REGIONS[area.region]) if area else ("", "")


def row_of(values: dict) -> Row:
    e164, status, agent_id = values["e164"], values["status"], values["agent__api_id"] or ""
    place, region = place_of(area_code_of(e164))
    return Row(  # by position: by name takes Python three times as long
        values["pk"],
        e164,
        phone(e164),
        place,
        region,
        values["label"],
        values["agent__name"] or values["agent__label"] or agent_id,
        agent_id,
        bool(values["agent__gone_at"]),
        provider(values["telephony_provider"]),
        values["connection__label"] or values["connection__api_id"] or "",
        status,
        BADGES[status],
        values["outbound_only"],
        values["drifted"],
        values["bought_at"],
        values["bought_by"],
        values.get("last_seen"),
        status in OURS,
        values.get("description", ""),
        values.get("calls_30", 0),
        values.get("last_call_at"),
    )


def waiting(numbers: QuerySet[Number]) -> QuerySet[Number]:
    """`numbers` that no plan under way is about."""
    under_way = PlanRow.objects.filter(state__in=OPEN_ROWS, plan__applied_at__isnull=False)
    return numbers.exclude(pk__in=under_way.values("number"))
