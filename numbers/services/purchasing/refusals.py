"""What Fluents means by a plain no to a purchase."""

import re

from numbers import fluents
from numbers.models import Line
from numbers.states import Outcome, Refusal

# Fluents' words for "somebody has it": perhaps we ourselves, by a copy of our own request.
TAKEN = re.compile(r"avail|taken|owned|in use|exist|sold|purchased|not found", re.IGNORECASE)


# A refusal of these will not get better with another phone number.
WHOLE_ORDER = re.compile(r"connection|provider|agent|area.?code", re.IGNORECASE)


ABOUT_ACCOUNT = (401, 402, 403)  # HTTP statuses: token, funds, plan


NOES = {Outcome.REFUSED, Outcome.UNAVAILABLE, Outcome.RATE_LIMITED}


def meaning_of(line: Line, error: fluents.FluentsError) -> Refusal | None:
    """What a plain no (4xx) is about; None for an answer that is none."""
    if not isinstance(error, fluents.Refused) or not 400 <= (error.status or 0) < 500:
        return None
    if isinstance(error, fluents.RateLimited):
        return Refusal.PACE
    if error.status in ABOUT_ACCOUNT:
        return Refusal.ACCOUNT
    if isinstance(error, fluents.Conflict):
        return Refusal.TAKEN
    if isinstance(error, fluents.Unsupported) or line.by_area_code:
        return Refusal.ORDER
    if WHOLE_ORDER.search(error.detail) and "phone_number" not in error.detail:
        return Refusal.ORDER
    return Refusal.TAKEN if TAKEN.search(error.detail) else Refusal.NUMBER


def outcome_of(line: Line, error: fluents.FluentsError) -> Outcome:
    match meaning_of(line, error):
        case None:
            return Outcome.UNKNOWN
        case Refusal.PACE:
            return Outcome.RATE_LIMITED
        case Refusal.TAKEN:
            return Outcome.UNAVAILABLE
        case Refusal.NUMBER | Refusal.ORDER if line.sends > 1:
            return Outcome.UNAVAILABLE  # for whatever reason, after a purchase that may have been made
        case _:
            return Outcome.REFUSED


def refusal_of(line: Line, error: fluents.FluentsError | None) -> Refusal | str:
    """What the no was about, if Fluents said no each time that it was asked for the number at hand."""
    if not error or not (meaning := meaning_of(line, error)):
        return ""
    sends = line.attempts.order_by("-n").values_list("outcome", flat=True)[: line.sends]
    return meaning if set(sends) <= NOES else ""


def making_sure(line: Line, refusal: Refusal, error: fluents.FluentsError) -> str:
    """What staff read while a refused purchase is looked up."""
    said = "Fluents says it isn't available." if refusal == Refusal.TAKEN else error.user_message
    another = not (line.wanted_number or line.by_area_code)
    then = {
        Refusal.TAKEN: ", then trying another" if another else "",
        Refusal.NUMBER: ", then trying another" if another else "",
        Refusal.ACCOUNT: ", then waiting until buying is open again",
        Refusal.PACE: ", then asking again",
    }
    return f"{said} Confirming that nothing was bought{then.get(refusal, '')}."
