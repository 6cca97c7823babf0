"""When an open outcome is looked up.

Times are fractions of a window. Without an answer it is SETTLE_WINDOW after the send: with the default of
15 minutes the looks come after 2, 5, 15, 30 and 60 seconds, then 2, 5, 10 and 15 minutes. After a plain no
it is REFUSAL_WINDOW: 2, 5, 15 and 30 seconds by default.
"""

from datetime import datetime, timedelta

from django.conf import settings

from numbers.states import Outcome

STEPS = (1 / 450, 1 / 180, 1 / 60, 1 / 30, 1 / 15, 2 / 15, 1 / 3, 2 / 3, 1)
REFUSAL_STEPS = (1 / 15, 1 / 6, 1 / 2, 1)
SHORTEST = 0.2  # seconds between two looks
PAUSE = 5.0  # seconds, where a 429 does not say how long to wait


def window() -> timedelta:
    return timedelta(seconds=settings.SETTLE_WINDOW)


def window_of(refusal: str) -> timedelta:
    """How long a purchase is looked up that was refused so, or that got no answer ("")."""
    return timedelta(seconds=settings.REFUSAL_WINDOW) if refusal else window()


def first_look(*, outcome: Outcome, refusal: str, now: datetime, retry_after: float | None) -> datetime:
    if outcome == Outcome.OTHER_NUMBER:
        return now
    if outcome == Outcome.RATE_LIMITED:
        return now + timedelta(seconds=1.1 * (retry_after if retry_after is not None else PAUSE))
    steps = REFUSAL_STEPS if refusal else STEPS
    return now + max(steps[0] * window_of(refusal), timedelta(seconds=SHORTEST))


def next_look(sent_at: datetime, now: datetime, *, refusal: str = "") -> datetime:
    """The next step of the schedule; past its end, every third of the window, at most an hour apart."""
    earliest, whole = now + timedelta(seconds=SHORTEST), window_of(refusal)
    for step in REFUSAL_STEPS if refusal else STEPS:
        if (at := sent_at + step * whole) > earliest:
            return at
    return now + min(max(whole / 3, timedelta(seconds=SHORTEST)), timedelta(hours=1))
