"""Writing orders into the books and letting time pass there, for tests that drive lines themselves."""

import itertools
from datetime import timedelta

from django.db import connection
from django.db.models import F

from numbers.db import append_only
from numbers.db.clock import db_now
from numbers.models import Attempt, Connection, Event, Gate, Line, Order, Seal
from numbers.services.audit.events import Actor, record_event
from numbers.services.orders.placement import place_order
from numbers.services.purchasing.worker import drive
from numbers.services.worker import Worker
from numbers.states import DRIVEN, LineState

PERSON = Actor(name="bob")
CLOCKS = {
    Line: ("due_at", "lease_until", "sent_at", "checked_at"),
    Gate: ("next_send_at", "not_before", "breaker_at", "counting_from"),
    Attempt: ("sent_at", "finished_at"),
    Order: ("created_at",),
}
_tokens = itertools.count(1)


def order(sandbox=None, **want) -> Order:
    """A placed order; one line by area code 415 on the sandbox's first connection unless told."""
    if not {"area_code", "phone_number"} & set(want):
        want["area_code"] = "415"
    want.setdefault("telephony_provider", "twilio")
    if "telephony_account_connection" not in want:
        want["telephony_account_connection"] = sandbox.connection if sandbox else "connection-1"
    want.setdefault("form_token", f"token-{next(_tokens)}")
    want.setdefault("by", PERSON)
    return place_order(**want)[0]


def line_of(sandbox=None, **want) -> Line:
    """The only line of a new order."""
    return order(sandbox, **want).lines.get()


def bare_line(state: str = LineState.PLANNED, **fields) -> Line:
    """A line in any state, written straight into the books."""
    n = next(_tokens)
    if "connection" not in fields:
        defaults = {"telephony_provider": "twilio"}
        fields["connection"] = Connection.objects.get_or_create(api_id="connection-1", defaults=defaults)[0]
    placed = Order.objects.create(form_token=f"bare-{n}", quantity=1, requested_by_name="bob")
    record_event(action="order.placed", by=PERSON, order=placed)
    fields = {"area_code": "415", "telephony_provider": "twilio", **fields}
    return Line.objects.create(order=placed, position=1, state=state, **fields)


def time_passes(seconds: float) -> None:
    """All clocks in the books move back, which is what waiting would look like to the product."""
    for model, names in CLOCKS.items():
        model.objects.update(**{name: F(name) - timedelta(seconds=seconds) for name in names})


def go_on(line: Line) -> Line:
    """Let time pass until LINE is due (or its lease is over), and drive it once."""
    line = Line.objects.get(pk=line.pk)
    ahead = [line.due_at - db_now(), line.lease_until - db_now() if line.lease_until else timedelta()]
    time_passes(max(*ahead, timedelta()).total_seconds() + 0.01)
    drive(line_id=line.pk)
    return Line.objects.get(pk=line.pk)


def rest(line: Line, *, rounds: int = 40) -> Line:
    """Go on with LINE until it does not move by itself any more."""
    for _ in range(rounds):
        line = go_on(line)
        if line.state not in DRIVEN:
            return line
    raise AssertionError(f"line {line.pk} is still {line.state} after {rounds} rounds: {line.reason}")


def run_worker_until_idle() -> None:
    """Do all that is due now: lines, changes, notices, syncs, comparisons, leases that ran out, seals.

    One thing after the other in this thread, as other threads do not see what a test has not committed.
    What is due later stays: let `time_passes` go by, or change `due_at`, and call this again.
    To take a single line further, use `go_on` or `rest`; for a plan there is `plans.carry`.
    """
    Worker(in_flight=1, alone=True).until_idle()


def attempt_of(line: Line, **fields) -> Attempt:
    """One more purchase that was sent for LINE, written straight into the books."""
    line.tries += 1
    line.save(update_fields=["tries"])
    return Attempt.objects.create(**{"line": line, "n": line.tries, "generation": line.generation, **fields})


def forget(events=None) -> None:
    """Take EVENTS out of the history, or all of them: what restoring an old backup would do."""
    append_only.take_away(connection)
    try:
        chosen = Event.objects.all() if events is None else events
        Seal.objects.filter(event__in=chosen).delete()
        chosen.delete()
    finally:
        append_only.put_up(connection)


def moves_of(line: Line) -> list[str]:
    """The line's history as the actions of its events, oldest first."""
    return list(line.events.order_by("pk").values_list("action", flat=True))


def posts(sandbox) -> list[dict]:
    """Every purchase that reached the sandbox."""
    return sandbox.requests(path="/v1/numbers/buy", method="POST")
