"""What somebody wants to buy: the rows of an order before it is one, and the drafts that keep them."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from ..models import Agent, Connection, Draft, Line, Number, Order
from ..phone import pretty
from ..statements import Statement, slot
from ..states import HOLDING, LineState
from .history import db_now

# Planned anew each time: whether an index of some lines serves depends on the values.
HELD = Statement(
    lambda places: (
        Line.objects.filter(phone_number__in=slot(*(f"n{i}" for i in range(places))), state__in=HOLDING)
        .order_by()
        .values_list("phone_number")
    )
)
KEEP = timedelta(days=1)  # drafts; forms do not live longer either
LONGEST_LABEL, LONGEST_TAG, MOST_TAGS = 200, 50, 20
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


def wrong_tag(tags: Iterable[str]) -> str:
    """What is wrong with TAGS, or ""."""
    tags = list(tags)
    if len(tags) > MOST_TAGS:
        return f"A number has at most {MOST_TAGS} tags."
    if bad := next((tag for tag in tags if len(tag) > LONGEST_TAG or not tag.isprintable()), ""):
        return f"“{bad[:LONGEST_TAG]}” is no tag: at most {LONGEST_TAG} characters on one line."
    return ""


def in_words(parts: Sequence[tuple[str, int]]) -> str:
    """ "10 in 415, 2 exact numbers"; PARTS are area codes ("" for exact numbers) with their lines."""
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
    owner: AbstractUser,
    form_token: str,
    telephony_provider: str,
    telephony_account_connection: str,
    wants: Sequence[Want],
    source: str = "",
    again_of: Order | None = None,
) -> Draft:
    """Keep what OWNER is about to order, for the confirming step; old drafts of everybody are thrown away."""
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
            again_of=again_of,
            created_at=now,
        )


def draft_of(owner: AbstractUser, key: str) -> Draft | None:
    """OWNER's draft of that id; None where there is none, or where it is somebody else's."""
    try:
        key = uuid.UUID(key)
    except ValueError:
        return None
    return Draft.objects.select_related("again_of").filter(pk=key, owner=owner).first()


def wants_of(draft: Draft) -> list[Want]:
    return [Want(**want) for want in draft.wants]


def obstacles(draft: Draft) -> list[str]:
    """What has changed since DRAFT was written so that it cannot be ordered as it stands."""
    found, wants = [], wants_of(draft)
    gone = Connection.objects.filter(api_id=draft.telephony_account_connection, gone_at__isnull=False)
    found += [f"The connection {row} is gone at Fluents. Choose another one." for row in gone]
    agents = Agent.objects.filter(api_id__in={want.inbound_agent for want in wants}, gone_at__isnull=False)
    found += [f"The agent {row} is gone at Fluents. Choose who answers instead." for row in agents]
    ours = owned_among(want.phone_number for want in wants)
    return found + [f"{pretty(e164)} is ours by now. Take it off the order." for e164 in sorted(ours)]


def owned_among(phone_numbers: Iterable[str]) -> set[str]:
    """Those of PHONE_NUMBERS that our books say are ours."""
    named = set(phone_numbers) - {""}
    if not named:
        return set()
    return set(Number.objects.owned().filter(e164__in=named).values_list("e164", flat=True))


def held_among(phone_numbers: Iterable[str]) -> set[str]:
    """Those of PHONE_NUMBERS that a line of ours is about at the moment."""
    asked = list(phone_numbers)
    places = len(asked) + -len(asked) % 20  # few statements: those left over hold the first once more
    values = {f"n{i}": number for i, number in enumerate(asked + asked[:1] * (places - len(asked)))}
    return {number for (number,) in HELD.rows(places, **values)} if asked else set()


def missing_of(order: Order) -> list[Want]:
    """What ORDER asked for and did not get: its failed lines, alike ones as one row."""
    rows: dict[tuple, int] = {}
    failed = Line.objects.filter(order=order, state=LineState.FAILED).order_by("position")
    for area, number, agent, label, tags in failed.values_list(
        "area_code", "wanted_number", "agent__api_id", "label", "tags"
    ):
        key = (area, number, agent or "", label, tuple(tags))
        rows[key] = rows.get(key, 0) + 1
    names = ("area_code", "phone_number", "inbound_agent", "label", "tags")
    return [Want(**dict(zip(names, key, strict=True)), quantity=count) for key, count in rows.items()]
