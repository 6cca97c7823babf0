"""Changing numbers, part one: what a person decides about a plan.

A plan holds one row a number, see `drafting`. Nothing here speaks to Fluents: a worker carries an
applied plan out, row by row, in `runner`.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet, prefetch_related_objects

from numbers.db.clock import db_now
from numbers.db.wake import announce
from numbers.models import Agent, Number, Plan, PlanRow, PlanSource
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import demand, needs
from numbers.states import UNDER_WAY, Act, PlanState, RowState

from .builder import keys_of, new_plan, propose, write_draft
from .rows import (  # noqa: F401 -- pages show them beside a change
    ENDS_AS,
    CannotChange,
    check_agent,
    checked,
    count_rows,
    in_words,
    right_for,
    rows_of,
    values_of,
    with_changes,
)


def plan_change(
    *,
    by: Actor,
    numbers: QuerySet[Number],
    changes: dict,
    title: str = "",
    act: str = Act.CHANGE,
    reason: str = "",
) -> Plan:
    """A plan that makes the same change to each of `numbers`. Nothing is changed yet.

    `changes` may hold agent (id at Fluents, or "" for nobody), label, description, outbound_only, tags,
    tags_add and tags_remove; `reason` says why, for the history. To release or detach `numbers` say so with
    `act` and leave `changes` empty. Raises CannotChange.
    """
    if act in ENDS_AS:
        return propose(by=by, act=act, title=title or str(Act(act).label), items=keys_of(numbers))
    changes = checked(changes)
    if not changes:
        raise CannotChange("Choose what to change.")
    check_agent(changes)
    title = title or in_words(changes)
    return propose(by=by, act=act, title=title, items=keys_of(numbers), changes=changes, reason=reason)


def replace_agent(*, by: Actor, agent: Agent, other: Agent | None) -> Plan:
    """A plan that lets `other`, or nobody, answer all numbers of `agent`. Raises CannotChange."""
    title = f"{other} in place of {agent}" if other else f"Unassign numbers of {agent}"
    numbers = Number.objects.owned().filter(agent=agent)
    return plan_change(by=by, numbers=numbers, changes={"agent": other.api_id if other else ""}, title=title)


@needs(Right.ASSIGN)
def change_now(*, by: Actor, number: Number, changes: dict, seen: dict, probe: Number | None = None) -> Plan:
    """A plan of one row, applied at once; a worker carries it out. Raises CannotChange.

    `seen` are the values that the person saw. Where somebody else has changed them meanwhile, the row
    is skipped and says who and when. `probe`: as of `apply_plan`.
    """
    if probe:
        demand(by, Right.BUY)
    changes = checked(changes)
    check_agent(changes)
    with transaction.atomic():
        fresh = Number.objects.get(pk=number.pk)
        prefetch_related_objects([fresh], "agent", "tags")
        rows = rows_of([(fresh, with_changes(fresh, changes), seen)], Act.CHANGE)
        plan = write_draft(new_plan(by=by, act=Act.CHANGE, title=in_words(changes)), rows, by)
        apply_plan(plan_id=plan.pk, by=by, probe=probe)
    return Plan.objects.get(pk=plan.pk)


def undo(*, plan_id: int, by: Actor) -> Plan:
    """A plan that puts back the values from before, for each row that was done.

    A number that was changed again since is skipped. Raises CannotChange.
    """
    plan = Plan.objects.get(pk=plan_id)
    if plan.act != Act.CHANGE:
        raise CannotChange(f"“{plan}” can't be undone.")
    done = list(plan.rows.filter(state=RowState.DONE).order_by("pk").values_list("pk", flat=True))
    if not done:
        raise CannotChange(f"“{plan}” changed nothing, so there's nothing to undo.")
    return propose(by=by, act=Act.CHANGE, title=f"Undo: {plan}", items=done, undo_of=plan)


def apply_plan(*, plan_id: int, by: Actor, probe: Number | None = None) -> bool:
    """Have the worker carry a draft out. False when it is no draft any more.

    `probe` is a line of ours that calls each number once an agent is assigned to it. Raises CannotChange.
    """
    demand(by, right_for(act_of(plan_id)))
    if probe:
        demand(by, Right.BUY)  # calls cost money
        if not PlanRow.objects.filter(plan_id=plan_id, plan__act=Act.CHANGE).assigning().exists():
            raise CannotChange("No line is assigned by this change, so there's nothing to test.")
    prove_from = probe.e164 if probe else ""
    return _set_going(
        plan_id, by, [PlanState.DRAFT], "plan.applied", applied_at=db_now(), prove_from=prove_from
    )


@needs(Right.ASSIGN)
def discard_plan(*, plan_id: int, by: Actor) -> bool:
    """Throw away a plan that was not applied yet. False when there is none any more."""
    with transaction.atomic():
        plans = Plan.objects.filter(pk=plan_id, state__in=[PlanState.WORKING, PlanState.DRAFT])
        if not plans.update(state=PlanState.DISCARDED, finished_at=db_now()):
            return False
        PlanSource.objects.filter(plan=plan_id).delete()
        record_event(action="plan.discarded", by=by, plan_id=plan_id)
    return True


@needs(Right.ASSIGN)
def stop_plan(*, plan_id: int, by: Actor) -> int:
    """Leave the rest of a plan that is under way as it is; how many rows that are.

    Rows that were sent already go on to their end, and calls that were asked for; no others are made.
    """
    with transaction.atomic():
        waiting = PlanRow.objects.filter(
            plan_id=plan_id, plan__state=PlanState.APPLYING, state=RowState.READY
        )
        reason = f"Stopped by {by.name}." if by.name else "Stopped."
        stopped = waiting.update(state=RowState.SKIPPED, reason=reason[:500], changed_at=db_now())
        uncalled = Plan.objects.filter(pk=plan_id, proving=True).update(proving=False)
        if stopped or uncalled:
            record_event(action="plan.stopped", by=by, plan_id=plan_id, after={"rows": stopped})
            announce()
    return stopped


def retry_failed(*, plan_id: int, by: Actor) -> int:
    """Try the failed rows of a plan once more, and only those; how many they are."""
    demand(by, right_for(act_of(plan_id)))
    prove_from = Plan.objects.filter(pk=plan_id).values_list("prove_from", flat=True).first()
    if prove_from:
        demand(by, Right.BUY)  # what is assigned now is called as well
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
            _set_going(plan_id, by, states, "plan.retried", finished_at=None, prove_from=prove_from or "")
    return count


def act_of(plan_id: int) -> str:
    return Plan.objects.filter(pk=plan_id).values_list("act", flat=True).first() or Act.CHANGE


def plan_counts(plan: Plan) -> dict[str, int]:
    """How many rows are in each state, and the total; counted anew only while that can change."""
    return count_rows(plan) if plan.state in UNDER_WAY or not plan.counts else plan.counts


def _set_going(
    plan_id: int, by: Actor, states: Sequence[str], action: str, *, prove_from: str = "", **fields
) -> bool:
    """Move the plan to applying, from one of `states`. The changes are recorded as made by `by`."""
    with transaction.atomic():
        going = Plan.objects.filter(pk=plan_id, state__in=states).update(
            state=PlanState.APPLYING,
            requested_by=by.user,
            requested_by_name=by.name,
            request_id=by.request_id,
            due_at=db_now(),
            prove_from=prove_from,
            proving=bool(prove_from),
            **fields,
        )
        if going:
            about = {"prove_from": prove_from} if prove_from else {}
            record_event(action=action, by=by, plan_id=plan_id, after=about)
            announce()
    return bool(going)


def assign(*, by: Actor, number: Number, agent: str, seen: str, probe: Number | None = None) -> Plan:
    """Have `agent` (an id at Fluents, or "" for nobody) answer `number`. Raises CannotChange."""
    plan = change_now(by=by, number=number, changes={"agent": agent}, seen={"agent": seen}, probe=probe)
    row = plan.rows.get()
    if row.state == RowState.SKIPPED:
        raise CannotChange(row.reason)
    return plan


@needs(Right.ASSIGN)
def take_back(*, plan_id: int, by: Actor) -> PlanRow:
    """Put a change of one number back at once; the row that was changed.

    What was not sent yet is not sent. Otherwise a plan with the values from before follows the first one: a
    worker carries it out where that one has made its change, and else leaves the number as it is.
    Raises CannotChange.
    """
    with transaction.atomic():
        plan = Plan.objects.select_for_update().filter(pk=plan_id, act=Act.CHANGE).first()
        rows = list(plan.rows.select_related("number")[:2]) if plan else []
        if not plan or len(rows) != 1 or not plan.applied_at:
            raise CannotChange("Only a change of one number can be undone at once.")
        if plan.undone_by.exists():
            raise CannotChange("This change was already undone.")
        [row] = rows
        if not stop_plan(plan_id=plan_id, by=by) and row.state != RowState.SKIPPED:
            back = PlanRow(number=row.number, before=row.after, after=row.before)
            undoing = new_plan(by=by, act=Act.CHANGE, title=f"Undo: {plan}", undo_of=plan)
            apply_plan(plan_id=write_draft(undoing, [back], by).pk, by=by)
    return row
