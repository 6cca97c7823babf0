"""What the hands can do: each function calls a service of the product and answers in plain JSON."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.contrib.auth.models import User
from django.db import close_old_connections, connection, transaction
from django_tasks_db.models import DBTaskResult

from numbers.models import Gate, Line, Number, Order
from numbers.roles import Role
from numbers.services import approving, gate, reconciling, reviewing, sweeping
from numbers.services.driving import drive as drive_line
from numbers.services.driving import ring as ring_lines
from numbers.services.history import By, db_now
from numbers.services.placing import cancel_line, cancel_rest, place_order
from numbers.services.replaying import check_journal as compare_journal
from numbers.states import FINAL
from tests.people import person


def place(*, by: str = "storm", **wanted) -> dict:
    order, created = place_order(by=By(name=by), **wanted)
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
    gate.pause(reason=reason, by=By(name="a person"))


def open_gate() -> None:
    gate.open_gate(by=By(name="a person"), reason="looked into it")


def cancel(*, line_id: int) -> bool:
    return cancel_line(line_id=line_id, by=By(name="a person"))


def drive(*, line_id: int) -> None:
    drive_line(line_id=line_id)


def sweep() -> int:
    return sweeping.sweep()


def check_journal() -> bool:
    return compare_journal(whole=True)


def hold_writer_lock(*, seconds: float) -> None:
    """Nobody else writes to a SQLite database meanwhile."""
    close_old_connections()
    with transaction.atomic():
        Line.objects.filter(pk=0).update(reason="")
        time.sleep(seconds)


def decide_both_ways(*, line_id: int) -> list[str]:
    """Two people decide about one line at the same moment, in opposite ways."""
    both = (reviewing.was_not_bought, reviewing.close)
    acts = [
        partial(act, line_id=line_id, by=By(name=f"person {i}"), reason="saw the invoice")
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
    results = at_once([partial(acts[way], by=By.person(user)) for way, user in zip(ways, who, strict=True)])
    return [type(r).__name__ if isinstance(r, Exception) else "done" for r in results]


def was_bought(*, line_id: int, phone_number: str) -> str:
    by = By(name="a person")
    return str(
        reviewing.was_bought(line_id=line_id, phone_number=phone_number, by=by, reason="invoice").state
    )


def was_not_bought(*, line_id: int) -> str:
    return str(
        reviewing.was_not_bought(line_id=line_id, by=By(name="a person"), reason="not on the invoice").state
    )


def reconcile() -> list[dict]:
    return reconciling.reconcile(by=By(name="a person")).differences


def skip_pauses() -> None:
    """As if every pause that Fluents asked for were over."""
    Gate.objects.update(not_before=None)
    Line.objects.exclude(state__in=FINAL).update(due_at=db_now())


def age_bells(*, seconds: float) -> None:
    """As if lines had been rung that long ago."""
    Line.objects.update(rung_at=db_now() - timedelta(seconds=seconds))


def drop_tasks() -> int:
    return DBTaskResult.objects.all().delete()[0]


def task_states() -> list[str]:
    return list(DBTaskResult.objects.values_list("status", flat=True))


def ring(*, line_id: int, times: int) -> None:
    for _ in range(times):
        ring_lines([line_id])


def own(*, e164: str) -> None:
    """Put a number on the books that no line has bought."""
    Number.objects.create(e164=e164)
