"""The review desk: what a person decides where looking up could not."""

from collections.abc import Callable

from django.db import transaction

from numbers import fluents
from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.db.wake import announce
from numbers.models import Event, Line, Look, Number
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.fluents_client import can_look_up, client
from numbers.states import PUT_OFF, LineState
from numbers.telephony.phone import pretty

from .lookup import look
from .purchase import AlreadyBought, bought
from .transitions import move, wait

CANDIDATES = 20


class CannotDecide(NotDone):
    """A decision that the facts contradict, or that somebody else was faster with; says which."""


@needs(Right.BUY)
def was_bought(*, line_id: int, phone_number: str, by: Actor, reason: str) -> Line:
    """review -> bought: a person says which number the line became.

    Fluents must say that we own it, where it can be asked. Raises CannotDecide, FluentsError.
    """
    line = under_review(line_id)
    info = client().find_number(phone_number)
    if not info and can_look_up():
        raise CannotDecide(f"Fluents says we don't own {pretty(phone_number)}. Nothing was changed.")
    return decide(lambda: bought(line, info or as_asked(line, phone_number), by=by, reason=reason))


@needs(Right.BUY)
def was_not_bought(*, line_id: int, by: Actor, reason: str) -> Line:
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
            announce()
        return planned

    return decide(again)


@needs(Right.BUY)
def close(*, line_id: int, by: Actor, reason: str) -> Line:
    """review -> failed: a person ends the line without a number; reconciling keeps watching its numbers."""
    line = under_review(line_id)
    return decide(lambda: move(line, LineState.FAILED, by=by, reason=reason))


def ask_to_look(line: Line) -> None:
    """Have a worker look once more for what `line` may have bought."""
    with transaction.atomic():
        Line.objects.filter(pk=line.pk, state=LineState.REVIEW, lease_until=None).update(due_at=db_now())
        announce()


def look_again(line: Line) -> None:
    """Look once more for what `line`, which the caller has claimed, may have bought; keep what was seen."""
    if attempt := line.attempts.order_by("-n").first():
        try:
            sight = look(line, attempt, db_now())
            seen = {
                "complete": sight.complete,
                "found": bool(sight.found),
                "phone_numbers": [info.number for info in sight.found],
                "detail": sight.detail[:500],
            }
        except fluents.FluentsError as error:
            seen = {"complete": False, "found": False, "detail": error.user_message[:500]}
        Look.objects.create(line=line, at=db_now(), **seen)
    wait(line, until=PUT_OFF)


def candidates(line: Line) -> list[Number]:
    """Numbers that came onto our books since the line's first send and belong to no line."""
    first = line.attempts.order_by("n").first()
    if not first:
        return []
    fresh = Number.objects.owned().filter(created_at__gte=first.sent_at, lines=None)
    if line.area_code:
        fresh = fresh.filter(e164__startswith=f"+1{line.area_code}")
    return list(fresh.select_related("agent", "connection").order_by("created_at")[:CANDIDATES])


def proven(line: Line) -> list[str]:
    """Numbers that `line` may have bought: look-ups found them with us, and no other line has them.

    What the latest look-ups did not find any more is not among them.
    """
    if not (attempt := line.attempts.order_by("-n").first()):
        return []
    found: dict[str, None] = {}
    absent = False
    for seen in line.look_ups.filter(at__gte=attempt.sent_at).order_by("-pk"):
        absent |= seen.complete and not seen.found
        found |= dict.fromkeys(n for n in seen.phone_numbers if not (absent and n == line.phone_number))
    others = Line.objects.filter(phone_number__in=found).exclude(pk=line.pk)
    taken = set(others.values_list("phone_number", flat=True))
    return [number for number in found if number not in taken]


def absences(line: Line) -> int:
    """In how many complete look-ups the exact number that `line` asked for was not found."""
    if line.by_area_code or not line.phone_number:
        return 0
    return line.look_ups.filter(complete=True, found=False).count()


def decided(line: Line) -> Event | None:
    """The latest decision of a person about `line`, as the history tells it."""
    return line.events.filter(before__state=LineState.REVIEW).exclude(actor_name="").order_by("-pk").first()


def under_review(line_id: int) -> Line:
    line = Line.objects.select_related("order", "connection", "agent").get(pk=line_id)
    if line.state != LineState.REVIEW:
        now = line.get_state_display().lower()
        raise CannotDecide(f"This line no longer needs a decision. It's now {now}.")
    return line


def decide(act: Callable[[], Line]) -> Line:
    """`act`, unless somebody else decided in the meantime."""
    try:
        return act()
    except AlreadyBought as other:
        raise CannotDecide(str(other)) from None
    except LeaseLost:
        raise CannotDecide("Someone else already decided on this line.") from None


def as_asked(line: Line, phone_number: str) -> fluents.RemoteNumber:
    """The number by a person's word alone, for an API that cannot be asked."""
    return fluents.RemoteNumber(
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
