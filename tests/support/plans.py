"""Numbers on the books and plans carried out by hand, for tests of changes."""

from datetime import timedelta

from django.db.models import F

from numbers.db.clock import db_now
from numbers.models import Agent, Connection, Line, Number, Order, Plan, PlanRow
from numbers.services.audit.events import Actor
from numbers.services.inventory.sync import sync
from numbers.services.plans import builder, runner
from numbers.services.plans.lifecycle import apply_plan
from numbers.states import PlanState

ANNA, BEN = Actor(name="anna", request_id="request-of-anna"), Actor(name="ben")
UPDATE = "/v1/numbers/update"


def owned(fluents, count: int):
    """COUNT numbers at Fluents, and on our books by a first sync; in the order of their keys."""
    fluents.control("reset", {"numbers": count})
    sync()
    return Number.objects.order_by("pk")


def agent(name: str) -> Agent:
    return Agent.objects.get(name=name)


def time_passes(seconds: float) -> None:
    """All clocks of plans move back."""
    ago = timedelta(seconds=seconds)
    PlanRow.objects.update(
        due_at=F("due_at") - ago, lease_until=F("lease_until") - ago, sent_at=F("sent_at") - ago
    )
    Plan.objects.update(due_at=F("due_at") - ago, lease_until=F("lease_until") - ago)


def claim_row(*, plan_id: int) -> PlanRow | None:
    """Take the row of a plan that a worker would take next, if there is one at the moment."""
    due = Plan.objects.filter(pk=plan_id, state=PlanState.APPLYING, due_at__lte=db_now()).exists()
    taken = (runner.claim_row(row_id=key) for key in (runner.next_rows(plan_id) if due else []))
    return next(filter(None, taken), None)


def carry_on(*, plan_id: int) -> None:
    """What workers would do about this plan now: make it, or carry out the rows that are due."""
    for job in builder.claim(limit=100):
        if job.plan_id == plan_id:
            builder.run(job)
    while row := claim_row(plan_id=plan_id):
        runner.run(row)
    runner.finish(plan_id=plan_id)


def carry(plan: Plan, *, by: Actor = ANNA, rounds: int = 40, apply: bool = True) -> Plan:
    """Apply PLAN and carry it out to its end, letting time pass."""
    if apply:
        apply_plan(plan_id=plan.pk, by=by)
    for _ in range(rounds):
        carry_on(plan_id=plan.pk)
        plan = Plan.objects.get(pk=plan.pk)
        if plan.state != PlanState.APPLYING:
            return plan
        time_passes(70)
    rows = list(plan.rows.values_list("state", "reason"))
    raise AssertionError(f"the plan is still {plan.state}: {rows}")


def remote(fluents, number: Number) -> dict:
    """The number as the sandbox has it."""
    answer = fluents.get("/v1/numbers", phone_number=number.e164)
    assert answer.ok, answer.text
    return answer.json()


def remote_agent(fluents, number: Number) -> str:
    return remote(fluents, number).get("inbound_agent", {}).get("name", "")


def behind_our_back(fluents, number: Number, **changes) -> None:
    answer = fluents.call("PATCH", "/_sandbox/numbers", params={"phone_number": number.e164}, json=changes)
    assert answer.ok, answer.text


def updates(fluents) -> list[dict]:
    """Every change that reached the sandbox."""
    return fluents.requests(path=UPDATE, method="POST")


def line_about(phone_number: str, state: str) -> Line:
    """A line of an order that is about that number, written straight into the books."""
    line_connection, _ = Connection.objects.get_or_create(
        api_id="connection-of-a-line", defaults={"telephony_provider": "twilio"}
    )
    order = Order.objects.create(form_token=f"about-{phone_number}", quantity=1)
    return Line.objects.create(
        order=order,
        position=1,
        state=state,
        connection=line_connection,
        telephony_provider="twilio",
        wanted_number=phone_number,
        phone_number=phone_number,
    )
