"""Making a test call, once, and finding out what came of it: work of the worker.

As with a purchase, the row says that it was sent, and the send journal has it, before the request leaves.
A row that says so is only ever looked up in the list of calls, whatever happened to the answer or to the
worker: nothing here sends twice.
"""

import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from numbers import fluents
from numbers.db.clock import db_now
from numbers.db.commits import atomic
from numbers.db.leases import LeaseLost, lease, mend_leases, nobody_holds
from numbers.models import Agent, Proof
from numbers.services.audit.events import record_event
from numbers.services.failpoints import reached
from numbers.services.fluents_client import client
from numbers.services.inventory.upsert import agents_for
from numbers.services.settle_schedule import first_look, next_look, window
from numbers.services.spending import comparison, gate, journal, obstacles, registry
from numbers.states import Outcome

from .endpoint import ABSENT, keep
from .proofs import why_not, why_not_from

NAME = "proofs"
AGAIN = timedelta(seconds=2)  # until the next try while something stops test calls
PATIENCE = timedelta(minutes=10)  # after which nobody expects the call any more
LISTED = timedelta(days=1)  # of the list of calls that are read where nothing says that any is forgotten
SLACK = timedelta(minutes=2)  # by which Fluents' clock may differ
GIVE_UP = 4  # windows without a readable list
V = Proof.Verdict
NONE_MADE = "No call was made."


class NoCall(Exception):
    """The call is not made, and not later either; the text says why, for people."""


def claim(*, limit: int) -> list[Proof]:
    """At most `limit` test calls that are due, each with a lease."""
    if not settings.FLUENTS_API_TOKEN:
        return []
    now = db_now()
    due = Proof.objects.filter(nobody_holds(), verdict=V.OPEN, due_at__lte=now).order_by("due_at")
    claimed: list[Proof] = []
    for pk in due.values_list("pk", flat=True)[:limit]:
        until = now + lease()
        if due.filter(pk=pk).order_by().update(lease_until=until):
            rows = Proof.objects.select_related(
                "number__agent", "probe__agent", "probe__connection", "agent", "line", "row__plan"
            )
            claimed += rows.filter(pk=pk, lease_until=until)
    return claimed


def run(proof: Proof) -> None:
    """Make the call, or look what came of it. Raises LeaseLost."""
    if proof.sent_at:
        look(proof, proof.sent_at)
    else:
        send(proof)


def defer(proof: Proof, error: Exception) -> None:
    """Nothing to do: its lease runs out, and what was sent is looked up then."""


def next_due(after: datetime) -> datetime | None:
    rows = Proof.objects.filter(verdict=V.OPEN).order_by()
    times = rows.annotate(at=Greatest("due_at", F("lease_until"))).values_list("at", "due_at")
    return min((at for held, due in times if (at := held or due) > after), default=None)


def mend_times() -> None:
    """After a clock was ahead and was set right again, nothing waits longer."""
    rows, now = Proof.objects.filter(verdict=V.OPEN), db_now()
    mend_leases(rows)
    rows.filter(due_at__gt=now + window()).update(due_at=now)


def hold(proof: Proof, *, ends: bool = True, **changes: Any) -> None:
    """Write `changes`, and give the lease back if this `ends` it. Raises LeaseLost."""
    until = None if ends else db_now() + lease()
    mine = Proof.objects.filter(pk=proof.pk, lease_until=proof.lease_until, verdict=V.OPEN)
    if "sent_at" in changes:
        mine = mine.filter(sent_at=None)
    if not mine.update(lease_until=until, **changes):
        raise LeaseLost(f"test call {proof.pk} has moved on")
    for name, value in {"lease_until": until, **changes}.items():
        setattr(proof, name, value)


def wait(proof: Proof, reason: str, *, until: datetime | None = None) -> None:
    hold(proof, reason=reason[:500], due_at=until or db_now() + AGAIN)


def end(proof: Proof, verdict: Proof.Verdict, reason: str, **about: Any) -> None:
    """The verdict, for good."""
    with atomic(savepoint=True):
        hold(proof, verdict=verdict, reason=reason[:500], ended_at=db_now(), **about)
        record_event(action=f"proof.{verdict}", number=proof.number, reason=reason)


# --- Sending --------------------------------------------------------------------------------


def send(proof: Proof) -> None:
    """Make the call if everything still allows it. Nothing else sends, and only a row that says not sent."""
    try:
        api, earlier = prepared(proof)
        began = time.monotonic()
        mark_sent(proof, earlier)
        write_journal(proof, began)
    except gate.Closed as closed:
        return wait(proof, str(closed), until=closed.until)
    except NoCall as why:
        return end(proof, V.UNCLEAR, str(why))
    return place(api, proof)


def prepared(proof: Proof) -> tuple[fluents.Client, list[str]]:
    """The client, and the ids of calls that this one must not be taken for. Raises NoCall, gate.Closed."""
    why = why_not(proof.number, but=proof) or why_not_from(proof.probe, proof.number) or why_changed(proof)
    if why:
        raise NoCall(f"{why} {NONE_MADE}")
    if db_now() - proof.asked_at > PATIENCE:
        raise NoCall(f"{proof.reason} {NONE_MADE}")
    try:
        check_journal(proof)
        api = client()
        return api, [call.id for call in calls_before(api, proof)]
    except fluents.Unsupported:
        raise NoCall(f"This Fluents API doesn't list calls. {NONE_MADE}") from None
    except fluents.FluentsError as error:
        raise gate.Closed(error.user_message) from None


def why_changed(proof: Proof) -> str:
    """That another agent should answer by now than when the call was asked for, or ""."""
    return "The line was reassigned before the call." if proof.number.agent_id != proof.agent_id else ""


def check_journal(proof: Proof) -> None:
    """Raises gate.Closed until this worker's own rounds have put the journal in order, and NoCall where it
    has the call already.
    """
    try:
        if registry.own() is None or not comparison.agrees_lately():
            raise gate.Closed("The send journal is being compared with the database.")
        made = journal.has_call(proof.key, since=earliest(proof) - SLACK)
    except OSError as error:
        raise gate.Closed(f"The send journal can't be read ({error.strerror or error}).") from None
    if made:
        raise NoCall("The call was made before the database was restored. It isn't made again.")
    if obstacles.must_look():
        raise gate.Closed(obstacles.waiting_for_look())


def calls_before(api: fluents.Client, proof: Proof) -> list[fluents.Call]:
    """Those between the two lines that this one must not be taken for.

    Raises NoCall where it may be one of them: a database that was restored has forgotten calls that are only
    in the journal of another machine. Raises FluentsError.
    """
    since, restored = earliest(proof), gate.current().reconciled_at
    if restored and restored >= since and not (proof.line or proof.row):
        raise NoCall(f"The database was restored after this test was requested. {NONE_MADE}")
    if not restored or restored < since:  # the list is long
        since = max(since, db_now() - LISTED)
    calls = calls_of(api, proof, since=since - SLACK)
    ours = Proof.objects.filter(number=proof.number, probe=proof.probe, sent_at__gte=since - SLACK)
    if sum(call.outgoing for call in calls) > ours.exclude(pk=proof.pk).count():
        raise NoCall(
            "Fluents lists a call between these lines that our records don't have. It isn't made again."
        )
    return calls


def earliest(proof: Proof) -> datetime:
    """When the call can have been made at first: the row of an order's or a plan's may be written anew."""
    if proof.row:
        return proof.row.plan.created_at
    line = proof.line
    return (line.sent_at or line.created_at) if line else proof.asked_at


def mark_sent(proof: Proof, earlier: list[str]) -> None:
    """Through the gate; from here on nobody sends it again. Raises gate.Closed, LeaseLost."""
    with atomic(savepoint=True):
        at = gate.admit_call()
        hold(proof, ends=False, sent_at=at, earlier=earlier, due_at=at, reason="")
        record_event(action="proof.sending", number=proof.number, after={"from": proof.probe.e164})
        reached("proof.written")
    reached("proof.committed")


def write_journal(proof: Proof, began: float) -> None:
    """The last thing before the request. Raises NoCall, also where a worker was held up for too long."""
    try:
        journal.append(journal.call_entry(proof))
    except OSError as error:
        why = f"The send journal can't be written ({error.strerror or error})."
        raise NoCall(f"{why} {NONE_MADE}") from None
    reached("proof.journalled")
    longest = settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT
    if time.monotonic() + longest > began + settings.LEASE_SECONDS:
        raise NoCall(f"Preparing took too long. {NONE_MADE}")


def place(api: fluents.Client, proof: Proof) -> None:
    """Send the request, once. Unless the API has no such address, the list of calls tells what came of it."""
    pause, reason = None, ""
    try:
        api.place_call(
            line=proof.probe.e164,
            to=proof.number.e164,
            agent=proof.probe.agent.api_id if proof.probe.agent else "",
            telephony_provider=proof.probe.telephony_provider,
            connection=proof.probe.connection.api_id if proof.probe.connection else "",
            request_id=str(proof.key),
        )
    except fluents.NotSent as error:
        return end(proof, V.UNCLEAR, f"{error.user_message} {NONE_MADE}")
    except fluents.Unsupported:
        keep(exists=False, said=ABSENT)
        return end(proof, V.UNCLEAR, f"{ABSENT} {NONE_MADE}")
    except fluents.FluentsError as error:
        reason, pause = error.user_message, getattr(error, "retry_after", None)
        if isinstance(error, fluents.RateLimited):
            with transaction.atomic():
                gate.note(outcome=Outcome.RATE_LIMITED, status=429, retry_after=pause, now=db_now())
    reached("proof.answered")
    due_at = first_look(outcome=Outcome.UNKNOWN, refusal="", now=db_now(), retry_after=pause)
    return hold(proof, reason=reason[:500], due_at=due_at)


# --- Looking --------------------------------------------------------------------------------


def calls_of(api: fluents.Client, proof: Proof, *, since: datetime) -> list[fluents.Call]:
    return api.calls_between(proof.number.e164, proof.probe.e164, since=since)


def look(proof: Proof, sent_at: datetime) -> None:
    """Find the call in the list of calls, and say what it proves."""
    now = db_now()
    try:
        calls = calls_of(client(), proof, since=sent_at - SLACK)
    except fluents.FluentsError as error:
        if now - sent_at >= GIVE_UP * window():
            return end(proof, V.UNCLEAR, f"The call can't be looked up. {error.user_message}")
        return wait(proof, error.user_message, until=next_look(sent_at, now))
    calls = [call for call in calls if call.id not in proof.earlier]
    incoming = [call for call in calls if not call.outgoing]
    if len(incoming) == 1 and incoming[0].is_over:
        return judge(proof, incoming[0])
    if now - sent_at < window():
        return wait(proof, proof.reason, until=next_look(sent_at, now))
    return end(proof, *unproven(incoming, [call for call in calls if call.outgoing], proof.reason))


def judge(proof: Proof, call: fluents.Call) -> None:
    """What the incoming call says: it is over, and there is no other."""
    who: Agent | None = agents_for({call.agent}).get(call.agent)
    about: dict[str, Any] = {
        "call_id": call.id,
        "seconds": call.seconds,
        "answered_by": who if call.answered else None,
    }
    about["status"] = "answered" if call.answered else "unanswered"
    if not call.answered:
        return end(proof, V.SILENT, "The line was called, and no one answered.", **about)
    if not who:
        return end(proof, V.UNCLEAR, "Someone answered. Fluents doesn't say which agent.", **about)
    if who == proof.agent:
        return end(proof, V.ANSWERS, f"{who} answered.", **about)
    return end(proof, V.WRONG, f"{who} answered. {proof.agent} should have.", **about)


def unproven(
    incoming: list[fluents.Call], outgoing: list[fluents.Call], reason: str
) -> tuple[Proof.Verdict, str]:
    """What is to be said once looking has ended without one incoming call that is over."""
    if len(incoming) > 1:
        return V.UNCLEAR, f"Fluents lists {len(incoming)} calls between these lines at that time."
    if incoming:
        return V.UNCLEAR, "The call isn't over yet."
    if outgoing and all(call.is_over and not call.answered for call in outgoing):
        return V.SILENT, "The call was made, and no one answered."
    if outgoing:
        return V.UNCLEAR, "The call was made, but Fluents lists none that this line got."
    return V.UNCLEAR, f"{reason} Fluents lists no such call.".strip()
