"""The rows of the list, prepared in Python: two queries a page, whatever it shows."""

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha1

from django.db import connection
from django.db.models import BigIntegerField, CharField, Q, QuerySet, Value
from django.utils import timezone

from .areas import REGIONS, area_of
from .matching import Match
from .models import Number, PlanRow
from .paging import Order, Page, page_by
from .prepared import Prepared
from .queries import Query
from .statements import Statement, keys, keys_slot, slot
from .states import OPEN_ROWS, OURS, NumberStatus, RowState
from .templatetags.lines import NUMBER_BADGES, phone, provider

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
)
STATUS_WORDS = {str(status): str(status.label) for status in NumberStatus}


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
    synced_at: object
    ours: bool
    tags: list[str] = field(default_factory=list)
    changing: str = ""  # what is under way
    refused: str = ""  # why the last change was not made


def rows_of(query: Query, params, *, user) -> Page:
    """The page of numbers that QUERY matches, with what goes on with each for USER to see."""
    (shape, values), order = query.worded, query.order

    def read(key: tuple | None, *, turned: bool) -> list[dict]:
        if key:
            values.update(pk=key[0], value=order.written(key[1]))
        kind = (None if key[1] is None else "value",) if key else ()

        def find(*, timeless: bool) -> list[tuple]:
            return LIST.rows(shape, order, query.page_size, kind, turned, timeless, **values)

        rows = order.take(find, key, turned=turned, count=query.page_size + 1)
        return [dict(zip(FIELDS, row, strict=True)) for row in rows]

    page = page_by(read, params=params, size=query.page_size, order=order)
    page.rows[:] = prepared(page.rows, user=user)
    return page


def paged(match: Match, order: Order, size: int, kind: tuple, turned: bool, timeless: bool) -> QuerySet:
    """One page in ORDER, and one row more; behind a key or, if TURNED, before it. KIND: what it holds."""
    found = match.numbers().values_list(*FIELDS)
    if kind:
        key = slot("pk"), kind[0] and slot(kind[0])
        found = found.filter(order.behind(key, turned=turned, timeless=timeless))
    return order.sorted(found, turned=turned)[: size + 1]


LIST = Statement(paged)


def prepared(found: list[dict], *, user) -> list["Row"]:
    """FOUND, with tags and with what goes on, in one query.

    That is what is being changed, and what USER asked for a moment ago in vain.
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
    worn = Number.tags.through.objects.filter(number__in=numbers)
    lately = Q(changed_at__gt=slot("lately"), plan__requested_by=slot("user"), plan__applied_at__isnull=False)
    told = Q(state__in=sorted(OPEN_ROWS), plan__applied_at__isnull=False) | lately
    changes = PlanRow.objects.filter(told, number__in=numbers).order_by()
    return worn.values_list("number", Value(0, BigIntegerField()), "tag__name", nothing, nothing).union(
        changes.values_list("number", "pk", "reason", "state", "plan__title"), all=True
    )


MARKS = Prepared(marks)


def row_of(values: dict) -> Row:
    e164, status, agent_id = values["e164"], values["status"], values["agent__api_id"] or ""
    area = area_of(e164)
    colour, icon = NUMBER_BADGES.get(status, ("grey", "info-circle"))
    return Row(  # by position: by name takes Python three times as long
        values["pk"],
        e164,
        phone(e164),
        str(area) if area else "",
        REGIONS[area.region] if area else "",
        values["label"],
        values["agent__name"] or values["agent__label"] or agent_id,
        agent_id,
        bool(values["agent__gone_at"]),
        provider(values["telephony_provider"]),
        values["connection__label"] or values["connection__api_id"] or "",
        status,
        (colour, icon, STATUS_WORDS[status]),
        values["outbound_only"],
        values["drifted"],
        values["bought_at"],
        values["bought_by"],
        values["synced_at"],
        status in OURS,
        [],
    )


def version_of(rows: list) -> str:
    """Changes whenever anything that ROWS show does."""
    return sha1(repr(rows).encode(), usedforsecurity=False).hexdigest()[:12]


def waiting(numbers: QuerySet[Number]) -> QuerySet[Number]:
    """NUMBERS that no plan under way is about."""
    under_way = PlanRow.objects.filter(state__in=OPEN_ROWS, plan__applied_at__isnull=False)
    return numbers.exclude(pk__in=under_way.values("number"))
