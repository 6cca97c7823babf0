"""A person says which line a number at Fluents belongs to that the books cannot explain."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from numbers.db.clock import db_now
from numbers.models import Attempt, Line, Number
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.inventory.holds import accept, lines_near, release, waive
from numbers.states import CANCELLABLE, Outcome, Standing
from numbers.telephony.phone import pretty

from .replay import bring_back


class CannotAttribute(NotDone):
    """That line cannot have bought that number; the text says why, for people."""


def candidates(number: Number) -> QuerySet[Line]:
    """Lines that may have bought `number`: open, in its area and on its connection, and without a number."""
    lines = Line.objects.filter(state__in=CANCELLABLE).select_related("order")
    return lines_near(number, lines).order_by("order", "position")


@needs(Right.OPEN)
def attribute(*, number: Number, line_id: int, by: Actor, reason: str) -> Line:
    """`number` was bought for that line: the line looks it up now and ends with it. Raises CannotAttribute.

    Nothing is taken on a person's word alone: it ends as bought when Fluents shows the number as asked for.
    """
    with transaction.atomic():
        number = Number.objects.select_for_update().get(pk=number.pk)
        line = Line.objects.select_for_update().select_related("order").filter(pk=line_id).first()
        if not line or not candidates(number).filter(pk=line.pk).exists():
            raise CannotAttribute(
                f"No waiting line with that number could have bought {pretty(number.e164)}."
            )
        if number.standing == Standing.EXPLAINED:
            raise CannotAttribute(f"{pretty(number.e164)} is already explained.")
        now = db_now()
        Attempt.objects.create(
            line=line,
            n=line.attempts.count() + 1,
            generation=line.generation,
            phone_number=number.e164,
            outcome=Outcome.UNKNOWN,
            detail=f"Attributed to this line: {reason}"[:500],
            sent_at=now,
            finished_at=now,
        )
        said = f"{pretty(number.e164)} was attributed to this line. Checking. {reason}"
        line = bring_back(line, phone_number=number.e164, sent_at=now, reason=said)
        Number.objects.filter(pk=number.pk).update(standing=Standing.UNEXPLAINED)
        record_event(
            action="number.attributed", by=by, number=number, order=line.order, line=line, reason=reason
        )
        release(number)
    return line


@needs(Right.OPEN)
def explain(*, decided: Iterable[tuple[Number, str]], by: Actor, reason: str) -> None:
    """Carry out what a person `decided` about numbers, all of it or nothing.

    A decision is "elsewhere", "waived", or "line-" and the id of a line. Raises CannotAttribute.
    """
    with transaction.atomic():
        for number, decision in decided:
            if decision == "elsewhere":
                accept(number=number, by=by, reason=reason)
            elif decision == "waived":
                waive(number=number, by=by, reason=reason)
            else:
                line_id = int(decision.removeprefix("line-"))
                attribute(number=number, line_id=line_id, by=by, reason=reason)
