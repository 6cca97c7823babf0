"""reserved -> sending -> what the answer says: the only place where money is spent.

The attempt is in the database and in the send journal before the request leaves, and no network
call happens inside a transaction. A worker killed in between leaves a lease that runs out.
"""

import time
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection

from numbers import fluents
from numbers.db.clock import db_now
from numbers.db.commits import atomic
from numbers.models import Attempt, Line, Look, Number
from numbers.services.audit.events import SYSTEM, Actor
from numbers.services.failpoints import reached
from numbers.services.fluents_client import client
from numbers.services.inventory.upsert import keep_number, write_on
from numbers.services.settle_schedule import first_look, next_look
from numbers.services.spending import gate, journal, obstacles, registry
from numbers.states import Guarantee, LineState, Origin, Outcome, Refusal
from numbers.telephony.phone import pretty

from .clearance import cleared_orders
from .lookup import owned_in_area
from .recovery import check_journal
from .refusals import making_sure, outcome_of, refusal_of
from .selection import API_AGAIN, api_trouble, fail, is_ours
from .transitions import hold, move, renew, wait
from .turns import Queue, person_of

FRESH = timedelta(seconds=60)  # how long "this number is not ours" is believed
NOT_CLEARED = (
    "It wasn't bought. The history doesn't show that this order was approved, so it won't be sent again."
)
queue = Queue()  # lines of this process that are ready to be sent


class AlreadyBought(Exception):
    """Another line has bought the number, and we have held it since; the text says which."""


class NumberAlreadyOwned(Exception):
    """The number that was chosen has become ours since; a purchase of it would pay for nothing."""


def send(line: Line) -> Line | None:
    """reserved -> sending -> whatever the answer says."""
    try:
        return send_purchase(line, before_sending(line))
    except NumberAlreadyOwned:
        reason = f"We already own {pretty(line.phone_number)}."
        return move(line, LineState.PLANNED, reason=reason, phone_number="")
    except fluents.FluentsError as error:
        api_trouble(line, error)
        return None


def send_purchase(line: Line, owned_before: list[str] | None = None) -> Line | None:
    """Pass the gate, write the attempt down, send it, and write down what came of it.

    Raises NumberAlreadyOwned, LeaseLost.
    """
    if not check_journal(whole=False):
        wait(line, until=db_now(), reason="Buying is paused.")
        return None
    if line.state == LineState.UNKNOWN and not cleared_orders().filter(pk=line.order_id).exists():
        return move(line, LineState.REVIEW, reason=NOT_CLEARED)
    if stop := obstacles.stop_of(line):
        reason, pause = stop
        wait(line, until=db_now() + pause, reason=reason)
        return None
    try:
        api = client()  # before the gate: it may find that the account is not ours
    except fluents.FluentsError as error:
        api_trouble(line, error)
        return None
    try:
        line, attempt, passed_at = through_the_gate(line, owned_before)
    except gate.Closed as closed:
        again = next_look(line.sent, db_now()) if line.state == LineState.UNKNOWN else db_now()
        hold(line, closed, again=again)
        return None
    try:
        journal.append(journal.send_entry(attempt, live=registry.lately_live()))
    except OSError as error:
        reason = f"The send journal can't be written ({error.strerror or error}). Nothing was sent."
        gate.pause(reason=reason, heals_with=registry.here())
        return written(line, attempt, Outcome.NOT_SENT, detail="the send journal can't be written")
    reached("send.journalled")
    too_late = time.monotonic() + longest_call().total_seconds() > passed_at + settings.LEASE_SECONDS
    if too_late or not line.lease_until or line.lease_until - db_now() < longest_call():
        late = "Preparing took too long. Nothing was sent."
        return written(line, attempt, Outcome.NOT_SENT, detail=late)
    return answer_of(line, attempt, api)


def longest_call() -> timedelta:
    """What must be left of a lease before a purchase leaves: a worker that was held up must not send."""
    return timedelta(seconds=settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT)


def before_sending(line: Line) -> list[str] | None:
    """The snapshot of owned numbers that a purchase by area code needs, else None.

    Raises NumberAlreadyOwned, FluentsError.
    """
    if line.by_area_code:
        return [] if line.guarantee == Guarantee.BLIND else snapshot(line)
    if (not line.checked_at or abs(db_now() - line.checked_at) > FRESH) and is_ours(line.phone_number):
        raise NumberAlreadyOwned
    return None


def snapshot(line: Line) -> list[str]:
    """What is ours in the area of line, whose lease is renewed meanwhile. Raises FluentsError, LeaseLost.

    Numbers that a sync or a look-up for a line under review has found count too: Fluents' list may lag,
    and what it shows later would pass for this purchase. No line takes the number of one that has bought.
    """
    listed = owned_in_area(line.area_code, keep=partial(renew, line))
    others = Number.objects.owned().filter(area_code=line.area_code).exclude(origin=Origin.BOUGHT)
    booked = others.values_list("e164", flat=True)
    looks = Look.objects.filter(found=True, line__state=LineState.REVIEW, line__area_code=line.area_code)
    evidence = chain.from_iterable(looks.values_list("phone_numbers", flat=True))
    return sorted({*listed, *booked, *evidence})


def through_the_gate(line: Line, owned_before: list[str] | None) -> tuple[Line, Attempt, float]:
    """Wait for `line`'s turn at the gate, for half a lease at most, and pass.

    Also gives when that began, by a clock that nobody sets: the lease counts from there.

    Raises gate.Closed, NumberAlreadyOwned, LeaseLost.
    """
    end = time.monotonic() + settings.LEASE_SECONDS / 2
    with queue.place_for(person_of(line)) as place:
        closed = gate.Closed("Waiting for its turn.", db_now())
        while place.come(end - time.monotonic()):
            began = time.monotonic()
            try:
                passed = passing(line, owned_before)
            except gate.Closed as refusal:
                closed = refusal
                pause = (closed.until - db_now()).total_seconds() if closed.until else None
                if pause is None or time.monotonic() + pause > end:
                    break
                place.closed(pause, busy=closed.busy)
            else:
                place.passed()
                reached("send.committed")
                return *passed, began
    raise closed


def passing(line: Line, owned_before: list[str] | None) -> tuple[Line, Attempt]:
    """-> sending, with the attempt on disk. Raises gate.Closed, NumberAlreadyOwned, LeaseLost."""
    with atomic(savepoint=True):
        admitted = gate.admit(phone_number=line.phone_number, guarantee=line.guarantee)
        if admitted.owned and not line.sends:
            raise NumberAlreadyOwned
        sending = move(
            line,
            LineState.SENDING,
            now=admitted.at,
            reason=f"Asking Fluents for {pretty(line.phone_number) or 'a number in ' + line.area_code}.",
            tries=line.tries + 1,
            sends=line.sends + 1,
            looks=0,
            absences=0,
            retries=0,
            sent_at=admitted.at,
        )
        attempt = Attempt.objects.create(
            line=line,
            n=sending.tries,
            generation=line.generation,
            phone_number=line.phone_number,
            area_code=line.area_code if line.by_area_code else "",
            owned_before=owned_before,
            trial=admitted.trial,
            sent_at=admitted.at,
        )
        reached("send.written")
    return sending, attempt


def answer_of(line: Line, attempt: Attempt, api: fluents.Client) -> Line | None:
    """Send the purchase once, and turn what happens into an outcome. Spends money."""
    try:
        info = api.buy(
            telephony_provider=line.telephony_provider,
            telephony_account_connection=line.connection.api_id,
            area_code=attempt.area_code,
            phone_number=attempt.phone_number,
            inbound_agent=line.agent.api_id if line.agent else "",
            request_id=str(attempt.key),
        )
    except fluents.NotSent as error:
        return written(line, attempt, Outcome.NOT_SENT, detail=error.user_message)
    except fluents.FluentsError as error:
        return written(line, attempt, outcome_of(line, error), error=error)
    reached("answer.received")
    return answered(line, attempt, info)


def answered(line: Line, attempt: Attempt, info: fluents.RemoteNumber) -> Line | None:
    """A 2xx: ours only if it is exactly what was asked for."""
    asked = line.phone_number or f"+1{line.area_code}"
    expected = info.number == asked if line.phone_number else info.number.startswith(asked)
    if expected and info.number not in (attempt.owned_before or []):
        return written(line, attempt, Outcome.BOUGHT, info=info)
    wrong = f"{pretty(info.number)} instead of {pretty(asked)}"
    again = f"{pretty(info.number)}, which was already ours before this purchase"
    detail = f"Fluents answered with {again if expected else wrong}."
    return written(line, attempt, Outcome.OTHER_NUMBER, info=info, detail=detail)


def written(
    line: Line,
    attempt: Attempt,
    outcome: Outcome,
    *,
    info: fluents.RemoteNumber | None = None,
    error: fluents.FluentsError | None = None,
    detail: str = "",
) -> Line | None:
    """Write an attempt's outcome and the line's next state, trying until the lease ends."""
    give_up = time.monotonic() + settings.LEASE_SECONDS
    while True:
        try:
            with atomic(savepoint=True):
                after = write(line, attempt, outcome, info=info, error=error, detail=detail)
                reached("answer.written")
            reached("answer.committed")
            queue.opened()
            return after
        except AlreadyBought as other:
            outcome, detail = Outcome.OTHER_NUMBER, f"Fluents answered with another line's number: {other}"
        except (InterfaceError, OperationalError):  # locked or away; looking finds what is not written now
            if time.monotonic() > give_up:
                raise
            connection.close()
            time.sleep(0.2)


def write(
    line: Line,
    attempt: Attempt,
    outcome: Outcome,
    *,
    info: fluents.RemoteNumber | None,
    error: fluents.FluentsError | None,
    detail: str,
) -> Line | None:
    """The transaction of `written`."""
    now = db_now()
    status = error.status if error else info.status if info else None
    pause = getattr(error, "retry_after", None)
    attempt.outcome, attempt.status, attempt.finished_at = outcome, status, now
    attempt.detail = (detail or (error.user_message if error else ""))[:500]
    attempt.answer = info.as_json() if info else (error and error.evidence) or None
    attempt.save(update_fields=["outcome", "status", "finished_at", "detail", "answer"])
    # It counts this one, too.
    gate.note(
        outcome=outcome,
        status=status,
        said=error.detail if error else "",
        now=now,
        retry_after=pause,
        trial=attempt.trial,
    )
    if info and outcome == Outcome.BOUGHT:
        return bought(line, info, now=now)
    if outcome == Outcome.NOT_SENT:
        not_sent(line, attempt)
        return None
    refusal = refusal_of(line, error)
    if refusal and line.guarantee == Guarantee.BLIND:  # nothing to make sure with
        if outcome == Outcome.REFUSED and status != 402:
            return believed(line, attempt, Refusal(refusal))
        refusal = ""
    sure = making_sure(line, Refusal(refusal), error) if refusal and error else ""
    move(
        line,
        LineState.UNKNOWN,
        reason=sure or attempt.detail or "Fluents gave no clear answer.",
        about={"refusal": refusal} if refusal else None,
        refusal=refusal,
        sent_at=now if refusal else line.sent_at,
        lease_until=None,
        due_at=first_look(outcome=outcome, refusal=refusal, now=now, retry_after=pause),
    )
    return None  # given back: the first look has its own time


def not_sent(line: Line, attempt: Attempt) -> None:
    """sending -> planned; after an earlier send of the same number -> unknown, as that one still counts."""
    again = db_now() + timedelta(seconds=API_AGAIN[min(line.tries - 1, len(API_AGAIN) - 1)])
    if line.sends > 1:
        move(line, LineState.UNKNOWN, reason=attempt.detail, lease_until=None, due_at=again)
        return
    planned = move(line, LineState.PLANNED, reason=attempt.detail, phone_number="", sends=0)
    wait(planned, until=again)


def believed(line: Line, attempt: Attempt, refusal: Refusal) -> Line | None:
    """A plain no where nothing can be looked up: to another number, back in the queue, or the end."""
    if refusal == Refusal.ACCOUNT:  # refused before it was considered: as good as not sent
        not_sent(line, attempt)
        return None
    reason = f"{attempt.detail} This API offers no lookup, so we accept this answer."
    if refusal == Refusal.ORDER or line.wanted_number:
        return fail(line, reason)
    return move(line, LineState.PLANNED, reason=reason, phone_number="", sends=0)


def bought(
    line: Line,
    info: fluents.RemoteNumber,
    *,
    by: Actor = SYSTEM,
    reason: str = "",
    now: datetime | None = None,
) -> Line:
    """The end that was wanted: the number on the books and the line settled, in one transaction.

    Raises AlreadyBought.
    """
    with atomic():
        number = keep_number(
            info,
            connection=line.connection,
            agent=line.agent,
            bought_by=line.order.requested_by_name,
            now=now,
        )
        write_on(number, label=line.label, tags=line.tags)
        if not reason:
            reason = f"Bought {pretty(number.e164)}. {answering(line, number)}"
        try:
            with atomic(savepoint=True):
                return move(
                    line,
                    LineState.BOUGHT,
                    by=by,
                    now=now,
                    reason=reason,
                    about={"phone_number": number.e164},
                    phone_number=number.e164,
                    number=number,
                    holding=number.holding,
                )
        except IntegrityError:  # the database lets one line have bought each holding
            other = number.lines.filter(state=LineState.BOUGHT, holding=number.holding).get()
            whose = f"line {other.position} of order {other.order_id}"
            raise AlreadyBought(f"{pretty(number.e164)} belongs to {whose}.") from None


def answering(line: Line, number: Number) -> str:
    """Who answers, and a word if that is not who was asked for."""
    if number.agent == line.agent:
        return f"{number.agent} answers it." if number.agent else "It's unassigned."
    return f"{number.agent or 'No agent'} answers it, but {line.agent or 'no agent'} was requested."
