"""Making a plan: a small one at once, a big one by a worker while its page follows along.

What a plan is to be made from is a `Wish`. Nothing is changed here: the rows say what would be.
"""

import io
import logging
import time
from collections import Counter
from collections.abc import Sequence
from itertools import batched

from django.db import transaction
from django.db.models import QuerySet, prefetch_related_objects

from ..models import Number, Plan, PlanRow, Wish
from ..states import Act, PlanState
from .drafting import (
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
    rows_of,
    with_changes,
)
from .history import By, db_now, record
from .importing import read_changes
from .leasing import SLICE, hold_plan, let_go, ring_plan
from .moves import LeaseLost

log = logging.getLogger("numbers.proposing")

AT_ONCE = 2000  # numbers that are worked out while the person waits: about a second


class Mistakes(CannotChange):
    """A file that cannot become a plan, with all that is wrong with it."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def propose(
    *, by: By, act: str, title: str, items: list, changes: dict | None = None, undo_of: Plan | None = None
) -> Plan:
    """A plan about ITEMS: keys of numbers, pairs of such a key and its changes, or keys of rows to undo."""
    plan = new_plan(by=by, act=act, title=title, undo_of=undo_of)
    wish = Wish(plan=plan, items=items, total=len(items), changes=changes or {})
    return keep_at_once(wish, by) if wish.total <= AT_ONCE else keep_for_later(wish)


def keys_of(numbers: QuerySet[Number]) -> list[int]:
    """The keys of NUMBERS, each once: what a plan is about is decided when somebody asks for it."""
    return list(numbers.order_by("pk").values_list("pk", flat=True).distinct())


def propose_file(*, by: By, content: bytes, title: str) -> Plan:
    """A plan of the changes that a CSV file asks for. Raises Mistakes; those of a big file stay with it."""
    wish = Wish(plan=new_plan(by=by, act=Act.CHANGE, title=title), content=content)
    if content.count(b"\n") > AT_ONCE:
        return keep_for_later(wish)
    read_file(wish)
    return keep_at_once(wish, by)


def new_plan(*, by: By, act: str, title: str, undo_of: Plan | None = None) -> Plan:
    return Plan(
        act=act,
        state=PlanState.WORKING,
        title=title[:200],
        requested_by=by.user,
        requested_by_name=by.name,
        request_id=by.request_id,
        undo_of=undo_of,
    )


def keep_at_once(wish: Wish, by: By) -> Plan:
    """Work WISH out and write its plan in one transaction."""
    rows = [row for portion in batched(wish.items, PORTION) for row in rows_for(wish, portion)]
    return write_draft(wish.plan, rows, by)


def write_draft(plan: Plan, rows: list[PlanRow], by: By) -> Plan:
    """Write PLAN with its ROWS."""
    plan.state, plan.counts = PlanState.DRAFT, counted(Counter(row.state for row in rows))
    with transaction.atomic():
        plan.save()
        for row in rows:
            row.plan = plan
        PlanRow.objects.bulk_create(rows)
        record(action="plan.drafted", by=by, plan=plan, after={"rows": len(rows)}, reason=plan.title)
    return plan


def keep_for_later(wish: Wish) -> Plan:
    """Have the worker work WISH out."""
    with transaction.atomic():
        wish.plan.save()
        wish.save()
        ring_plan(plan_id=wish.plan.pk)
    return wish.plan


def work_out(*, plan_id: int) -> None:
    """Write rows of a big plan for a while, and ring for more. Safe to call at any time."""
    if not (held := hold_plan(plan_id=plan_id)):
        return
    end = time.monotonic() + SLICE
    wish = Wish.objects.select_related("plan", "plan__requested_by", "plan__undo_of").get(plan=plan_id)
    try:
        if wish.content is not None:
            read_file(wish)
            note = wish.plan.note
            go_on(wish, content=None, items=wish.items, total=wish.total)
            Plan.objects.filter(pk=plan_id).update(note=note)
        while wish.position < wish.total and time.monotonic() < end:
            portion = wish.items[wish.position : wish.position + PORTION]
            go_on(wish, rows=rows_for(wish, portion), position=wish.position + len(portion))
            held = hold_plan(plan_id=plan_id, held=held)
        if wish.position == wish.total:
            close(wish)
    except Mistakes as mistakes:
        refuse(wish, mistakes.errors)
    except LeaseLost as lost:
        log.info("%s", lost)
    let_go(plan_id=plan_id, held=held, ring=wish.position < wish.total and not wish.errors)


def go_on(wish: Wish, *, rows: Sequence[PlanRow] = (), **fields) -> None:
    """Write ROWS and how far WISH is now, in one transaction: a killed worker loses none and repeats none.

    Raises LeaseLost where another worker was faster, or the plan was discarded.
    """
    same = Wish.objects.filter(pk=wish.pk, position=wish.position, content__isnull=wish.content is None)
    with transaction.atomic():
        if not same.filter(plan__state=PlanState.WORKING).update(**fields):
            raise LeaseLost(f"plan {wish.plan_id} has moved on")
        for row in rows:
            row.plan = wish.plan
        PlanRow.objects.bulk_create(rows)
    for name, value in fields.items():
        setattr(wish, name, value)


def close(wish: Wish) -> None:
    """working -> draft, for people to look at."""
    plan = wish.plan
    with transaction.atomic():
        working = Plan.objects.filter(pk=plan.pk, state=PlanState.WORKING)
        if working.update(state=PlanState.DRAFT, counts=count_rows(plan)):
            record(
                action="plan.drafted",
                by=by_of(plan),
                plan=plan,
                after={"rows": wish.total},
                reason=plan.title,
            )
            Wish.objects.filter(pk=wish.pk).delete()


def refuse(wish: Wish, errors: list[str]) -> None:
    """working -> discarded; what is wrong with the file stays to be read."""
    wish.errors, wish.content = errors, None
    with transaction.atomic():
        working = Plan.objects.filter(pk=wish.plan_id, state=PlanState.WORKING)
        if working.update(state=PlanState.DISCARDED, finished_at=db_now(), counts=count_rows(wish.plan)):
            wish.save(update_fields=["errors", "content"])
            reason = "The file has mistakes."
            record(action="plan.discarded", by=by_of(wish.plan), plan=wish.plan, reason=reason)


# --- What a wish asks for -------------------------------------------------------------------


def read_file(wish: Wish) -> None:
    """Turn the file of WISH into items: the rows that would change something. Raises Mistakes."""
    wanted, errors = read_changes(io.BytesIO(wish.content))
    if errors:
        raise Mistakes(errors)
    wish.items = [[key, changes] for key, changes in wanted if changes]
    wish.total = len(wish.items)
    if not wanted:
        raise Mistakes(["There are no rows in this file."])
    same = len(wanted) - wish.total
    words = f"{same:,} of {len(wanted):,} rows say what our books say already."
    if not wish.total:
        raise Mistakes([words.replace(f"{same:,} of", "All")])
    wish.plan.note = f"{words} They are not in this plan." if same else ""


def rows_for(wish: Wish, items: Sequence) -> list[PlanRow]:
    """The rows for a portion of the ITEMS of WISH."""
    work_out_rows = push_rows if wish.plan.act == Act.PUSH else rows_of
    return work_out_rows(wanted_for(wish, items), wish.plan.act)


def wanted_for(wish: Wish, items: Sequence) -> list[Wanted]:
    """Numbers with what is wanted of each, in the order of ITEMS."""
    act, changes = wish.plan.act, wish.changes
    if wish.plan.undo_of:
        rows = PlanRow.objects.filter(pk__in=items).select_related("number").order_by("pk")
        return [(row.number, row.before, row.after) for row in rows]
    each = [item if isinstance(item, list) else [item, changes] for item in items]
    numbers = numbers_by_key([key for key, _ in each], tags=any("tags" in " ".join(c) for _, c in each))
    if act in ENDS_AS:
        return [(number, giving_up(number, act), {}) for number in numbers.values()]
    if act == Act.PUSH:
        return [(number, ours(number), ours(number)) for number in numbers.values()]
    return [(numbers[key], with_changes(numbers[key], changes), {}) for key, changes in each]


def numbers_by_key(keys: Sequence[int], *, tags: bool) -> dict[int, Number]:
    """These numbers, in this order; what a plan does not need is left where it is."""
    found = Number.objects.defer("answer", "search_text").in_bulk(keys)
    prefetch_related_objects(list(found.values()), "agent", *(["tags"] if tags else []))
    return {key: found[key] for key in keys if key in found}
