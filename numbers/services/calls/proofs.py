"""Asking for a test call: may this line be called now, and from that one?"""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from numbers.db.clock import db_now
from numbers.db.wake import announce
from numbers.models import Number, Proof
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.failpoints import reached
from numbers.services.spending import gate
from numbers.states import AWAY
from numbers.telephony.area_codes import area_of
from numbers.telephony.phone import pretty

from .endpoint import endpoint, why_absent

HOURS = range(9, 18)  # of the line's own zone: nobody's phone rings at night
DAY = timedelta(days=1)
TOKEN = re.compile(r"[\w-]{16,64}", re.ASCII)


class NotTested(NotDone):
    """A test call that is not made; the text says why, for people."""


@needs(Right.BUY)
def ask_for_call(*, by: Actor, token: str, number: Number, probe: Number) -> Proof:
    """Have a worker call `number` from `probe`, once; nothing is sent here.

    One `token` is one call: asked again with it, this returns the first one. Raises NotTested.
    """
    if not TOKEN.fullmatch(token):
        raise NotTested("This page was out of date. Try again.")
    with transaction.atomic():
        gate.locked()  # clicks race for the same limit, so they pass one at a time
        if proof := Proof.objects.filter(token=token).first():
            return proof
        if Proof.objects.filter(number=number, verdict=Proof.Verdict.OPEN).exists():
            raise NotTested("This line is being tested already.")
        why = why_not(number) or why_not_from(probe, number)
        if why or not number.agent:
            raise NotTested(why)
        now = db_now()
        proof = Proof.objects.create(
            token=token,
            number=number,
            probe=probe,
            agent=number.agent,
            asked_by=by.name,
            asked_at=now,
            due_at=now,
        )
        record_event(action="proof.asked", by=by, number=number, after={"from": probe.e164})
        announce()
        reached("proof.asked")
    return proof


def why_not(number: Number, *, but: Proof | None = None) -> str:
    """Why `number` may not be called now, or "". `but` is a call that does not count: itself."""
    most = settings.PROOF_CALLS_PER_DAY
    if not most:
        return "Test calls are off: PROOF_CALLS_PER_DAY is 0."
    if why := why_absent(endpoint()) or why_unfit(number) or why_asleep(number):
        return why
    made = Proof.objects.filter(Q(sent_at__isnull=False) | Q(verdict=""), asked_at__gt=db_now() - DAY)
    if made.exclude(pk=but.pk if but else 0).count() >= most:
        return f"All test calls of the last 24 hours are used ({most})."
    return ""


def why_not_from(probe: Number, number: Number) -> str:
    """Why `number` may not be called from `probe`, or ""."""
    if probe.pk == number.pk:
        return "A line can't call itself."
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
    area = area_of(number.e164)
    try:
        there = db_now().astimezone(ZoneInfo(area.time_zone)) if area else None
    except (ZoneInfoNotFoundError, ValueError):
        there = None
    if not there:
        return "The line's time zone isn't known, so no one knows whether it's a good time to call."
    if there.hour in HOURS:
        return ""
    hours = f"{HOURS.start:02}:00 to {HOURS.stop:02}:00"
    return f"It's {there:%H:%M} there. Lines are tested from {hours} of their own time."
