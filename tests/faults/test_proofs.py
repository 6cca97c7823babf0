"""Faults 61 to 63: the worker that makes a test call is killed at any point: never a second call."""

from collections.abc import Callable

import pytest

from tests.faults.arena import Arena
from tests.faults.hands import Hands

AT_ANY_HOUR = "from numbers.services.calls import proofs; proofs.HOURS = range(24)\n"
ASK = f"""{AT_ANY_HOUR}
from django.conf import settings
from numbers.db.clock import db_now
from numbers.models import CallEndpoint, Number
from numbers.services.audit.events import Actor
CallEndpoint.objects.create(pk=1, api_url=settings.FLUENTS_API_URL, exists=True, checked_at=db_now())
number, probe = Number.objects.filter(agent__isnull=False, outbound_only=False)[:2]
proofs.ask_for_call(by=Actor(name="storm"), token="the-token-of-a-form", number=number, probe=probe)
"""
WORK = f"""{AT_ANY_HOUR}
from numbers.services.calls.proof_work import claim, run
for job in claim(limit=1): run(job)
"""
# Whoever had it is dead, and its next look is due.
FREE = (
    "from numbers.db.clock import db_now; from numbers.models import Proof;"
    "Proof.objects.update(lease_until=None, due_at=db_now())"
)
VERDICT = "from numbers.models import Proof; print(Proof.objects.get().verdict)"


def callable_lines(arena: Arena) -> Arena:
    """`arena` with twenty numbers in its records that may be called, by calls that are over at once."""
    arena.stack.env |= {"PROOF_CALLS_PER_DAY": "5", "LEASE_SECONDS": "60", "SETTLE_WINDOW": "60"}
    arena.sandbox.control("reset", {"numbers": 20})
    arena.calm()
    arena.sandbox.control("config", {"call_seconds": [0, 0]})
    arena.stack.manage("sync")
    return arena


@pytest.mark.parametrize(
    ("point", "calls"),
    [("proof.written", 1), ("proof.committed", 0), ("proof.journalled", 0), ("proof.answered", 1)],
)
@pytest.mark.either
def test_61_a_test_call_is_made_once_wherever_its_worker_dies(fresh, point, calls):
    arena = callable_lines(fresh)
    arena.stack.shell(ASK)
    died = arena.stack.manage("shell", "-v0", "-c", WORK, check=False, FAILPOINT=point)
    assert died.returncode
    if not calls:  # nothing left, which looking can tell only once the window is over
        arena.stack.env |= {"SETTLE_WINDOW": "0"}

    def told() -> str:
        arena.stack.shell(FREE)
        arena.stack.shell(WORK)
        return arena.stack.shell(VERDICT)

    arena.until(told)
    assert told() == ("answers" if calls else "unclear")
    assert len(arena.sandbox.control("calls", method="GET")["placed"]) == calls
    assert len(arena.sandbox.requests(path="/v1/calls/create")) == calls


ASK_OF_ORDER = f"""{AT_ANY_HOUR}
from numbers.services.orders.line_proofs import ask_for_calls
ask_for_calls()
"""
READY = """
from django.conf import settings
from numbers.db.clock import db_now
from numbers.models import CallEndpoint, Number
CallEndpoint.objects.create(pk=1, api_url=settings.FLUENTS_API_URL, exists=True, checked_at=db_now())
probe = Number.objects.filter(agent__isnull=False, outbound_only=False)[0]
print(probe.e164, probe.agent.api_id)
"""
VERDICTS = "from numbers.models import Proof; print(*Proof.objects.values_list('verdict', 'line_id'))"


@pytest.mark.parametrize(
    ("point", "calls"),
    [("proof.asked", 1), ("proof.committed", 0), ("proof.journalled", 0), ("proof.answered", 1)],
)
@pytest.mark.either
def test_62_a_line_of_an_order_is_called_once_wherever_a_worker_dies(fresh, point, calls):
    arena = callable_lines(fresh)
    arena.hands.close()
    arena.hands = Hands(arena.stack)  # with the settings of above
    probe, agent = arena.stack.shell(READY).split()
    (line,) = arena.place(prove_from=probe, inbound_agent=agent)
    arena.drive(line)
    assert arena.books.line(line)["state"] == "bought"
    died = arena.stack.manage("shell", "-v0", "-c", ASK_OF_ORDER + WORK, check=False, FAILPOINT=point)
    assert died.returncode
    if not calls:
        arena.stack.env |= {"SETTLE_WINDOW": "0"}

    def told() -> str:
        arena.stack.shell(ASK_OF_ORDER)
        arena.stack.shell(FREE)
        arena.stack.shell(WORK)
        return arena.stack.shell(VERDICTS)

    tells_of_one_call(arena, told, of=line, calls=calls)


def tells_of_one_call(arena: Arena, told: Callable[[], str], *, of: str, calls: int) -> None:
    """TOLD comes to say what became of the call for the line or row OF, made once or not at all."""
    verdict = f"('{'answers' if calls else 'unclear'}', {of})"
    arena.until(lambda: told() == verdict)
    assert told() == verdict
    assert len(arena.sandbox.control("calls", method="GET")["placed"]) == calls
    assert len(arena.sandbox.requests(path="/v1/calls/create")) == calls


ASSIGN = """
from numbers.models import Agent, Number
from numbers.services.audit.events import Actor
from numbers.services.plans.lifecycle import apply_plan, plan_change
probe = Number.objects.filter(agent__isnull=False, outbound_only=False)[0]
others = Number.objects.filter(outbound_only=False).exclude(pk=probe.pk)
agent = Agent.objects.order_by("pk").last()
line = others.exclude(agent=agent)[0]
by = Actor(name="storm")
lines = Number.objects.filter(pk=line.pk)
plan = plan_change(by=by, numbers=lines, changes={"agent": agent.api_id})
apply_plan(plan_id=plan.pk, by=by, probe=probe)
print(plan.rows.get().pk)
"""
CARRY = """
from numbers.services.plans.runner import claim, run
for row in claim(limit=1): run(row)
"""
ASK_OF_PLAN = f"""{AT_ANY_HOUR}
from numbers.services.calls.row_proofs import ask_for_calls
ask_for_calls()
"""
FREE_ROWS = (
    "from numbers.db.clock import db_now; from numbers.models import Plan, PlanRow;"
    "PlanRow.objects.update(lease_until=None, due_at=db_now()); Plan.objects.update(due_at=db_now())"
)
VERDICTS_OF_ROWS = "from numbers.models import Proof; print(*Proof.objects.values_list('verdict', 'row_id'))"


@pytest.mark.parametrize(
    ("point", "calls"),
    [
        *(("row.sent", 1), ("row.written", 1), ("proof.asked", 1)),
        *(("proof.committed", 0), ("proof.journalled", 0), ("proof.answered", 1)),
    ],
)
@pytest.mark.either
def test_63_a_line_that_a_plan_assigns_is_called_once_wherever_a_worker_dies(fresh, point, calls):
    arena = callable_lines(fresh)
    arena.stack.shell(READY)
    row = arena.stack.shell(ASSIGN)
    work = CARRY + ASK_OF_PLAN + WORK
    died = arena.stack.manage("shell", "-v0", "-c", work, check=False, FAILPOINT=point)
    assert died.returncode
    if not calls:
        arena.stack.env |= {"SETTLE_WINDOW": "0"}

    def told() -> str:
        arena.stack.shell(FREE_ROWS)
        arena.stack.shell(CARRY + ASK_OF_PLAN)
        arena.stack.shell(FREE)
        arena.stack.shell(WORK)
        return arena.stack.shell(VERDICTS_OF_ROWS)

    tells_of_one_call(arena, told, of=row, calls=calls)
