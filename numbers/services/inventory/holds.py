"""Numbers at Fluents that nothing explains, and the lines that wait until a person has decided about them.

A database that has forgotten a purchase would buy again for the same line. So what nobody here has bought,
linked or accepted may be such a purchase: it holds its area and connection.
"""

from django.db import transaction
from django.db.models import Q, QuerySet

from numbers.db.clock import db_now
from numbers.models import Attempt, Line, Number
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.states import CANCELLABLE, FINAL, PUT_OFF, LineState, Outcome, Standing


def area_holders() -> QuerySet[Number]:
    """Numbers that keep lines from being bought in their area and on their connection."""
    return Number.objects.unexplained().filter(standing=Standing.HOLDS)  # the first half names the index


def lines_near(number: Number, lines: QuerySet[Line]) -> QuerySet[Line]:
    """Those of lines that may have bought number: in its area, and on its connection where that is known."""
    here = Q(area_code=number.area_code) | Q(wanted_number__startswith=number.e164[:5])
    return lines.filter(here, **({"connection": number.connection_id} if number.connection_id else {}))


def hold_areas() -> int:
    """Let unexplained numbers hold the areas and connections that have open lines; how many do."""
    lines = Line.objects.exclude(state__in=FINAL).order_by().distinct()
    places = {
        (connection, area_code or wanted[2:5])
        for connection, area_code, wanted in lines.values_list("connection", "area_code", "wanted_number")
    }
    for connection, area_code in places:
        here = Q(connection=connection) | Q(connection=None)
        near = Number.objects.owned().filter(here, standing=Standing.UNEXPLAINED, area_code=area_code)
        known = set(Attempt.objects.filter(phone_number__in=near.values("e164")).values_list("phone_number"))
        strange = [number for number in near if (number.e164,) not in known]
        if len(strange) > _on_the_desk(connection, area_code, strange):
            Number.objects.filter(pk__in=[number.pk for number in strange]).update(standing=Standing.HOLDS)
    return area_holders().count()


def _on_the_desk(connection: int, area_code: str, strange: list[Number]) -> int:
    """How many of the strange numbers are accounted for by purchases that named none, or got another one."""
    lines = Line.objects.filter(connection=connection, state__in=[LineState.UNKNOWN, LineState.REVIEW])
    by_area = lines.filter(by_area_code=True, area_code=area_code).count()
    answers = Attempt.objects.filter(outcome=Outcome.OTHER_NUMBER).values_list("answer__number", flat=True)
    return by_area + len({number.e164 for number in strange} & set(answers))


def release(number: Number) -> None:
    """Lines that waited for somebody to decide about `number` are due now."""
    waiting = Line.objects.filter(state__in=CANCELLABLE, lease_until=None, due_at__lt=PUT_OFF)
    lines_near(number, waiting).update(due_at=db_now())


@needs(Right.OPEN)
def accept(*, number: Number, by: Actor, reason: str) -> None:
    """A person says that `number` was bought or linked elsewhere."""
    with transaction.atomic():
        fresh = Number.objects.select_for_update().get(pk=number.pk)
        fresh.standing = Standing.EXPLAINED
        fresh.drift = {name: sides for name, sides in fresh.drift.items() if name != "appeared"}
        fresh.drifted = bool(fresh.drift)
        fresh.save(update_fields=["standing", "drift", "drifted"])
        record_event(action="number.accepted", by=by, number=fresh, reason=reason)
        release(fresh)


@needs(Right.OPEN)
def waive(*, number: Number, by: Actor, reason: str) -> None:
    """A person lets lines be bought beside `number` although nothing explains it."""
    with transaction.atomic():
        Number.objects.filter(pk=number.pk).unexplained().update(standing=Standing.WAIVED)
        record_event(action="number.waived", by=by, number=number, reason=reason)
        release(number)


def baseline() -> QuerySet[Number]:
    """What was there at the first reading of all numbers, and nobody has accepted yet."""
    return Number.objects.unexplained().filter(drifted=False)


@needs(Right.OPEN)
def accept_baseline(*, by: Actor, reason: str) -> int:
    """A person accepts in one act all numbers that were there at the first reading; how many."""
    with transaction.atomic():
        held = list(baseline().filter(standing=Standing.HOLDS))
        count = baseline().update(standing=Standing.EXPLAINED)
        record_event(action="baseline.accepted", by=by, after={"numbers": count}, reason=reason)
        for number in held:
            release(number)
    return count
