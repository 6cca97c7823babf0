"""unknown -> bought | sending again | planned | review: what did an unanswered purchase come to?

A number is never given up before its absence is settled: at least three complete looks without it,
the last of them a whole SETTLE_WINDOW after the send. What cannot be settled goes to a person,
never into a second purchase.
"""

from datetime import datetime

from .. import fluents
from ..models import Attempt, Line, Look
from ..phone import pretty
from ..states import LineState, Outcome
from .failpoints import reached
from .history import db_now
from .looking import Sight, look, next_look, window
from .moves import move, wait
from .sending import bought, send_purchase

ABSENCES = 3  # complete looks without the number that settle its absence
MAX_SENDS = 3  # purchases sent for one number before a person decides
GIVE_UP = 96  # windows without a readable answer before a person decides: 24 hours by default


def settle(line: Line) -> Line | None:
    """Look once, and move on if that settles it."""
    attempt = line.attempts.order_by("-n").first()
    if attempt.outcome == Outcome.OTHER_NUMBER:
        return to_review(line, attempt.detail)
    if line.by_area_code and attempt.owned_before is None:
        return to_review(line, "Which numbers we owned before the purchase is not known any more.")
    now = db_now()
    try:
        sight = look(line, attempt, now)
    except fluents.FluentsError as error:
        sight = Sight(detail=error.user_message)
    Look.objects.create(
        line=line, at=now, complete=sight.complete, found=bool(sight.found), detail=sight.detail[:500]
    )
    reached("look.kept")
    if not sight.possible:
        return to_review(line, f"{line.reason} This API offers no way to look it up.")
    if sight.found:
        return found(line, sight)
    absences = line.absences + sight.complete
    if is_settled(line, attempt, absences, now):
        return absent(line, attempt)
    if not sight.complete and now - line.sent_at > GIVE_UP * window():
        return to_review(line, "Fluents could not be asked for too long.")
    return wait(line, until=next_look(line, now), looks=line.looks + 1, absences=absences)


def is_settled(line: Line, attempt: Attempt, absences: int, now: datetime) -> bool:
    if attempt.outcome == Outcome.RATE_LIMITED and line.sends == 1:
        return absences >= 1
    return absences >= ABSENCES and now >= line.sent_at + window()


def found(line: Line, sight: Sight) -> Line:
    """It is there. Ours, if there is just one and it carries what we asked for."""
    if len(sight.found) > 1:
        numbers = ", ".join(pretty(number.number) for number in sight.found)
        return to_review(line, f"Several numbers appeared meanwhile: {numbers}. One may be this line's.")
    info = sight.found[0]
    if difference := not_as_asked(line, info):
        return to_review(
            line, f"{pretty(info.number)} is at Fluents, but {difference}: somebody else may have bought it."
        )
    return bought(line, info)


def not_as_asked(line: Line, info: fluents.Number) -> str:
    """What shows that another person bought INFO, or ""."""
    if info.telephony_account_connection not in ("", line.connection.api_id):
        return "on another connection"
    if line.agent and info.inbound_agent not in ("", line.agent.api_id, line.agent.name):
        return "with another agent"
    return ""


def absent(line: Line, attempt: Attempt) -> Line | None:
    """Settled: it was not bought."""
    if attempt.outcome == Outcome.UNAVAILABLE and not line.by_area_code:
        return move(
            line,
            LineState.PLANNED,
            reason=f"{pretty(line.phone_number)} was not to be had and was not bought. Choosing another.",
            phone_number="",
            sends=0,
        )
    if line.by_area_code:
        if attempt.outcome == Outcome.RATE_LIMITED:
            return move(line, LineState.PLANNED, reason="Nothing was bought. Asking again.", sends=0)
        return to_review(line, "Nothing new appeared, but a purchase by area code cannot be proven absent.")
    if line.sends >= MAX_SENDS:
        return to_review(line, f"Sent {line.sends} times without a clear answer, and it is not there.")
    reached("absence.settled")
    return send_purchase(line)


def to_review(line: Line, reason: str) -> Line:
    return move(line, LineState.REVIEW, reason=reason, lease_until=None)
