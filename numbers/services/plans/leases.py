"""Which worker makes a plan."""

from datetime import datetime

from django.db.models import Q

from numbers.db.clock import db_now
from numbers.db.leases import lease, nobody_holds
from numbers.models import Plan
from numbers.states import PlanState


def hold_plan(*, plan_id: int, held: datetime | None = None) -> datetime | None:
    """Keep other workers off a plan that is being worked out: the end of our lease.

    None where another one has it. `held` is the lease that we have; it is renewed after a third of its time.
    """
    now = db_now()
    if held and held - now > lease() * 2 / 3:
        return held
    free = Q(lease_until=held) if held else nobody_holds()
    working = Plan.objects.filter(free, pk=plan_id, state=PlanState.WORKING)
    return now + lease() if working.update(lease_until=now + lease()) else held


def let_go(*, plan_id: int, held: datetime | None) -> None:
    """Give the plan back."""
    Plan.objects.filter(pk=plan_id, lease_until=held).update(lease_until=None)
