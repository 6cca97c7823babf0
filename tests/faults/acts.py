"""What the hands can do: each function calls a service of the product and answers in plain JSON."""

import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import close_old_connections, connection, connections, transaction

from numbers.db.clock import db_now
from numbers.models import CallEndpoint, Connection, Gate, Line, Number, Order, SyncState
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.calls import proofs
from numbers.services.inventory import reconciliation as reconciling
from numbers.services.orders import approvals as approving
from numbers.services.orders.placement import cancel_line, cancel_rest, place_order
from numbers.services.people.accounts import administrators, set_roles
from numbers.services.purchasing import review as reviewing
from numbers.services.purchasing.recovery import check_journal as compare_journal
from numbers.services.purchasing.settlement import MAX_SENDS
from numbers.services.purchasing.worker import drive as drive_line
from numbers.services.settle_schedule import window
from numbers.services.spending import gate
from numbers.states import FINAL, LineState, Outcome
from tests.support.books import attempt_of, bare_line
from tests.support.people import person


def place(*, by: str = "storm", **wanted) -> dict:
    order, created = place_order(by=Actor(name=by), **wanted)
    return {"order": order.pk, "lines": list(order.lines.values_list("pk", flat=True)), "created": created}


def place_as(*, username: str, **wanted) -> dict:
    order, created = place_order(by=Actor.person(User.objects.get(username=username)), **wanted)
    return {"order": order.pk, "lines": list(order.lines.values_list("pk", flat=True)), "created": created}


def at_once(acts: list[Callable[[], object]]) -> list:
    """What each of ACTS answers or raises: all at the same moment, each on a connection of its own."""
    start = threading.Barrier(len(acts))
    results: list = [None] * len(acts)

    def one(i: int) -> None:
        connection.ensure_connection()
        start.wait()
        try:
            results[i] = acts[i]()
        except Exception as error:
            results[i] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def race(*, orders: list[dict]) -> list[dict]:
    """Place all ORDERS at the same moment."""
    results = at_once([partial(place, **order) for order in orders])
    return [{"error": type(r).__name__, "text": str(r)} if isinstance(r, Exception) else r for r in results]


def pause(*, reason: str) -> None:
    gate.pause(reason=reason, by=Actor(name="a person"))


def have_tested(*, token: str, nth: int) -> bool:
    """A person has one of the lines called from the next one; whether that could be asked for."""
    about = {"api_url": settings.FLUENTS_API_URL, "exists": True, "checked_at": db_now()}
    CallEndpoint.objects.get_or_create(pk=CallEndpoint.SINGLE, defaults=about)
    ours = list(Number.objects.owned().filter(agent__isnull=False).select_related("agent").order_by("pk"))
    if len(ours) < 2:
        return False
    number, probe = ours[nth % len(ours)], ours[(nth + 1) % len(ours)]
    try:
        proofs.ask_for_call(by=Actor(name="a person"), token=token, number=number, probe=probe)
    except proofs.NotTested:
        return False
    return True


def open_gate() -> None:
    gate.open_gate(by=Actor(name="a person"), reason="looked into it")


def cancel(*, line_id: int) -> bool:
    return cancel_line(line_id=line_id, by=Actor(name="a person"))


def drive(*, line_id: int) -> None:
    drive_line(line_id=line_id)


def check_journal() -> bool:
    return compare_journal(whole=True)


def hold_writer_lock(*, seconds: float) -> None:
    """Nobody else writes to a SQLite database meanwhile."""
    close_old_connections()
    with transaction.atomic():
        Line.objects.filter(pk=0).update(reason="")
        time.sleep(seconds)


def hold_gate(*, seconds: float) -> None:
    """Nobody else can pass the gate or place an order meanwhile."""
    with transaction.atomic():
        gate.locked()
        time.sleep(seconds)


def decide_both_ways(*, line_id: int) -> list[str]:
    """Two people decide about one line at the same moment, in opposite ways."""
    both = (reviewing.was_not_bought, reviewing.close)
    acts = [
        partial(act, line_id=line_id, by=Actor(name=f"person {i}"), reason="saw the invoice")
        for i, act in enumerate(both)
    ]
    return [type(r).__name__ if isinstance(r, Exception) else "done" for r in at_once(acts)]


def decide_approval(*, order_id: int, ways: list[str]) -> list[str]:
    """As many people approve or refuse an order, or call it off, at the same moment: what each was told."""
    order = Order.objects.get(pk=order_id)
    digest = approving.digest_of(order, approving.lines_of(order))
    acts = {
        "approve": partial(approving.approve, order_id=order_id, digest=digest),
        "refuse": partial(approving.refuse, order_id=order_id, digest=digest, reason="too many"),
        "cancel": partial(cancel_rest, order_id=order_id),
    }
    n = User.objects.count()
    who = [person(f"approver {n + i}", Role.APPROVER) for i in range(len(ways))]
    results = at_once(
        [partial(acts[way], by=Actor.person(user)) for way, user in zip(ways, who, strict=True)]
    )
    return [type(r).__name__ if isinstance(r, Exception) else "done" for r in results]


def take_each_others_role() -> list[str]:
    """Two administrators, each of whom takes the other's role at the same moment; who still has it."""
    pair = [person(name, Role.ADMIN, password="a long password") for name in ("ada", "ann")]
    both = [(by, user) for by, user in (pair, pair[::-1])]
    at_once([partial(set_roles, by=Actor.person(by), user_id=user.pk, roles=[]) for by, user in both])
    return [user.get_username() for user in administrators()]


def was_bought(*, line_id: int, phone_number: str) -> str:
    by = Actor(name="a person")
    return str(
        reviewing.was_bought(line_id=line_id, phone_number=phone_number, by=by, reason="invoice").state
    )


def was_not_bought(*, line_id: int) -> str:
    return str(
        reviewing.was_not_bought(
            line_id=line_id, by=Actor(name="a person"), reason="not on the invoice"
        ).state
    )


def reconcile() -> list[dict]:
    return reconciling.reconcile(by=Actor(name="a person")).differences


def skip_pauses() -> None:
    """As if every pause that Fluents asked for were over."""
    Gate.objects.update(not_before=None)
    Line.objects.exclude(state__in=FINAL).update(due_at=db_now())


def never_answered(*, count: int, connection: str) -> list[int]:
    """Lines whose purchases, the last ones for their numbers, got no answer a third of a window ago."""
    at = db_now() - window() / 3
    found, _ = Connection.objects.get_or_create(api_id=connection, telephony_provider="twilio")
    lines = []
    for n in range(count):
        fields = {"phone_number": f"+1415{2_000_000 + n}", "connection": found, "sends": MAX_SENDS}
        line = bare_line(LineState.UNKNOWN, sent_at=at, due_at=at, **fields)
        attempt_of(line, phone_number=line.phone_number, outcome=Outcome.UNKNOWN, sent_at=at)
        lines.append(line.pk)
    return lines


def own(*, e164: str) -> None:
    """Put a number on the books that no line has bought."""
    Number.objects.create(e164=e164)


def belong_to(*, host: str = "127.0.0.1", user_id: str) -> None:
    """As if the records were of this account."""
    SyncState.objects.update(api_host=host, user_id=user_id)


def serve() -> None:
    """Answer calls until the line closes."""
    for text in sys.stdin:
        name, kwargs = json.loads(text)
        try:
            answer = {"result": globals()[name](**kwargs)}
        except Exception as error:
            answer = {"error": [type(error).__name__, str(error)]}
        finally:
            connections.close_all()  # the server may be restarted between two calls
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
