"""Changing numbers, part one: what a person decides about a plan.

A plan holds one row a number, see `drafting`. Nothing here speaks to Fluents: a worker carries an
applied plan out, row by row, in `carrying`.
"""

from django.db import transaction
from django.db.models import QuerySet, prefetch_related_objects

from ..models import Number, Plan, PlanRow, Wish
from ..states import UNDER_WAY, Act, PlanState, RowState
from .drafting import (
    ENDS_AS,
    CannotChange,
    check_agent,
    checked,
    count_rows,
    in_words,
    rows_of,
    values_of,  # noqa: F401 -- pages show them beside a change
    with_changes,
)
from .history import By, db_now, record
from .leasing import ring_plan
from .proposing import keys_of, new_plan, propose, write_draft


def plan_change(
    *, by: By, numbers: QuerySet[Number], changes: dict, title: str = "", act: str = Act.CHANGE
) -> Plan:
    """A plan that makes the same change to each of NUMBERS. Nothing is changed yet.

    CHANGES may hold agent (id at Fluents, or "" for nobody), label, description, outbound_only, tags,
    tags_add and tags_remove. To release or detach NUMBERS say so with ACT and leave CHANGES empty.
    Raises CannotChange.
    """
    if act in ENDS_AS:
        return propose(by=by, act=act, title=title or str(Act(act).label), items=keys_of(numbers))
    changes = checked(changes)
    if not changes:
        raise CannotChange("Say what to change.")
    check_agent(changes)
    title = title or in_words(changes)
    return propose(by=by, act=act, title=title, items=keys_of(numbers), changes=changes)


def change_now(*, by: By, number: Number, changes: dict, seen: dict) -> Plan:
    """A plan of one row, applied at once; a worker carries it out. Raises CannotChange.

    SEEN are the values that the person saw. Where somebody else has changed them meanwhile, the row
    is skipped and says who and when.
    """
    changes = checked(changes)
    check_agent(changes)
    with transaction.atomic():
        fresh = Number.objects.get(pk=number.pk)
        prefetch_related_objects([fresh], "agent", "tags")
        rows = rows_of([(fresh, with_changes(fresh, changes), seen)], Act.CHANGE)
        plan = write_draft(new_plan(by=by, act=Act.CHANGE, title=in_words(changes)), rows, by)
        apply_plan(plan_id=plan.pk, by=by)
    return Plan.objects.get(pk=plan.pk)


def undo(*, plan_id: int, by: By) -> Plan:
    """A plan that puts back the values from before, for each row that was done.

    A number that was changed again since is skipped. Raises CannotChange.
    """
    plan = Plan.objects.get(pk=plan_id)
    if plan.act != Act.CHANGE:
        raise CannotChange(f"“{plan}” cannot be undone.")
    done = list(plan.rows.filter(state=RowState.DONE).order_by("pk").values_list("pk", flat=True))
    if not done:
        raise CannotChange(f"“{plan}” has changed nothing, so there is nothing to undo.")
    return propose(by=by, act=Act.CHANGE, title=f"Undo: {plan}", items=done, undo_of=plan)


def apply_plan(*, plan_id: int, by: By) -> bool:
    """Have the worker carry a draft out. False when it is no draft any more."""
    return _set_going(plan_id, by, [PlanState.DRAFT], "plan.applied", applied_at=db_now())


def discard_plan(*, plan_id: int, by: By) -> bool:
    """Throw away a plan that was not applied yet. False when there is none any more."""
    with transaction.atomic():
        plans = Plan.objects.filter(pk=plan_id, state__in=[PlanState.WORKING, PlanState.DRAFT])
        if not plans.update(state=PlanState.DISCARDED, finished_at=db_now()):
            return False
        Wish.objects.filter(plan=plan_id).delete()
        record(action="plan.discarded", by=by, plan_id=plan_id)
    return True


def stop_plan(*, plan_id: int, by: By) -> int:
    """Leave the rest of a plan that is under way as it is; how many rows that are.

    Rows that were sent already go on to their end.
    """
    with transaction.atomic():
        waiting = PlanRow.objects.filter(
            plan_id=plan_id, plan__state=PlanState.APPLYING, state=RowState.READY
        )
        reason = f"Stopped by {by.name}." if by.name else "Stopped."
        stopped = waiting.update(state=RowState.SKIPPED, reason=reason[:500], changed_at=db_now())
        if stopped:
            record(action="plan.stopped", by=by, plan_id=plan_id, after={"rows": stopped})
            ring_plan(plan_id=plan_id)
    return stopped


def retry_failed(*, plan_id: int, by: By) -> int:
    """Try the failed rows of a plan once more, and only those; how many they are."""
    with transaction.atomic():
        failed = PlanRow.objects.filter(plan_id=plan_id, state=RowState.FAILED)
        count = failed.update(
            state=RowState.READY,
            reason="",
            tries=0,
            waits=0,
            sent_at=None,
            lease_until=None,
            due_at=db_now(),
            changed_at=db_now(),
        )
        if count:
            states = [PlanState.DONE, PlanState.APPLYING]
            _set_going(plan_id, by, states, "plan.retried", finished_at=None)
    return count


def plan_counts(plan: Plan) -> dict[str, int]:
    """How many rows are in each state, and the total; counted anew only while that can change."""
    return count_rows(plan) if plan.state in UNDER_WAY or not plan.counts else plan.counts


def _set_going(plan_id: int, by: By, states: list[str], action: str, **fields) -> bool:
    """-> applying, from one of STATES. Whoever decides so is who the changes are by."""
    with transaction.atomic():
        going = Plan.objects.filter(pk=plan_id, state__in=states).update(
            state=PlanState.APPLYING,
            requested_by=by.user,
            requested_by_name=by.name,
            request_id=by.request_id,
            due_at=db_now(),
            **fields,
        )
        if going:
            record(action=action, by=by, plan_id=plan_id)
            ring_plan(plan_id=plan_id)
    return bool(going)
