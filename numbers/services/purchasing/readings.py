"""The list of owned numbers, read once for all lines of this process that are looked up.

A list takes minutes where there are many numbers, so lines share what was read. A reading tells of a line
only if the line was waiting for it when the reading began, after the same send and the same look before it:
the database is asked for that, and no clock. So no line counts a reading twice, or one from before its send.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Condition

from django.conf import settings

from numbers import fluents
from numbers.db.clock import db_now
from numbers.models import Line
from numbers.services.fluents_client import client, release
from numbers.states import PUT_OFF, LineState

from .transitions import renew

ENDING = "the worker was asked to end"
Stage = tuple[str, int, int, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was `listed` of the numbers that lines `waited` for, and what kept it from being whole."""

    began: datetime
    waited: dict[int, Stage]
    listed: dict[str, fluents.RemoteNumber]
    trouble: fluents.FluentsError | None

    def tells_of(self, line: Line) -> bool:
        """Whether it began after the last send and look of `line`, and not before the next one was due."""
        return self.waited.get(line.pk) == stage_of(line) and self.began >= line.due_at

    def find(self, phone_number: str) -> fluents.RemoteNumber | None:
        """The number; None where it was not listed. Raises FluentsError where that cannot be told."""
        if not (found := self.listed.get(phone_number)) and self.trouble:
            raise self.trouble.with_traceback(None)
        return found


class Readings:
    """One reading at a time."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._last: Reading | None = None
        self._reading = self._ending = False

    def of(self, line: Line) -> Reading:
        """A reading that tells of `line`, whose lease is renewed meanwhile. Raises LeaseLost."""
        while True:
            with self._changed:
                if self._last and self._last.tells_of(line):
                    return self._last
                if not self._reading:
                    self._reading = True
                    break
            release()  # waiting keeps no database connection
            with self._changed:
                self._changed.wait_for(lambda: not self._reading, settings.LEASE_SECONDS / 3)
            renew(line)
        try:
            self._last = reading = self.read(line)
            return reading
        finally:
            with self._changed:
                self._reading = False
                self._changed.notify_all()

    def read(self, line: Line) -> Reading:
        """Read all pages, and renew the lease of `line` with each. Raises LeaseLost."""
        waited = lines_waiting()
        wanted = {number for number, *_ in waited.values()} | {line.phone_number}
        began = db_now()
        trouble: fluents.FluentsError | None = None
        listed: dict[str, fluents.RemoteNumber] = {}
        try:
            listing = client().numbers(before_page=partial(self.before_page, line))
            for number in listing:
                if number.number in wanted:
                    listed[number.number] = number
            listing.require_whole()
            listing.require_still()
        except fluents.FluentsError as error:
            trouble = error
        return Reading(began=began, waited=waited, listed=listed, trouble=trouble)

    def before_page(self, line: Line) -> None:
        if self._ending:
            raise fluents.OutcomeUnknown(request="GET /v1/numbers/list", detail=ENDING)
        renew(line)

    def end(self) -> None:
        """No further page is read: this process ends."""
        self._ending = True


def stage_of(line: Line) -> Stage:
    return line.phone_number, line.tries, line.looks, line.sent_at


def lines_waiting() -> dict[int, Stage]:
    """The lines whose purchase is looked up, with their stage."""
    rows = Line.objects.filter(state__in=[LineState.UNKNOWN, LineState.REVIEW], due_at__lt=PUT_OFF)
    lines = rows.exclude(phone_number="").order_by().only("phone_number", "tries", "looks", "sent_at")
    return {line.pk: stage_of(line) for line in lines}


readings = Readings()
