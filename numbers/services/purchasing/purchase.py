"""reserved -> sending -> what the answer says: the only place where money is spent.

The attempt is in the database and in the send journal before the request leaves, and no network
call happens inside a transaction. Whoever is killed in between leaves a lease that runs out.
"""

import re
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from .. import fluents
from ..models import Attempt, Line, Number
from ..phone import pretty
from ..prepared import Change, put
from ..statements import slot
from ..states import Guarantee, LineState, Outcome
from . import gate, journal
from .api import client
from .choosing import API_AGAIN, api_trouble, fail, is_ours
from .failpoints import reached
from .history import SYSTEM, By, db_now
from .inventory import keep_number, write_on
from .looking import first_look, next_look, owned_in_area, unlisted
from .moves import joined, move, wait
from .replaying import check_journal

FRESH = timedelta(seconds=60)  # how long "this number is not ours" is believed
SHORT_WAIT = 1.5  # seconds; worth staying for

# Fluents' words for "somebody has it": perhaps we ourselves, by a copy of our own request.
TAKEN = re.compile(r"avail|taken|owned|in use|exist|sold|purchased|not found", re.IGNORECASE)
# A refusal of these will not get better with another phone number.
WHOLE_ORDER = re.compile(r"connection|provider|agent|area.?code", re.IGNORECASE)


# Which purchase of its line an attempt is.
NEXT = "(SELECT COUNT(*) + 1 FROM numbers_attempt WHERE line_id = %s)"
ANSWERED = Change(lambda: Attempt.objects.filter(pk=slot("pk")))


def send(line: Line) -> Line | None:
    """reserved -> sending -> whatever the answer says."""
    try:
        owned_before = before_sending(line)
    except fluents.FluentsError as error:
        return api_trouble(line, error)
    if owned_before is False:
        return move(
            line, LineState.PLANNED, reason=f"{pretty(line.phone_number)} is ours by now.", phone_number=""
        )
    if not check_journal(whole=False):
        return wait(line, until=db_now(), reason="Buying is paused.")
    return send_purchase(line, owned_before)


def send_purchase(line: Line, owned_before: list[str] | None = None) -> Line | None:
    """Pass the gate, write the attempt down, send it, and write down what came of it."""
    try:
        line, attempt = through_the_gate(line, owned_before)
    except gate.Closed as closed:
        pause = (closed.until - db_now()).total_seconds() if closed.until else None
        if line.state == LineState.RESERVED and pause is not None and pause <= SHORT_WAIT:
            time.sleep(max(pause, 0.01))
            return line
        again = next_look(line, db_now()) if line.state == LineState.UNKNOWN else db_now()
        return gate.hold(line, closed, again=again)
    try:
        journal.append(attempt)
    except OSError as error:
        gate.pause(
            reason=f"The send journal cannot be written ({error.strerror or error}). Nothing was sent."
        )
        return written(line, attempt, Outcome.NOT_SENT, detail="the send journal cannot be written")
    reached("send.journalled")
    if line.lease_until - db_now() < longest_call():
        return written(
            line, attempt, Outcome.NOT_SENT, detail="It took too long to get ready. Nothing was sent."
        )
    return answer_of(line, attempt)


def longest_call() -> timedelta:
    """What must be left of a lease before a purchase leaves: a worker that was held up must not send."""
    return timedelta(seconds=settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT)


def before_sending(line: Line) -> list[str] | bool | None:
    """What must be known just before the send.

    The snapshot of owned numbers for a purchase by area code, else None; False when the chosen
    number has become ours since. Raises FluentsError.
    """
    if line.by_area_code:
        if line.guarantee == Guarantee.BLIND:
            return []
        return sorted(owned_in_area(line.area_code))
    if db_now() - line.checked_at > FRESH and is_ours(line.phone_number):
        return False
    return None


def through_the_gate(line: Line, owned_before: list[str] | None) -> tuple[Line, Attempt]:
    """-> sending, with the attempt on disk. Raises gate.Closed, LeaseLost."""
    with transaction.atomic():
        now = gate.admit()
        sending = move(
            line,
            LineState.SENDING,
            now=now,
            reason=f"Asking Fluents for {pretty(line.phone_number) or 'a number in ' + line.area_code}.",
            sends=line.sends + 1,
            looks=0,
            absences=0,
            retries=0,
            sent_at=now,
        )
        attempt = Attempt(
            line=line,
            generation=line.generation,
            phone_number=line.phone_number,
            area_code=line.area_code if line.by_area_code else "",
            owned_before=owned_before,
            sent_at=now,
        )
        put(attempt, n=(NEXT, [line.pk]))
        reached("send.written")
    reached("send.committed")
    return sending, attempt


def answer_of(line: Line, attempt: Attempt) -> Line | None:
    """Send the purchase once, and turn what happens into an outcome. Spends money."""
    try:
        info = client().buy(
            telephony_provider=line.telephony_provider,
            telephony_account_connection=line.connection.api_id,
            area_code=attempt.area_code,
            phone_number=attempt.phone_number,
            inbound_agent=line.agent.api_id if line.agent else "",
            request_id=str(attempt.key),
        )
    except fluents.NotSent as error:
        return written(line, attempt, Outcome.NOT_SENT, detail=error.user_message)
    except fluents.RateLimited as error:
        return written(line, attempt, Outcome.RATE_LIMITED, error=error)
    except fluents.Unauthorized as error:
        return written(line, attempt, Outcome.REFUSED, error=error)
    except (fluents.Invalid, fluents.NotFound) as error:
        return refused(line, attempt, error)
    except fluents.Conflict as error:
        return written(line, attempt, Outcome.UNAVAILABLE, error=error)
    except fluents.FluentsError as error:
        return written(line, attempt, Outcome.UNKNOWN, error=error)
    reached("answer.received")
    return answered(line, attempt, info)


def answered(line: Line, attempt: Attempt, info: fluents.Number) -> Line | None:
    """A 2xx: ours only if it is exactly what was asked for."""
    asked = line.phone_number or f"+1{line.area_code}"
    expected = info.number == asked if line.phone_number else info.number.startswith(asked)
    if expected and info.number not in (attempt.owned_before or []):
        return written(line, attempt, Outcome.BOUGHT, info=info)
    detail = f"Fluents answered with {pretty(info.number)} instead of {pretty(asked)}."
    return written(line, attempt, Outcome.OTHER_NUMBER, info=info, detail=detail)


def refused(line: Line, attempt: Attempt, error: fluents.Refused) -> Line | None:
    """400, 404, 422: a definite no only if it does not smell of "taken" and we do not own the number."""
    if line.sends > 1 or (not line.by_area_code and TAKEN.search(error.detail) and not about_order(error)):
        return written(line, attempt, Outcome.UNAVAILABLE, error=error)
    try:
        ours = appeared(line, attempt)
    except fluents.FluentsError:
        return written(line, attempt, Outcome.UNKNOWN, error=error)
    return written(line, attempt, Outcome.UNKNOWN if ours else Outcome.REFUSED, error=error)


def about_order(error: fluents.Refused) -> bool:
    """Whether the refusal is about the connection, provider, agent or area code: no number would do."""
    return bool(WHOLE_ORDER.search(error.detail)) and "phone_number" not in error.detail


def appeared(line: Line, attempt: Attempt) -> bool:
    """Whether what was asked for is ours now, in spite of a refusal. Raises FluentsError."""
    if line.guarantee == Guarantee.BLIND:
        return False  # a documented refusal is all that there is to go by
    if line.by_area_code:
        return bool(unlisted(line, attempt))
    return client().find_number(line.phone_number) is not None


def written(
    line: Line,
    attempt: Attempt,
    outcome: Outcome,
    *,
    info: fluents.Number | None = None,
    error: fluents.FluentsError | None = None,
    detail: str = "",
) -> Line | None:
    """Write an attempt's outcome and the line's next state, trying until the lease ends."""
    give_up = time.monotonic() + settings.LEASE_SECONDS
    while True:
        try:
            with transaction.atomic():
                after = write(line, attempt, outcome, info=info, error=error, detail=detail)
                reached("answer.written")
            reached("answer.committed")
            return after
        except (InterfaceError, OperationalError):  # locked or away; looking finds what is not written now
            if time.monotonic() > give_up:
                raise
            connection.close()
            time.sleep(0.2)


def write(line, attempt, outcome, *, info, error, detail) -> Line | None:
    """The transaction of `written`."""
    seen, now = gate.seen()
    status = error.status if error else None
    pause = getattr(error, "retry_after", None)
    result = {
        "outcome": outcome,
        "status": status,
        "finished_at": now,
        "detail": (detail or (error.user_message if error else ""))[:500],
        "answer": info.as_json() if info else None,
    }
    ANSWERED.rows(fields=result, pk=attempt.pk)
    for name, value in result.items():
        setattr(attempt, name, value)
    gate.note(outcome=outcome, status=status, now=now, retry_after=pause, seen=seen)  # counts this one, too
    if outcome == Outcome.BOUGHT:
        return bought(line, info, now=now)
    if outcome == Outcome.NOT_SENT:
        return not_sent(line, attempt)
    if outcome == Outcome.REFUSED:
        return said_no(line, attempt, error)
    move(
        line,
        LineState.UNKNOWN,
        reason=attempt.detail or "Fluents gave no clear answer.",
        lease_until=None,
        due_at=first_look(outcome=outcome, now=now, retry_after=pause),
    )
    return None  # given back: the first look has its own time


def not_sent(line: Line, attempt: Attempt) -> None:
    """sending -> planned; after an earlier send of the same number -> unknown, as that one still counts."""
    again = db_now() + timedelta(seconds=API_AGAIN[min(line.attempts.count() - 1, len(API_AGAIN) - 1)])
    if line.sends > 1:
        move(line, LineState.UNKNOWN, reason=attempt.detail, lease_until=None, due_at=again)
        return None
    planned = move(line, LineState.PLANNED, reason=attempt.detail, phone_number="", sends=0)
    return wait(planned, until=again)


def said_no(line: Line, attempt: Attempt, error: fluents.Refused) -> Line | None:
    """A definite no: to another number, back in the queue, or the end."""
    if isinstance(error, fluents.Unauthorized):  # turned away at the door: as good as not sent
        return not_sent(line, attempt)
    if line.by_area_code or line.wanted_number or about_order(error):
        return fail(line, attempt.detail)
    return move(line, LineState.PLANNED, reason=attempt.detail, phone_number="", sends=0)


def bought(
    line: Line, info: fluents.Number, *, by: By = SYSTEM, reason: str = "", now: datetime | None = None
) -> Line:
    """The end that was wanted: the number on the books and the line settled, in one transaction."""
    with joined():
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
        return move(
            line,
            LineState.BOUGHT,
            by=by,
            now=now,
            reason=reason,
            about={"phone_number": number.e164},
            phone_number=number.e164,
            number=number,
        )


def answering(line: Line, number: Number) -> str:
    """Who answers, and a word if that is not who was asked for."""
    if number.agent == line.agent:
        return f"{number.agent} answers it." if number.agent else "Nobody answers it yet."
    return f"{number.agent or 'Nobody'} answers it, though {line.agent or 'nobody'} was asked for."
