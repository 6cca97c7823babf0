"""Asking for a test call: may this line be called now, and from that one?"""

import re
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from numbers.db.clock import db_now
from numbers.db.wake import announce
from numbers.models import Number, Proof
from numbers.permissions import Right
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.failpoints import reached
from numbers.services.spending import gate
from numbers.states import AWAY
from numbers.telephony.area_codes import Area, area_of
from numbers.telephony.phone import pretty

from .endpoint import endpoint, why_absent

HOURS = range(9, 18)  # of the line's own zone: nobody's phone rings at night
DAY = timedelta(days=1)
AT_ONCE = 3
NAMES = uuid.UUID("5a2f6b0e-8a0c-4b57-9a55-0c1d1f7f3f6d")  # of calls that the product itself asks for
TOKEN = re.compile(r"[\w-]{16,64}", re.ASCII)


class NotTested(NotDone):
    """A test call that is not made; the text says why, for people."""


@needs(Right.BUY)
def ask_for_call(*, by: Actor, token: str, number: Number, probe: Number) -> Proof:
    """Have a worker call `number` from `probe`, once; nothing is sent here.

    One `token` is one call: asked again with it, this returns the first one. Raises NotTested, also where
    the database was restored after the form of this token was opened, and may have forgotten its call.
    """
    if not TOKEN.fullmatch(token):
        raise NotTested("This page was out of date. Try again.")
    about: dict[str, Any] = {"key": key_of(token), "opened": opened_at(token), "asked_by": by.name}
    return write_call(by=by, token=token, number=number, probe=probe, **about)


def new_token() -> str:
    """A token for one form, which says when that form was opened: a UUID of version 7 (RFC 9562)."""
    at = int(db_now().timestamp() * 1000)
    return uuid.UUID(int=at << 80 | 7 << 76 | 2 << 62 | secrets.randbits(62)).hex


def opened_at(token: str) -> datetime:
    """When the form of `token` was opened; a day ago where it does not say."""
    try:
        made = uuid.UUID(token)
        if made.version == 7:
            return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
    except ValueError:  # no UUID, or a time of the year 10,000
        pass
    return db_now() - DAY


def ask_once(*, name: str, number: Number, probe: Number, **about: Any) -> Proof:
    """Have a worker make the call that is called `name` for good; nothing is sent here.

    Asked for twice, by two workers or after the database was restored, it has the same key, and is one call.
    Raises NotTested.
    """
    key = key_of(name)
    return write_call(by=SYSTEM, key=key, token=key.hex, number=number, probe=probe, **about)


def key_of(name: str) -> uuid.UUID:
    return uuid.uuid5(NAMES, name)


def write_call(
    *, by: Actor, token: str, number: Number, probe: Number, opened: datetime | None = None, **about: Any
) -> Proof:
    """The call of that `token`, whose form was `opened` then; written now unless it is there.

    Raises NotTested.
    """
    with transaction.atomic():
        restored = gate.locked().reconciled_at  # clicks race for the same limit, so they pass one at a time
        if proof := Proof.objects.filter(token=token).first():
            return proof
        if opened and restored and restored >= opened:
            raise NotTested(
                "The database was restored after this page was opened. Nothing was called. Try again."
            )
        if Proof.objects.filter(number=number, verdict=Proof.Verdict.OPEN).exists():
            raise NotTested("This line is being tested already.")
        why = why_not(number) or why_not_from(probe, number)
        if why or not number.agent:
            raise NotTested(why)
        now = db_now()
        proof = Proof.objects.create(
            token=token, number=number, probe=probe, agent=number.agent, asked_at=now, due_at=now, **about
        )
        record_event(action="proof.asked", by=by, number=number, after={"from": probe.e164})
        announce()
        reached("proof.asked")
    return proof


def why_not(number: Number, *, but: Proof | None = None) -> str:
    """Why `number` may not be called now, or "". `but` is a call that does not count: itself."""
    return why_off() or why_unfit(number) or why_asleep(number) or why_used_up(but=but)


def why_off() -> str:
    """Why no line is called here at all, or ""."""
    if not settings.PROOF_CALLS_PER_DAY:
        return "Test calls are off: PROOF_CALLS_PER_DAY is 0."
    return why_absent(endpoint())


def why_used_up(*, but: Proof | None = None) -> str:
    """That as many calls were made as are allowed, or "". `but` does not count."""
    most = settings.PROOF_CALLS_PER_DAY
    made = Proof.objects.filter(Q(sent_at__isnull=False) | Q(verdict=""), asked_at__gt=db_now() - DAY)
    if made.exclude(pk=but.pk if but else 0).count() >= most:
        return f"All test calls of the last 24 hours are used ({most})."
    return ""


def room() -> int:
    """How many more calls the product may ask for now: few wait at a time, so that people need not."""
    if gate.stops(gate.current(), db_now()) or why_off() or why_used_up():
        return 0
    return AT_ONCE - Proof.objects.filter(verdict=Proof.Verdict.OPEN, sent_at=None).count()


def why_not_from(probe: Number, number: Number) -> str:
    """Why `number` may not be called from `probe`, or ""."""
    return "A line can't call itself." if probe.pk == number.pk else why_mute(probe)


def why_mute(probe: Number) -> str:
    """Why no line may be called from `probe`, or ""."""
    if probe.status in AWAY:
        return f"We no longer own {pretty(probe.e164)}."
    if not probe.agent or probe.agent.gone_at:
        return f"No agent is assigned to {pretty(probe.e164)}, so no one can speak on it."
    return ""


def why_unfit(number: Number) -> str:
    if number.status in AWAY:
        return "We no longer own this line."
    if number.outbound_only:
        return "This line doesn't receive calls."
    if not number.agent or number.agent.gone_at:
        return "No agent is assigned, so no one could answer."
    return ""


def why_asleep(number: Number) -> str:
    """That it is not between the HOURS where `number` is, or that nobody knows, or ""."""
    if not (there := time_in(area_of(number.e164))):
        return "The line's time zone isn't known, so no one knows whether it's a good time to call."
    if there.hour in HOURS:
        return ""
    hours = f"{HOURS.start:02}:00 to {HOURS.stop:02}:00"
    return f"It's {there:%H:%M} there. Lines are tested from {hours} of their own time."


def time_in(area: Area | None) -> datetime | None:
    """What time it is there; None where nobody knows."""
    try:
        return db_now().astimezone(ZoneInfo(area.time_zone)) if area else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
