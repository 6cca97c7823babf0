"""Writing orders into the books and letting time pass there, for tests that drive lines themselves."""

import itertools
from datetime import timedelta

from django.db import connection
from django.db.models import F

from numbers import append_only
from numbers.models import Attempt, Connection, Event, Gate, Line, Order, Seal
from numbers.services.driving import drive
from numbers.services.history import By, db_now
from numbers.services.placing import place_order
from numbers.states import DRIVEN, LineState

PERSON = By(name="bob")
CLOCKS = {
    Line: ("due_at", "rung_at", "lease_until", "sent_at", "checked_at"),
    Gate: ("next_send_at", "next_turn_at", "not_before", "breaker_at", "counting_from"),
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
    connection, _ = Connection.objects.get_or_create(
        api_id="connection-1", defaults={"telephony_provider": "twilio"}
    )
    placed = Order.objects.create(form_token=f"bare-{n}", quantity=1, requested_by_name="bob")
    fields = {"area_code": "415", "connection": connection, "telephony_provider": "twilio", **fields}
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
