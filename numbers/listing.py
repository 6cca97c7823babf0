"""The rows of the list, prepared in Python: three queries a page, whatever it shows."""

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha1

from django.db.models import Q, QuerySet
from django.utils import timezone

from .areas import REGIONS, area_of
from .models import Number, PlanRow
from .paging import Page, page_of
from .queries import Query
from .states import OPEN_ROWS, NumberStatus, RowState
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
    "connection_id",
    "connection__api_id",
    "connection__label",
    "status",
    "outbound_only",
    "drifted",
    "bought_at",
    "bought_by",
    "synced_at",
    "created_at",
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
    found = query.numbers().values(*FIELDS)
    page = page_of(found, params=params, size=query.page_size, order=query.order)
    page.rows[:] = prepared(page.rows, user=user)
    return page


def prepared(found: list[dict], *, user) -> list["Row"]:
    """FOUND, with tags and with what goes on, in two queries."""
    rows = [row_of(values) for values in found]
    by_pk = {row.pk: row for row in rows}
    worn = Number.tags.through.objects.filter(number__in=by_pk).order_by("tag__name")
    for pk, name in worn.values_list("number", "tag__name"):
        by_pk[pk].tags.append(name)
    follow(by_pk, user=user)
    return rows


def row_of(values: dict) -> Row:
    area, status = area_of(values["e164"]), values["status"]
    colour, icon = NUMBER_BADGES.get(status, ("grey", "info-circle"))
    agent_id = values["agent__api_id"] or ""
    return Row(
        pk=values["pk"],
        e164=values["e164"],
        phone=phone(values["e164"]),
        place=str(area) if area else "",
        region=REGIONS[area.region] if area else "",
        label=values["label"],
        agent=values["agent__name"] or values["agent__label"] or agent_id,
        agent_id=agent_id,
        agent_gone=bool(values["agent__gone_at"]),
        provider=provider(values["telephony_provider"]),
        connection=values["connection__label"] or values["connection__api_id"] or "",
        status=status,
        badge=(colour, icon, STATUS_WORDS[status]),
        outbound_only=values["outbound_only"],
        drifted=values["drifted"],
        bought_at=values["bought_at"],
        bought_by=values["bought_by"],
        synced_at=values["synced_at"],
        ours=status in (NumberStatus.ACTIVE, NumberStatus.INACTIVE),
    )


def follow(by_pk: dict[int, Row], *, user) -> None:
    """Say for each row what is being changed, and what USER asked for a moment ago in vain."""
    lately = Q(changed_at__gt=timezone.now() - TOLD, plan__requested_by=user, plan__applied_at__isnull=False)
    told = Q(state__in=OPEN_ROWS, plan__applied_at__isnull=False) | lately
    changes = PlanRow.objects.filter(told, number__in=by_pk).order_by("pk")
    for pk, state, reason, title in changes.values_list("number", "state", "reason", "plan__title"):
        row = by_pk[pk]
        row.changing = title if state in OPEN_ROWS else ""
        row.refused = reason if state in (RowState.FAILED, RowState.SKIPPED) else ""


def version_of(rows: list) -> str:
    """Changes whenever anything that ROWS show does."""
    return sha1(repr(rows).encode(), usedforsecurity=False).hexdigest()[:12]


def waiting(numbers: QuerySet[Number]) -> QuerySet[Number]:
    """NUMBERS that no plan under way is about."""
    under_way = PlanRow.objects.filter(state__in=OPEN_ROWS, plan__applied_at__isnull=False)
    return numbers.exclude(pk__in=under_way.values("number"))
