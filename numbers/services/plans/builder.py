"""Making a plan: a small one at once, a big one by a worker while its page follows along.

What a plan is to be made from is a `PlanSource`. Nothing is changed here: the rows say what would be.
"""

import io
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost, nobody_holds, soonest_due
from numbers.db.wake import announce
from numbers.models import Number, Plan, PlanRow, PlanSource
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import demand, needs
from numbers.services.csv_tables import BadTable, Mistake
from numbers.services.inventory.plain import PlainNumbers
from numbers.states import Act, PlanState

from .csv_import import read_changes, table_of
from .leases import hold_plan, let_go
from .rows import (
    ENDS_AS,
    PORTION,
    CannotChange,
    Wanted,
    by_of,
    count_rows,
    counted,
    giving_up,
    ours,
    push_rows,
    right_for,
    rows_of,
    with_changes,
)

log = logging.getLogger(__name__)

NAME = "plans to be made"
SLICE = 20.0  # seconds that a worker spends on a plan before it looks for others
AGAIN = timedelta(seconds=30)  # until a plan is tried again whose making went wrong
AT_ONCE = 2000  # numbers that are worked out while the person waits: about a second


class Mistakes(CannotChange):
    """A file that cannot become a plan, with all that is wrong with it."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


def propose(
    *,
    by: Actor,
    act: str,
    title: str,
    items: list,
    changes: dict | None = None,
    undo_of: Plan | None = None,
    reason: str = "",
) -> Plan:
    """A plan about `items`: keys of numbers, pairs of such a key and its changes, or keys of rows to undo.

    `reason`: why, in the words of the person asking; it is in the history of each number.
    """
    demand(by, right_for(act))
    plan = new_plan(by=by, act=act, title=title, undo_of=undo_of, reason=reason)
    source = PlanSource(plan=plan, items=items, total=len(items), changes=changes or {})
    return keep_at_once(source, by) if source.total <= AT_ONCE else keep_for_later(source)


def keys_of(numbers: QuerySet[Number]) -> list[int]:
    """The keys of `numbers`, each once: what a plan is about is decided when somebody asks for it."""
    return list(numbers.order_by("pk").values_list("pk", flat=True).distinct())


@needs(Right.ASSIGN)
def propose_file(*, by: Actor, content: bytes, title: str) -> Plan:
    """A plan of the changes that a CSV file asks for. Raises Mistakes; those of a big file stay with it."""
    source = PlanSource(plan=new_plan(by=by, act=Act.CHANGE, title=title), content=content)
    if max(map(content.count, (b"\n", b"\r"))) > AT_ONCE:
        try:
            table_of(io.BytesIO(content))
        except BadTable as error:
            raise Mistakes([error.mistake]) from None
        return keep_for_later(source)
    read_file(source)
    return keep_at_once(source, by)


def new_plan(*, by: Actor, act: str, title: str, undo_of: Plan | None = None, reason: str = "") -> Plan:
    return Plan(
        reason=reason[:200],
        act=act,
        state=PlanState.WORKING,
        title=title[:200],
        requested_by=by.user,
        requested_by_name=by.name,
        request_id=by.request_id,
        undo_of=undo_of,
    )


def keep_at_once(source: PlanSource, by: Actor) -> Plan:
    """Work `source` out and write its plan in one transaction."""
    rows = [row for portion in batched(source.items, PORTION) for row in rows_for(source, portion)]
    return write_draft(source.plan, rows, by)


def write_draft(plan: Plan, rows: list[PlanRow], by: Actor) -> Plan:
    """Write `plan` with its `rows`."""
    plan.state, plan.counts = PlanState.DRAFT, counted(Counter(row.state for row in rows))
    with transaction.atomic():
        plan.save()
        for row in rows:
            row.plan = plan
        PlanRow.objects.bulk_create(rows)
        record_event(action="plan.drafted", by=by, plan=plan, after={"rows": len(rows)}, reason=plan.title)
    return plan


def keep_for_later(source: PlanSource) -> Plan:
    """Have the worker work `source` out."""
    with transaction.atomic():
        source.plan.save()
        source.save()
        announce()
    return source.plan


# --- Work for a worker ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A plan that this worker makes until its lease ends."""

    plan_id: int
    until: datetime


def claim(*, limit: int) -> list[Held]:
    """Plans that nobody works out at the moment, the oldest first."""
    free = nobody_holds()
    waiting = Plan.objects.filter(free, state=PlanState.WORKING, due_at__lte=db_now()).order_by("pk")
    keys = waiting.values_list("pk", flat=True)[:limit]
    return [Held(plan_id=key, until=held) for key in keys if (held := hold_plan(plan_id=key))]


def run(job: Held) -> None:
    work_out(plan_id=job.plan_id, held=job.until)


def defer(job: Held, error: Exception) -> None:  # noqa: ARG001 -- as all kinds of work have it
    """Try again later; what was written until then stays."""
    plans = Plan.objects.filter(pk=job.plan_id, state=PlanState.WORKING)
    plans.update(lease_until=None, due_at=db_now() + AGAIN)


def next_due(after: datetime) -> datetime | None:
    """When a plan is to be worked out, later than `after`, or somebody's lease ends."""
    return soonest_due(Plan.objects.filter(state=PlanState.WORKING), after)


def work_out(*, plan_id: int, held: datetime | None = None) -> None:
    """Write rows of a big plan for a while. Safe to call at any time; `held` is a lease that we have."""
    if not (held := held or hold_plan(plan_id=plan_id)):
        return
    end = time.monotonic() + SLICE
    source = PlanSource.objects.select_related("plan", "plan__requested_by", "plan__undo_of").get(
        plan=plan_id
    )
    try:
        if source.content is not None:
            read_file(source)
            note = source.plan.note
            go_on(source, content=None, items=source.items, total=source.total)
            Plan.objects.filter(pk=plan_id).update(note=note)
        while source.position < source.total and time.monotonic() < end:
            portion = source.items[source.position : source.position + PORTION]
            go_on(source, rows=rows_for(source, portion), position=source.position + len(portion))
            held = hold_plan(plan_id=plan_id, held=held)
        if source.position == source.total:
            close(source)
    except Mistakes as mistakes:
        refuse(source, mistakes.mistakes)
    except LeaseLost as lost:
        log.info("%s", lost)
    let_go(plan_id=plan_id, held=held)


def go_on(source: PlanSource, *, rows: Sequence[PlanRow] = (), **fields) -> None:
    """Write rows and how far source is now, in one transaction: a killed worker loses none and repeats none.

    Raises LeaseLost where another worker was faster, or the plan was discarded.
    """
    same = PlanSource.objects.filter(
        pk=source.pk, position=source.position, content__isnull=source.content is None
    )
    with transaction.atomic():
        if not same.filter(plan__state=PlanState.WORKING).update(**fields):
            raise LeaseLost(f"plan {source.plan_id} has moved on")
        for row in rows:
            row.plan = source.plan
        PlanRow.objects.bulk_create(rows)
    for name, value in fields.items():
        setattr(source, name, value)


def close(source: PlanSource) -> None:
    """working -> draft, for people to look at."""
    plan = source.plan
    with transaction.atomic():
        working = Plan.objects.filter(pk=plan.pk, state=PlanState.WORKING)
        if working.update(state=PlanState.DRAFT, counts=count_rows(plan)):
            record_event(
                action="plan.drafted",
                by=by_of(plan),
                plan=plan,
                after={"rows": source.total},
                reason=plan.title,
            )
            PlanSource.objects.filter(pk=source.pk).delete()


def refuse(source: PlanSource, mistakes: list[Mistake]) -> None:
    """working -> discarded; what is wrong with the file stays to be read."""
    source.errors, source.content = [mistake.as_json() for mistake in mistakes], None
    with transaction.atomic():
        working = Plan.objects.filter(pk=source.plan_id, state=PlanState.WORKING)
        if working.update(state=PlanState.DISCARDED, finished_at=db_now(), counts=count_rows(source.plan)):
            source.save(update_fields=["errors", "content"])
            reason = "The file has errors."
            record_event(action="plan.discarded", by=by_of(source.plan), plan=source.plan, reason=reason)


# --- What a source asks for -------------------------------------------------------------------


def read_file(source: PlanSource) -> None:
    """Turn the file of `source` into items: the rows that would change something. Raises Mistakes."""
    warnings: list[str] = []
    wanted, mistakes = read_changes(io.BytesIO(bytes(source.content or b"")), warnings=warnings)
    if mistakes:
        raise Mistakes(mistakes)
    source.items = [[key, changes] for key, changes in wanted if changes]
    source.total = len(source.items)
    if not wanted:
        raise Mistakes([Mistake(text="This file has no rows.")])
    if not source.total:
        text = f"All {len(wanted):,} rows already match our records."
        raise Mistakes([Mistake(text=" ".join([text, *warnings]))])
    if same := len(wanted) - source.total:
        text = f"{same:,} of {len(wanted):,} rows already match our records and were left out."
        warnings.insert(0, text)
    source.plan.note = " ".join(warnings)[:500]


def rows_for(source: PlanSource, items: Sequence) -> list[PlanRow]:
    """The rows for a portion of the `items` of `source`."""
    work_out_rows = push_rows if source.plan.act == Act.PUSH else rows_of
    return work_out_rows(wanted_for(source, items), source.plan.act)


def wanted_for(source: PlanSource, items: Sequence) -> list[Wanted]:
    """Numbers with what is wanted of each, in the order of `items`."""
    act, changes = source.plan.act, source.changes
    if source.plan.undo_of:
        rows = PlanRow.objects.filter(pk__in=items).order_by("pk")
        undone = list(rows.values_list("number", "before", "after"))
        about_tags = any("tags" in before for _, before, _ in undone)
        numbers = numbers_by_key([key for key, *_ in undone], tags=about_tags)
        return [(numbers[key], before, after) for key, before, after in undone]
    each = [item if isinstance(item, list) else [item, changes] for item in items]
    numbers = numbers_by_key([key for key, _ in each], tags=any("tags" in " ".join(c) for _, c in each))
    if act in ENDS_AS:
        return [(number, giving_up(number, act), {}) for number in numbers.values()]
    if act == Act.PUSH:
        return [(number, ours(number), ours(number)) for number in numbers.values()]
    return [(numbers[key], with_changes(numbers[key], changes), {}) for key, changes in each]


def numbers_by_key(keys: Sequence[int], *, tags: bool) -> dict[int, Any]:
    """These numbers, in this order; what a plan does not need is left where it is."""
    columns = ("e164", "status", "agent", "label", "description", "outbound_only", "drift")
    plain = PlainNumbers(*columns, tags=tags)
    found = {number.pk: number for number in plain.read(Number.objects.filter(pk__in=keys).order_by())}
    return {key: found[key] for key in keys if key in found}
