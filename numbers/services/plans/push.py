"""Making Fluents say what our records say."""

from django.db.models import QuerySet

from numbers.models import Number, Plan
from numbers.services.audit.events import Actor
from numbers.services.plans.builder import keys_of, propose
from numbers.states import Act


def plan_push_ours(*, by: Actor, numbers: QuerySet[Number]) -> Plan:
    """A plan that makes Fluents say what our books say, for those of `numbers` that drifted."""
    keys = keys_of(numbers.filter(drifted=True))
    title = f"Keep ours for {len(keys)} number{'' if len(keys) == 1 else 's'}"
    return propose(by=by, act=Act.PUSH, title=title, items=keys)
