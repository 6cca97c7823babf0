"""Reading which calls there were: a page at a time, from the latest call back to what is known already.

A reading ends where the one before began, less `OVERLAP`: Fluents tells of some calls late. What is
counted and met again by the next reading is remembered by its id (`SeenCall`), and forgotten after it;
older calls than that are new only below the `frontier`, the start of the oldest one that was read. Each
page is counted in one transaction with how far that is, so a reading that was cut off anywhere continues at
its next page, and calls that came meanwhile only push known ones there.
"""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from numbers import fluents
from numbers.db.clock import JUMP, db_now
from numbers.db.leases import LeaseLost, lease, mend_leases, nobody_holds
from numbers.db.wake import announce
from numbers.models import CallReading, Number, NumberDay, SeenCall, SyncState
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.audit.rights import needs
from numbers.services.failpoints import reached
from numbers.services.fluents_client import client

from .tally import SHOWN, count, first_day, renew

NAME = "calls"
OVERLAP = timedelta(hours=24)  # so late, at most, may Fluents tell of a call
HISTORY = timedelta(days=100)  # that the first reading goes back
AHEAD = timedelta(days=1)  # a call that begins later than that is none
PAGES = 100  # of one round
PORTION = 500  # numbers that are counted anew together
SAME = 3  # times that a page may come before it is no page
AGAIN = (60, 300, 900, 3600)  # seconds until a reading that failed is tried again


@needs(Right.ASSIGN)
def ask(*, by: Actor) -> None:  # noqa: ARG001 -- whose right is asked for
    """Have a worker read calls now."""
    with transaction.atomic():
        CallReading.objects.update(due_at=db_now(), tries=0)
        announce()


def claim(*, limit: int) -> list[CallReading]:  # noqa: ARG001 -- as all kinds of work have it
    """The reading, where it is due. Not before the first sync: until then no number is known."""
    if not (settings.CALLS_SECONDS and settings.FLUENTS_API_TOKEN):
        return []
    now = db_now()
    free = CallReading.objects.filter(nobody_holds(), due_at__lte=now)
    if not free.exists() or not SyncState.objects.filter(synced_at__isnull=False).exists():
        return []
    until = now + lease()
    return list(CallReading.objects.filter(lease_until=until)) if free.update(lease_until=until) else []


def run(reading: CallReading) -> None:
    """Read up to `PAGES` pages. Raises LeaseLost. Where Fluents fails, the pages say why."""
    try:
        forget_days(reading)
        seen: list[list[str]] = []
        for _ in range(PAGES):
            if not read_page(reading, seen):
                return
    except fluents.Unsupported:
        again = db_now() + timedelta(seconds=settings.CALLS_SECONDS)
        hold(reading, supported=False, error="", due_at=again, ends=True)
    except fluents.FluentsError as error:
        put_off(reading, error)
    else:
        hold(reading, due_at=db_now(), ends=True)


def defer(reading: CallReading, error: Exception) -> None:
    """Nothing to do: its lease runs out, and no half of a page was kept."""


def next_due(_after: datetime) -> datetime | None:
    """What is due already and was not claimed waits for something else, such as the first sync."""
    due_at, held = CallReading.objects.values_list("due_at", "lease_until").get()
    at = max(due_at, held or due_at)
    return at if settings.CALLS_SECONDS and at > db_now() else None


def mend_times() -> None:
    """After a clock was ahead and was set right again: nothing waits longer, and nothing was read yet.

    `floor` stays where it is, since what is below was counted and forgotten.
    """
    now, rows = db_now(), CallReading.objects.all()
    mend_leases(rows)
    rows.filter(due_at__gt=now + timedelta(seconds=settings.CALLS_SECONDS) + JUMP).update(due_at=now)
    rows.filter(until__gt=now + JUMP).update(until=now)


def hold(reading: CallReading, *, ends: bool = False, **changes: object) -> None:
    """Renew our lease, or give it back where this `ends` it, with `changes` of the row. Raises LeaseLost."""
    until = None if ends else db_now() + lease()
    mine = CallReading.objects.filter(lease_until=reading.lease_until)
    if not mine.update(lease_until=until, **changes):
        raise LeaseLost("another worker is reading calls now")
    for name, value in {"lease_until": until, **changes}.items():
        setattr(reading, name, value)


def put_off(reading: CallReading, error: fluents.FluentsError) -> None:
    """Try again later. Of the reason only our own words are kept: others may name who called."""
    pause: float = AGAIN[min(reading.tries, len(AGAIN) - 1)]
    if isinstance(error, fluents.RateLimited) and error.retry_after is not None:
        pause = error.retry_after
    said = error.say if error.quoted else error.user_message
    due_at = db_now() + timedelta(seconds=pause)
    hold(reading, error=said[:500], tries=min(reading.tries + 1, 100), due_at=due_at, ends=True)


def read_page(reading: CallReading, seen: list[list[str]]) -> bool:
    """Count the calls of the next page. False where the reading has ended with it. Raises FluentsError.

    `seen` are the pages of this round, the last of which are compared: an API that takes no page numbers
    would be read for ever.
    """
    began = reading.began_at or db_now()
    page = client().calls(reading.page)
    reached("calls.read")
    seen[:] = [*seen[1 - SAME :], [call.id for call in page.calls]]
    if page.more and len(seen) == SAME and all(ids == seen[0] for ids in seen):
        raise fluents.OutcomeUnknown(request="GET /v1/calls/list", status=200, detail="its pages repeat")
    floor = reading.floor or began - HISTORY
    latest = db_now() + AHEAD
    calls = [call for call in page.calls if call.start <= latest]
    unreadable = (reading.unreadable if reading.page > 1 else 0) + page.unreadable
    unreadable += len(page.calls) - len(calls)
    oldest = min((call.start for call in calls), default=None)
    ends = not page.more or bool(oldest and oldest < floor)
    with transaction.atomic():
        hold(reading, began_at=began, unreadable=unreadable)
        take(reading, [call for call in calls if call.start >= floor], began - OVERLAP)
        if ends:
            end(reading, floor)
        reached("calls.counted")
    reached("calls.kept")
    return not ends


def take(reading: CallReading, calls: list[fluents.Call], horizon: datetime) -> None:
    """Count those of `calls` that are new. `horizon`: the next reading meets what began after it."""
    frontier = reading.frontier
    known = set(SeenCall.objects.filter(call_id__in=[call.id for call in calls]).values_list("pk", flat=True))
    new = {
        call.id: call
        for call in calls
        if call.id not in known
        and not (frontier and frontier < call.start < horizon)  # read before it was pushed here
        and (call.is_over or call.start < horizon)  # one that isn't over is for the next reading
    }
    since = reading.counted_from or first_day(db_now())
    counted = count(list(new.values()), since=since)
    lowest = min([call.start for call in calls] + ([frontier] if frontier else []), default=None)
    kept = [
        SeenCall(
            call_id=call.id,
            start_at=call.start,
            number=counted[call.id],
            answered=None if call.outgoing else call.answered,
        )
        for call in new.values()
        if call.id in counted and (call.start >= horizon or call.start == lowest)
    ]
    SeenCall.objects.bulk_create(kept)
    if lowest:
        SeenCall.objects.filter(start_at__lt=horizon, start_at__gt=lowest).delete()
    hold(reading, page=reading.page + 1, frontier=lowest, supported=True, counted_from=since)


def end(reading: CallReading, floor: datetime) -> None:
    """All calls from `floor` on were read, as far as Fluents told of them when this reading began."""
    began = reading.began_at
    assert began  # noqa: S101 -- a page of it was read
    SeenCall.objects.filter(start_at__lt=began - OVERLAP).delete()
    pause = timedelta(seconds=settings.CALLS_SECONDS)
    hold(
        reading,
        since=reading.since or floor,
        until=began,
        floor=max(floor, began - OVERLAP),  # never back: what is below was forgotten
        began_at=None,
        page=1,
        frontier=None,
        tries=0,
        error="",
        due_at=max(began + pause, db_now() + min(pause, timedelta(minutes=1))),
        ends=True,
    )


def forget_days(reading: CallReading) -> None:
    """Take the days that are over out of the figures of 30 days, on the numbers that had calls then."""
    today, day = first_day(db_now()), reading.counted_from
    while day and day < today:
        last = 0
        while keys := portion_of(day, last):
            with transaction.atomic():
                hold(reading)
                rows = Number.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
                renew(list(rows.only(*SHOWN)), since=today)
            reached("calls.forgotten")
            last = keys[-1]
        day += timedelta(days=1)
        hold(reading, counted_from=day)


def portion_of(day: date, after: int) -> list[int]:
    """Keys of numbers behind `after` that had calls on `day`, in their order."""
    rows = NumberDay.objects.filter(day=day, number__gt=after).order_by("number")
    return list(rows.values_list("number", flat=True).distinct()[:PORTION])
