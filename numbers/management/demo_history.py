"""A past for the demo: orders of the last year for numbers that the sandbox owns already.

Rows are written straight into the books with old dates, as no service could. Each bought line has a
number that the sandbox really owns, each open one a number that it does not, so that syncs, look-ups
and reconciling find everything in order.
"""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model

from numbers.models import Attempt, Connection, Event, Line, Look, Number, Order, Price
from numbers.services.orders.approvals import sealed_with
from numbers.states import LineState, Origin, Outcome
from numbers.telephony.phone import pretty

S = LineState
MONTHS = (3, 4, 6, 5, 9, 8, 11, 14)  # lines bought in each month, up to the last twelve weeks
WEEKS = (5, 8, 6, 11, 7, 13, 9, 16, 12, 19, 10, 14)  # and in each of these, the last one now
UNSOLD = ((2, "212"), (5, "310"), (8, "907"), (10, "212"))  # weeks and area codes that ran out
OFFICE, SATURDAY = ZoneInfo("America/Los_Angeles"), 5
AT_WEEKENDS = 0.15  # of what would fall on one is bought there
LATEST = timedelta(hours=3)  # before now: what follows an order takes its time
BUYERS = ("ada", "bob", "bob", "chen")  # chen has left: the name outlives the account


class Past:
    """Writes orders with old dates; numbers are used up one after the other."""

    def __init__(self, now: datetime, dice: random.Random, for_sale: dict[str, str]) -> None:
        self.now, self.dice, self.for_sale = now, dice, for_sale
        self.people = {user.username: user for user in get_user_model().objects.all()}
        self.lines: list[Line] = []
        self.attempts: list[Attempt] = []
        self.events: list[Event] = []

    def order(
        self, at: datetime, rows: list[dict], *, connection: Connection, by: str, told: bool = True
    ) -> Order:
        """An order of `at` with a line for each of `rows`: state, number and whatever else differs."""
        price = Price.objects.in_force().get(
            telephony_provider=connection.telephony_provider, connection=None
        )
        order = Order.objects.create(
            form_token=uuid.uuid4().hex,
            requested_by=self.people.get(by),
            requested_by_name=by,
            quantity=len(rows),
            cost_once=price.once * len(rows),
            cost_monthly=price.monthly * len(rows),
            currency=price.currency,
            created_at=at,
            told_at=at + timedelta(minutes=5) if told else None,
        )
        first = rows[0]
        about = {
            "telephony_provider": connection.telephony_provider,
            "connection": connection.api_id,
            "area_code": first["area_code"],
            "wanted_number": "",
            "agent": first["agent"].api_id if first.get("agent") else "",
            "quantity": len(rows),
        }
        self.events.append(Event(at=at, action="order.placed", order=order, after=about, **self.who(by)))
        for position, row in enumerate(rows, start=1):
            self.line(order, position, at + timedelta(seconds=4 * position), connection, **row)
        return order

    def who(self, name: str) -> dict:
        return {"actor": self.people.get(name), "actor_name": name}

    def line(self, order, position, at, connection, *, state, number=None, reason="", **fields) -> None:
        """One line and what came of it."""
        settled = at + timedelta(seconds=self.dice.uniform(1.5, 6))
        if number:
            who = f"{number.agent} answers it." if number.agent else "It's unassigned."
            reason = f"Bought {pretty(number.e164)}. {who}"
            fields |= {"phone_number": number.e164, "number": number, "agent": number.agent}
        line = Line(
            order=order,
            position=position,
            state=state,
            telephony_provider=connection.telephony_provider,
            connection=connection,
            reason=reason,
            created_at=order.created_at,
            changed_at=settled,
            settled_at=settled if state in (S.BOUGHT, S.FAILED, S.CANCELLED) else None,
            **fields,
        )
        self.lines.append(line)
        if number:
            sent = at + timedelta(seconds=0.5)
            line.sends, line.tries, line.sent_at = 1, 1, sent
            self.attempts.append(
                Attempt(
                    line=line,
                    n=1,
                    generation=1,
                    phone_number=number.e164,
                    outcome=Outcome.BOUGHT,
                    status=201,
                    sent_at=sent,
                    finished_at=settled,
                )
            )
            number.bought_at, number.bought_by = settled, order.requested_by_name
            number.origin, number.created_at = Origin.BOUGHT, settled
        self.tell(line, settled, number)

    def tell(self, line: Line, settled: datetime, number: Number | None) -> None:
        """The events of `line`, as the worker would have written them."""
        moves = [(line.state, settled, line.reason)]
        if line.phone_number:
            shown = pretty(line.phone_number)
            moves = [
                (S.RESERVED, settled - timedelta(seconds=1.2), f"Chose {shown}."),
                (S.SENDING, settled - timedelta(seconds=1), f"Asking Fluents for {shown}."),
                *moves,
            ]
        before: str = S.PLANNED
        for state, at, reason in moves:
            self.events.append(
                Event(
                    at=at,
                    action=f"line.{state}",
                    order=line.order,
                    line=line,
                    number=number if state == S.BOUGHT else None,
                    before={"state": str(before)},
                    after={"state": str(state)},
                    reason=reason,
                )
            )
            before = state

    def write(self, numbers: list[Number]) -> None:
        Line.objects.bulk_create(self.lines)
        Attempt.objects.bulk_create(self.attempts)
        lines = defaultdict(list)
        for line in self.lines:
            lines[line.order_id].append(line)
        for event in self.events:
            if event.order and event.action == "order.placed":
                event.after |= sealed_with(event.order, lines[event.order.pk])
        Event.objects.bulk_create(sorted(self.events, key=lambda event: event.at))
        Number.objects.bulk_update(
            numbers, ["bought_at", "bought_by", "origin", "created_at"], batch_size=100
        )


def at_work(at: datetime, *, now: datetime, dice: random.Random) -> datetime:
    """A moment in office hours on the day of `at` or on a working day before it, well before `now`."""
    local = at.astimezone(OFFICE)
    while True:
        if local.weekday() >= SATURDAY and dice.random() > AT_WEEKENDS:
            local -= timedelta(days=local.weekday() - SATURDAY + 1)
        moment = local.replace(hour=9, minute=0, second=0) + timedelta(seconds=dice.randrange(7 * 3600))
        if moment < now - LATEST:
            return moment.astimezone(UTC)
        local -= timedelta(days=1)


def moments(now: datetime, dice: random.Random) -> Iterator[tuple[datetime, int]]:
    """When something was bought, oldest first, and how many lines at most."""
    for back, lines in zip(range(len(MONTHS) + 3, 3, -1), MONTHS, strict=True):
        yield at_work(now - timedelta(days=30.4 * back - dice.uniform(0, 28)), now=now, dice=dice), lines
    monday = now.astimezone(OFFICE) - timedelta(days=now.astimezone(OFFICE).weekday())
    for back, lines in zip(range(len(WEEKS) - 1, -1, -1), WEEKS, strict=True):
        for share in (lines - lines // 2, lines // 2):
            day = monday - timedelta(weeks=back) + timedelta(days=dice.randrange(7))
            yield at_work(min(day, now), now=now, dice=dice), share


def orders(now: datetime, dice: random.Random) -> Iterator[tuple[datetime, int]]:
    """The same as orders that people can oversee, a few minutes after each other."""
    for at, lines in moments(now, dice):
        while lines > 0:
            count = min(lines, dice.randrange(3, 9))
            yield at, count
            lines -= count
            at += timedelta(minutes=dice.randrange(2, 20))


def write_past(
    numbers: list[Number], *, now: datetime, dice: random.Random, for_sale: dict[str, str]
) -> None:
    """Orders of the last year for most of `numbers`; the others were found by the first sync, a year ago.

    `for_sale` has a number that is not ours for each area code in which an answer was lost.
    """
    past = Past(now, dice, for_sale)
    for number in numbers:
        number.created_at = now - timedelta(days=334, minutes=dice.randrange(90))
    lonely = sorted((number for number in numbers if not number.agent_id), key=lambda number: number.pk)
    for n, number in enumerate(lonely):  # found one after the other, so that they stand in the queue by age
        number.created_at += timedelta(days=330 * n / len(lonely))
    bought = [number for number in numbers if number.agent_id]
    dice.shuffle(bought)
    bought.sort(key=lambda number: (number.connection_id, number.area_code))
    pools = [list(pool) for _, pool in groupby(bought, key=lambda n: (n.connection_id, n.area_code))]
    main = Connection.objects.filter(telephony_provider="twilio", gone_at=None).order_by("label")[0]
    acts = [(at, partial(all_bought, past, lines=lines, pools=pools)) for at, lines in orders(now, dice)]
    for week, area_code in UNSOLD:
        at = at_work(now - timedelta(weeks=len(WEEKS) - 1 - week), now=now, dice=dice)
        acts.append((at, partial(partly_bought, past, area_code=area_code, pools=pools, connection=main)))

    def lately(days: int) -> datetime:
        return at_work(now - timedelta(days=days), now=now, dice=dice)

    acts += [
        (lately(3), partial(called_off, past, connection=main)),
        (lately(2), partial(needs_a_person, past, pools=pools, connection=main)),
        (now - timedelta(minutes=4), partial(being_checked, past, pools=pools, connection=main)),
    ]
    for at, act in sorted(acts, key=lambda act: act[0]):  # ids follow time
        act(at)
    past.write(numbers)
    keep_evidence()


def all_bought(past: Past, at: datetime, *, lines: int, pools: list) -> None:
    """Up to `lines` lines of one area code."""
    some = max(past.dice.sample(pools, 4), key=len)
    pool = some if len(some) >= lines else max(pools, key=len)
    if taken := [pool.pop() for _ in range(min(lines, len(pool)))]:
        rows = [{"state": S.BOUGHT, "number": n, "area_code": n.area_code} for n in taken]
        past.order(at, rows, connection=taken[0].connection, by=past.dice.choice(BUYERS))


def partly_bought(past: Past, at: datetime, *, area_code: str, pools: list, connection: Connection) -> None:
    """An area code that ran out: some or none of the lines got a number."""
    pool = next((p for p in pools if p and p[0].connection_id == connection.pk), None)
    reason = f"Area code {area_code} has no numbers available right now."
    rows = [{"state": S.FAILED, "area_code": area_code, "reason": reason} for _ in range(2)]
    if pool and area_code != "907":
        bought = [pool.pop() for _ in range(min(3, len(pool)))]
        rows = [{"state": S.BOUGHT, "number": n, "area_code": n.area_code} for n in bought] + rows
    past.order(at, rows, connection=connection, by="bob")


def called_off(past: Past, at: datetime, *, connection: Connection) -> None:
    reason = "Cancelled before anything was sent."
    rows = [{"state": S.CANCELLED, "area_code": "702", "reason": reason} for _ in range(3)]
    past.order(at, rows, connection=connection, by="ada")


def bought_of(pools: list, connection: Connection, count: int) -> list[dict]:
    """`count` bought lines, their numbers taken from the fullest pools of `connection`."""
    own, rows = [p for p in pools if p and p[0].connection_id == connection.pk], []
    for _ in range(count):
        number = max(own, key=len).pop()
        rows.append({"state": S.BOUGHT, "number": number, "area_code": number.area_code})
    return rows


def needs_a_person(past: Past, at: datetime, *, pools: list, connection: Connection) -> None:
    """Sent three times without a clear answer: nobody but a person can settle it."""
    rows = bought_of(pools, connection, 2)
    lost = {
        "state": S.REVIEW,
        "area_code": "503",
        "phone_number": past.for_sale["503"],
        "reason": "Sent 3 times without a clear answer, and it isn't in the account.",
        "sends": 3,
        "tries": 3,
        "sent_at": at + timedelta(minutes=40),
        "due_at": at + timedelta(hours=1),
    }
    past.order(at, [*rows, lost], connection=connection, by="bob")
    line = past.lines[-1]
    for n in (1, 2, 3):
        sent = at + timedelta(minutes=20 * (n - 1), seconds=12)
        past.attempts.append(unanswered(line, n, sent))
    line.changed_at = at + timedelta(hours=1)
    past.events[-1].at = line.changed_at


def being_checked(past: Past, at: datetime, *, pools: list, connection: Connection) -> None:
    """An order under way: one answer got lost a moment ago, and its number is being looked up."""
    rows = bought_of(pools, connection, 3)
    lost = {
        "state": S.UNKNOWN,
        "area_code": "416",
        "phone_number": past.for_sale["416"],
        "reason": "Fluents didn't answer in 45 s.",
        "agent": rows[0]["number"].agent,
        "sends": 1,
        "tries": 1,
        "sent_at": past.now,
        "due_at": past.now + timedelta(minutes=25),
    }
    past.order(at, [*rows, lost], connection=connection, by="bob", told=False)
    past.attempts.append(unanswered(past.lines[-1], 1, at + timedelta(seconds=20)))


def unanswered(line: Line, n: int, sent: datetime) -> Attempt:
    return Attempt(
        line=line,
        n=n,
        generation=n,
        phone_number=line.phone_number,
        outcome=Outcome.UNKNOWN,
        detail="Fluents didn't answer in 45 s.",
        sent_at=sent,
        finished_at=sent + timedelta(seconds=45),
    )


def keep_evidence() -> None:
    """What looking up the line under review has shown."""
    line = Line.objects.get(state=S.REVIEW)
    sent = line.sent_at or line.created_at
    looks = [
        Look(line=line, at=sent + timedelta(minutes=5 * n), complete=True, found=False) for n in (1, 2, 3)
    ]
    Look.objects.bulk_create(looks)
