"""Test calls that are part of a plan: each line that it assigns is called once, as soon as it may be.

A row that is done, whose agent still answers and which has no call waits for it, and its plan is `proving`
until none does, or somebody stops it.
"""

from functools import cached_property

from django.db.models import Count, Exists, F, OuterRef
from django.db.models.fields.json import KT

from numbers.db.clock import db_now
from numbers.models import Plan, PlanRow, Proof
from numbers.models.plans import PlanRowQuerySet
from numbers.states import AWAY, OPEN_ROWS, PlanState, RowState

from .asked import GONE, PATIENCE, TOO_LATE, Told, Waiting, Wanted, ask_in_turn, missed, verdict_of

NOT_DONE = "This change didn't assign it."
REASSIGNED = "It was reassigned before its call."
ITSELF = "A line can't call itself."
STOPPED = "The change was stopped before its call."
BUSY = "Another change to this line is in progress."


def to_call(plan: Plan) -> PlanRowQuerySet:
    """The rows of a draft whose lines can be called once it is carried out."""
    return PlanRow.objects.filter(plan=plan, state=RowState.READY, number__outbound_only=False).assigning()


def with_calls(rows: PlanRowQuerySet) -> PlanRowQuerySet:
    """Each with what is told of its call."""
    return rows.select_related("plan", "number__agent", "proof")


def moving() -> PlanRowQuerySet:
    """Rows that workers have in hand, or soon."""
    return PlanRow.objects.open().filter(plan__state=PlanState.APPLYING)


def waiting() -> PlanRowQuerySet:
    """Rows that are done and whose lines are still to be called, oldest first."""
    since = db_now() - PATIENCE
    rows = PlanRow.objects.filter(plan__proving=True, state=RowState.DONE, proof=None, changed_at__gt=since)
    rows = rows.assigning().filter(number__agent__api_id=KT("after__agent")).exclude(number__status__in=AWAY)
    return rows.exclude(number__e164=F("plan__prove_from")).order_by("pk")


def are_due() -> bool:
    return Plan.objects.filter(proving=True).exists()


def ask_for_calls() -> int:
    """Ask for the calls that may be made now, and be done with plans that wait for none; how many."""
    still = ~Exists(moving().filter(number=OuterRef("number")))  # else another agent may answer in a moment
    return ask_in_turn(waiting().filter(still).select_related("plan", "number__agent"), call_of) + end()


def call_of(row: PlanRow) -> Wanted:
    return Wanted(
        name=f"plan {row.plan.key} number {row.number.e164}",
        number=row.number,
        prove_from=row.plan.prove_from,
        asked_by=row.plan.requested_by_name,
        about={"row": row},
    )


def end() -> int:
    """Plans of which no row is carried out any more, nor waits for its call; how many they were."""
    still = Exists(waiting().filter(plan=OuterRef("pk")).order_by())
    over = Plan.objects.filter(~still, proving=True).exclude(state=PlanState.APPLYING)
    return over.update(proving=False)


def tally(plan: Plan) -> dict[str, int]:
    """How many lines of `plan` are tested and with what verdict, wait, or are not tested any more."""
    over = PlanRow.objects.filter(plan=plan).exclude(state__in=OPEN_ROWS).assigning().count()
    found = Proof.objects.filter(row__plan=plan).order_by().values_list("verdict").annotate(Count("pk"))
    counts = {verdict or "testing": count for verdict, count in found}
    counts["waiting"] = waiting().filter(plan=plan).count()
    counts["missed"] = max(0, over - sum(counts.values()))
    return {word: count for word, count in counts.items() if count}


class Outlook:
    """What is told of the test calls of many rows, read `with_calls`."""

    def __init__(self) -> None:
        self.waiting = Waiting()

    @cached_property
    def busy(self) -> frozenset[int]:
        """Keys of the numbers that are being changed."""
        return frozenset(moving().values_list("number", flat=True))

    def of(self, row: PlanRow) -> Told | None:
        """How far that of `row` has come; None where none was asked for, or nothing is done yet."""
        plan, agent = row.plan, row.after.get("agent")
        if not (plan.prove_from and agent) or row.state in OPEN_ROWS:
            return None
        if proof := getattr(row, "proof", None):
            return verdict_of(proof)
        return missed(why) if (why := self.why_never(row)) else self.waits(row)

    def why_never(self, row: PlanRow) -> str:
        """Why no call is made any more, or ""."""
        plan, number = row.plan, row.number
        if row.state != RowState.DONE:
            return NOT_DONE
        if number.status in AWAY:
            return GONE
        if number.e164 == plan.prove_from:
            return ITSELF
        if not number.agent or number.agent.api_id != row.after["agent"]:
            return REASSIGNED
        if row.changed_at <= db_now() - PATIENCE:
            return TOO_LATE
        return "" if plan.proving else STOPPED

    def waits(self, row: PlanRow) -> Told:
        if row.number_id in self.busy:
            return Told(word="waiting", label="Waiting for its test call", reason=BUSY)
        return self.waiting.told(row.number, row.plan.prove_from)
