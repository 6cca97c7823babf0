"""Which worker has a plan, and ringing for one."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from ..models import Plan, PlanRow
from ..states import UNDER_WAY, PlanState
from ..tasks import carry_on_plan
from .history import db_now
from .moves import lease

SLICE = 20.0  # seconds that one task spends on a plan, so that purchases get their turn
RING_AGAIN = timedelta(seconds=30)  # for a doorbell that nobody heard


def hold_plan(*, plan_id: int, held: datetime | None = None) -> datetime | None:
    """Keep other workers off the plan: the end of our lease, None where another worker has it.

    HELD is the lease that we have; it is renewed after a third of its time.
    """
    now = db_now()
    if held and held - now > lease() * 2 / 3:
        return held
    free = Q(lease_until=held) if held else Q(lease_until=None) | Q(lease_until__lt=Now())
    taken = Plan.objects.filter(free, pk=plan_id, state__in=UNDER_WAY).update(lease_until=now + lease())
    return now + lease() if taken else held


def let_go(*, plan_id: int, held: datetime, ring: bool) -> None:
    """Give the plan back; RING for somebody to go on at once; otherwise the sweeper will."""
    with transaction.atomic():
        Plan.objects.filter(pk=plan_id, lease_until=held).update(lease_until=None, rung_at=None)
        if ring:
            ring_plan(plan_id=plan_id)


def ring_plan(*, plan_id: int) -> None:
    """Ask the task workers to go on with the plan; part of the caller's transaction."""
    with transaction.atomic():
        Plan.objects.filter(pk=plan_id).update(rung_at=db_now())
        carry_on_plan.enqueue(plan_id=plan_id)


def ring_due_plans() -> int:
    """Ring plans that no worker has: with rows whose time has come, to be ended, or not worked out yet."""
    unheard = Q(rung_at=None) | Q(rung_at__lt=F("lease_until")) | Q(rung_at__lt=db_now() - RING_AGAIN)
    due = PlanRow.objects.due().filter(plan=OuterRef("pk"))
    plans = plans_at_hand().filter(unheard)
    waiting = Q(state=PlanState.WORKING) | Exists(due) | ~Exists(rows_open())
    keys = list(plans.filter(waiting).values_list("pk", flat=True))
    for plan_id in keys:
        ring_plan(plan_id=plan_id)
    return len(keys)


def plans_at_hand() -> QuerySet[Plan]:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return Plan.objects.filter(free, state__in=UNDER_WAY, due_at__lte=Now())


def rows_open():
    return PlanRow.objects.open().filter(plan=OuterRef("pk"))
