"""The review desk: what a person decides where looking up could not."""

from django.db import transaction

from .. import fluents
from ..models import Line, Look, Number
from ..phone import pretty
from ..states import LineState
from .api import can_look_up, client
from .driving import ring
from .history import By, db_now
from .looking import look
from .moves import LeaseLost, move
from .sending import bought

CANDIDATES = 20


class CannotDecide(Exception):
    """A decision that the facts contradict, or that somebody else was faster with; says which."""


def was_bought(*, line_id: int, phone_number: str, by: By, reason: str) -> Line:
    """review -> bought: a person says which number the line became.

    Fluents must say that we own it, where it can be asked. Raises CannotDecide, FluentsError.
    """
    line = under_review(line_id)
    taken = Line.objects.filter(number__e164=phone_number, state=LineState.BOUGHT)
    if other := taken.filter(number__in=Number.objects.owned()).first():
        whose = f"line {other.position} of order {other.order_id}"
        raise CannotDecide(f"{pretty(phone_number)} belongs to {whose}.")
    info = client().find_number(phone_number)
    if not info and can_look_up():
        raise CannotDecide(f"Fluents says that {pretty(phone_number)} is not ours. Nothing was changed.")
    return decide(lambda: bought(line, info or as_asked(line, phone_number), by=by, reason=reason))


def was_not_bought(*, line_id: int, by: By, reason: str) -> Line:
    """review -> planned: a person says that nothing was bought; the line begins again with another number."""
    line = under_review(line_id)

    def again() -> Line:
        with transaction.atomic():
            planned = move(
                line,
                LineState.PLANNED,
                by=by,
                reason=reason,
                phone_number="",
                by_area_code=False,
                sends=0,
                searches=0,
                lease_until=None,
                due_at=db_now(),
                generation=line.generation + 1,
            )
            ring([line.pk])
        return planned

    return decide(again)


def close(*, line_id: int, by: By, reason: str) -> Line:
    """review -> failed: a person ends the line without a number; reconciling goes on watching its numbers."""
    line = under_review(line_id)
    return decide(lambda: move(line, LineState.FAILED, by=by, reason=reason))


def look_again(*, line_id: int) -> None:
    """Look once more for what the line may have bought, and keep what was seen as evidence."""
    line = under_review(line_id)
    attempt = line.attempts.order_by("-n").first()
    if not attempt:
        return
    try:
        sight = look(line, attempt, db_now())
        seen = {"complete": sight.complete, "found": bool(sight.found), "detail": sight.detail[:500]}
    except fluents.FluentsError as error:
        seen = {"complete": False, "found": False, "detail": error.user_message[:500]}
    Look.objects.create(line=line, at=db_now(), **seen)


def candidates(line: Line) -> list[Number]:
    """Numbers that came onto our books since the line's first send and belong to no line."""
    first = line.attempts.order_by("n").first()
    if not first:
        return []
    fresh = Number.objects.owned().filter(created_at__gte=first.sent_at, lines=None)
    if line.area_code:
        fresh = fresh.filter(e164__startswith=f"+1{line.area_code}")
    return list(fresh.select_related("agent", "connection").order_by("created_at")[:CANDIDATES])


def under_review(line_id: int) -> Line:
    line = Line.objects.select_related("order", "connection", "agent").get(pk=line_id)
    if line.state != LineState.REVIEW:
        now = line.get_state_display().lower()
        raise CannotDecide(f"This line is not up for review any more: it is {now}.")
    return line


def decide(act) -> Line:
    """ACT, unless somebody else decided in the meantime."""
    try:
        return act()
    except LeaseLost:
        raise CannotDecide("Somebody else has decided about this line meanwhile.") from None


def as_asked(line: Line, phone_number: str) -> fluents.Number:
    """The number by a person's word alone, for an API that cannot be asked."""
    return fluents.Number(
        id="",
        number=phone_number,
        active=True,
        label="",
        description="",
        outbound_only=False,
        telephony_provider=line.telephony_provider,
        telephony_account_connection=line.connection.api_id,
        inbound_agent=line.agent.api_id if line.agent else "",
        inbound_agent_name="",
        tags=(),
    )
