"""What somebody wants to buy: the rows of an order before it is one, and the drafts that keep them."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction

from numbers.db.clock import db_now
from numbers.models import Agent, Connection, Draft, Line, Order
from numbers.services.inventory.holdings import owned_among
from numbers.states import LineState
from numbers.telephony.numbering_plan import NotForSale, warning_about
from numbers.telephony.phone import check_for_sale, pretty

KEEP = timedelta(days=1)  # drafts; forms do not live longer either
PARTS = 4  # areas that a short description names


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One row: so many lines in an area code, or one exact number; who answers, and what is written on it."""

    area_code: str = ""
    phone_number: str = ""
    inbound_agent: str = ""  # the id at Fluents
    quantity: int = 1
    label: str = ""
    tags: Sequence[str] = ()

    def as_json(self) -> dict:
        return asdict(self) | {"tags": sorted(self.tags)}


def count_of(wants: Iterable[Want]) -> int:
    """How many lines these wants are."""
    return sum(want.quantity for want in wants)


def warnings_about(wants: Iterable[Want]) -> list[str]:
    """What a person should confirm before `wants` are ordered: area codes we do not know, other countries."""
    return list(dict.fromkeys(text for want in wants if (text := doubt(want)[0])))


def doubt(want: Want) -> tuple[str, str]:
    """What is doubtful about `want`, and why it is never bought; "" where neither."""
    try:
        number = want.phone_number
        return (check_for_sale(number) if number else warning_about(want.area_code)), ""
    except NotForSale as error:
        return "", str(error)


def in_words(parts: Sequence[tuple[str, int]]) -> str:
    """ "10 in 415, 2 exact numbers"; `parts` are area codes ("" for exact numbers) with their lines."""
    by_area: dict[str, int] = {}
    for area, count in parts:
        by_area[area] = by_area.get(area, 0) + count
    words = [
        f"{count:,} in {area}" if area else f"{count:,} exact number{'' if count == 1 else 's'}"
        for area, count in by_area.items()
    ]
    if len(words) > PARTS:
        rest = sum(list(by_area.values())[PARTS - 1 :])
        words = [*words[: PARTS - 1], f"{rest:,} in {len(words) - PARTS + 1} other areas"]
    return ", ".join(words)


# --- Drafts ---------------------------------------------------------------------------------


def keep_draft(
    *,
    owner: User,
    form_token: str,
    telephony_provider: str,
    telephony_account_connection: str,
    wants: Sequence[Want],
    source: str = "",
    warnings: Sequence[str] = (),
    again_of: Order | None = None,
) -> Draft:
    """Keep what owner is about to order, for the confirming step; old drafts of everybody are thrown away."""
    now = db_now()
    with transaction.atomic():
        Draft.objects.filter(created_at__lt=now - KEEP).delete()
        return Draft.objects.create(
            owner=owner,
            form_token=form_token,
            telephony_provider=telephony_provider,
            telephony_account_connection=telephony_account_connection,
            wants=[want.as_json() for want in wants],
            source=source[:200],
            warnings=list(warnings),
            again_of=again_of,
            created_at=now,
        )


def last_account(owner: User) -> dict[str, str]:
    """The account that `owner` bought on last, by the names of the form; {} where there is none any more."""
    order = Order.objects.filter(requested_by=owner).order_by("-pk").first()
    line = order and order.lines.select_related("connection").filter(connection__gone_at=None).first()
    if not line:
        return {}
    return {
        "telephony_provider": line.telephony_provider,
        "telephony_account_connection": line.connection.api_id,
    }


def draft_of(owner: User, key: str) -> Draft | None:
    """`owner`'s draft of that id; None where there is none, or where it is somebody else's."""
    try:
        pk = uuid.UUID(key)
    except ValueError:
        return None
    return Draft.objects.select_related("again_of").filter(pk=pk, owner=owner).first()


def wants_of(draft: Draft) -> list[Want]:
    return [Want(**want) for want in draft.wants]


def obstacles(draft: Draft) -> list[str]:
    """What has changed since `draft` was written so that it cannot be ordered as it stands."""
    found, wants = [], wants_of(draft)
    gone = Connection.objects.filter(api_id=draft.telephony_account_connection, gone_at__isnull=False)
    found += [f"The connection {row} was deleted in Fluents. Choose another one." for row in gone]
    agents = Agent.objects.filter(api_id__in={want.inbound_agent for want in wants}, gone_at__isnull=False)
    found += [f"The agent {row} was deleted in Fluents. Choose another agent." for row in agents]
    found += dict.fromkeys(text for want in wants if (text := doubt(want)[1]))
    ours = owned_among(want.phone_number for want in wants)
    return found + [f"{pretty(e164)} is already ours. Remove it from the order." for e164 in sorted(ours)]


def missing_of(order: Order) -> list[Want]:
    """What `order` asked for and did not get: its failed lines, alike ones as one row."""
    rows: dict[tuple, int] = {}
    failed = Line.objects.filter(order=order, state=LineState.FAILED).order_by("position")
    for area, number, agent, label, tags in failed.values_list(
        "area_code", "wanted_number", "agent__api_id", "label", "tags"
    ):
        key = (area, number, agent or "", label, tuple(tags))
        rows[key] = rows.get(key, 0) + 1
    names = ("area_code", "phone_number", "inbound_agent", "label", "tags")
    return [Want(**dict(zip(names, key, strict=True)), quantity=count) for key, count in rows.items()]
