"""unknown -> bought | sending again | planned | failed | review: what did a purchase come to?

A number is never given up before its absence is settled: at least three complete looks without it, the last
of them a whole SETTLE_WINDOW after the send; where Fluents plainly said no, two complete looks, the last a
whole REFUSAL_WINDOW after that. What cannot be settled goes to a person, never into a second purchase.
"""

from datetime import datetime

from numbers import fluents
from numbers.db.clock import db_now, steady_since
from numbers.models import Attempt, Line, Look
from numbers.services.failpoints import reached
from numbers.services.fluents_client import client
from numbers.services.inventory.account import ask_about
from numbers.services.settle_schedule import next_look, window, window_of
from numbers.states import LineState, Outcome, Refusal
from numbers.telephony.phone import pretty

from .lookup import Sight, look
from .purchase import AlreadyBought, bought, send_purchase
from .selection import fail
from .transitions import move, wait

ABSENCES = 3  # complete looks without the number that settle its absence
REFUSED_ABSENCES = 2  # the same after a plain no
MAX_SENDS = 3  # purchases sent for one number before a person decides
GIVE_UP = 96  # windows without a readable answer before a person decides: 24 hours by default
TOO_LONG = "Fluents has been unreachable for too long."
NEVER_ENDED = "this look-up hasn't ended"
NOT_SURELY_OURS = (
    "Fluents said the number isn't available, but now lists {number} as ours. Our request may have been"
    " delivered twice, or someone else using this account bought it."
)


def settle(line: Line) -> Line | None:
    """Look once, and move on if that settles it."""
    attempt = line.attempts.latest("n")
    if attempt.outcome == Outcome.OTHER_NUMBER:
        look_at_both(line, attempt)
        return to_review(line, attempt.detail)
    if line.by_area_code and attempt.owned_before is None:
        return to_review(line, "We no longer know which numbers we owned before the purchase.")
    now = db_now()
    kept = Look(line=line, at=now, complete=False, found=False, detail=NEVER_ENDED)
    if overdue := now - line.sent > GIVE_UP * window():  # the last one, whatever becomes of it
        if line.look_ups.filter(at__gt=line.sent + GIVE_UP * window(), complete=False).exists():
            return to_review(line, TOO_LONG)
        kept.save()
    try:
        sight = look(line, attempt, now)
    except fluents.FluentsError as error:
        ask_about(error)
        sight = Sight(at=now, detail=error.user_message)
    kept.at, kept.complete, kept.found = sight.at, sight.complete, bool(sight.found)
    kept.detail, kept.phone_numbers = sight.detail[:500], [info.number for info in sight.found]
    kept.save()
    reached("look.kept")
    if not sight.possible:
        return to_review(line, f"{line.reason} This API offers no way to check.")
    if sight.found:
        return found(line, sight)
    absences = line.absences + sight.complete
    if sight.complete and is_settled(line, absences, sight.at):
        return absent(line, attempt)
    if not sight.complete and overdue:
        return to_review(line, TOO_LONG)
    wait(
        line,
        until=next_look(line.sent, now, refusal=line.refusal),
        looks=line.looks + 1,
        absences=absences,
    )
    return None


def look_at_both(line: Line, attempt: Attempt) -> None:
    """Keep as evidence which of the two numbers is ours: the one asked for, the one answered."""
    for number in filter(None, (line.phone_number, (attempt.answer or {}).get("number"))):
        try:
            ours = client().find_number(number) is not None
            detail = f"{pretty(number)} {'is' if ours else "isn't"} ours in Fluents."
        except fluents.FluentsError as error:
            ours, detail = False, f"{pretty(number)}: {error.user_message}"
        Look.objects.create(
            line=line,
            at=db_now(),
            complete=False,
            found=ours,
            phone_numbers=[number] if ours else [],
            detail=detail[:500],
        )


def is_settled(line: Line, absences: int, last: datetime) -> bool:
    """Whether so many complete looks without the number, the `last` of them at that time, are enough.

    The window must have passed while we watched: a clock that jumps ahead makes no time go by.
    """
    enough = REFUSED_ABSENCES if line.refusal else ABSENCES
    since = max(line.sent, steady_since())
    return absences >= enough and min(last, db_now()) >= since + window_of(line.refusal)


def found(line: Line, sight: Sight) -> Line:
    """It is there. Ours, if it is just one, as we asked for it, and Fluents did not say that it is taken."""
    if len(sight.found) > 1:
        numbers = ", ".join(pretty(number.number) for number in sight.found)
        return to_review(
            line, f"Several numbers have appeared since: {numbers}. One may belong to this line."
        )
    info = sight.found[0]
    if difference := not_as_asked(line, info):
        return to_review(line, f"{pretty(info.number)} is in Fluents, but {difference}. It may not be ours.")
    if line.refusal == Refusal.TAKEN:
        return to_review(line, NOT_SURELY_OURS.format(number=pretty(info.number)))
    try:
        return bought(line, info)
    except AlreadyBought as other:
        return to_review(line, str(other))


def not_as_asked(line: Line, info: fluents.RemoteNumber) -> str:
    """What shows that another person bought `info`, or ""."""
    if info.telephony_account_connection not in ("", line.connection.api_id):
        return "on another connection"
    if line.agent and info.inbound_agent not in ("", line.agent.api_id, line.agent.name):
        return "with another agent"
    return ""


def absent(line: Line, attempt: Attempt) -> Line | None:
    """Settled: it was not bought."""
    if line.refusal and not (line.by_area_code and line.refusal == Refusal.TAKEN):
        return refused(line, attempt)
    if attempt.outcome == Outcome.UNAVAILABLE and not line.by_area_code:
        return begin_again(line, f"{pretty(line.phone_number)} wasn't bought. Choosing another.")
    if line.by_area_code:
        return to_review(line, "Nothing new appeared, but a purchase by area code can't be ruled out.")
    if attempt.status and 200 <= attempt.status < 300:  # perhaps another number, or seen by nobody yet
        return to_review(line, f"{attempt.detail} {pretty(line.phone_number)} isn't in the account.")
    if line.sends >= MAX_SENDS:
        return to_review(
            line, f"Sent {line.sends} times without a clear answer, and it isn't in the account."
        )
    reached("absence.settled")
    return send_purchase(line)


def refused(line: Line, attempt: Attempt) -> Line | None:
    """Settled, and Fluents said no each time: another number, once more, or the end."""
    if line.refusal == Refusal.PACE and not line.by_area_code and line.sends < MAX_SENDS:
        return send_purchase(line)
    if line.refusal in (Refusal.PACE, Refusal.ACCOUNT):
        return begin_again(line, f"{attempt.detail} Nothing was bought. Trying again.")
    if line.refusal == Refusal.TAKEN and line.wanted_number:
        return fail(line, f"{pretty(line.wanted_number)} isn't available. It wasn't bought.")
    if line.refusal == Refusal.ORDER or line.wanted_number:
        return fail(line, attempt.detail)
    return begin_again(line, f"{pretty(line.phone_number)} wasn't bought. Choosing another. {attempt.detail}")


def begin_again(line: Line, reason: str) -> Line:
    return move(line, LineState.PLANNED, reason=reason, phone_number="", sends=0)


def to_review(line: Line, reason: str) -> Line:
    return move(line, LineState.REVIEW, reason=reason)
