"""A past for the demo: orders of the last year for numbers that the sandbox owns already.

Rows are written straight into the books with old dates, as no service could. Each bought line has a
number that the sandbox really owns, each open one a number that it does not, so that syncs, look-ups
and reconciling find everything in order.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from django.contrib.auth import get_user_model

from numbers.models import Attempt, Connection, Event, Line, Look, Number, Order, Price
from numbers.phone import pretty
from numbers.states import LineState, Origin, Outcome

S = LineState
MONTHS = (3, 4, 6, 5, 9, 8, 11, 14)  # lines bought in each month, up to the last twelve weeks
WEEKS = (5, 8, 6, 11, 7, 13, 9, 16, 12, 19, 10, 14)  # and in each of these, the last one now
UNSOLD = ((2, "212"), (5, "310"), (8, "907"), (10, "212"))  # weeks and area codes that ran out
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
        """An order of AT with a line for each of ROWS: state, number and whatever else differs."""
        price = Price.objects.get(telephony_provider=connection.telephony_provider, connection=None)
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
            who = f"{number.agent} answers it." if number.agent else "Nobody answers it yet."
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
            line.sends, line.sent_at = 1, sent
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
        """The events of LINE, as the worker would have written them."""
        moves = [(line.state, settled, line.reason)]
        if line.phone_number:
            shown = pretty(line.phone_number)
            moves = [
                (S.RESERVED, settled - timedelta(seconds=1.2), f"Chose {shown}. Nothing was sent yet."),
                (S.SENDING, settled - timedelta(seconds=1), f"Asking Fluents for {shown}."),
                *moves,
            ]
        before = S.PLANNED
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
        Event.objects.bulk_create(sorted(self.events, key=lambda event: event.at))
        Number.objects.bulk_update(
            numbers, ["bought_at", "bought_by", "origin", "created_at"], batch_size=100
        )


def moments(now: datetime, dice: random.Random) -> Iterator[tuple[datetime, int]]:
    """When something was bought, oldest first, and how many lines at most."""
    for back, lines in zip(range(len(MONTHS) + 3, 3, -1), MONTHS, strict=True):
        yield now - timedelta(days=30.4 * back - dice.uniform(0, 28)), lines
    for back, lines in zip(range(len(WEEKS) - 1, -1, -1), WEEKS, strict=True):
        start = now - timedelta(weeks=back)
        start -= timedelta(days=start.weekday(), hours=start.hour - 8)
        end = min(start + timedelta(days=4.5), now - timedelta(hours=3))
        for share in (lines - lines // 2, lines // 2):
            yield start + (end - start) * dice.random(), share


def write_past(
    numbers: list[Number], *, now: datetime, dice: random.Random, for_sale: dict[str, str]
) -> None:
    """Orders of the last year for most of NUMBERS; the others were found by the first sync, a year ago.

    FOR_SALE has a number that is not ours for each area code in which an answer was lost.
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
    main = Connection.objects.filter(telephony_provider="twilio", gone_at=None).order_by("label").first()
    acts = [(at, partial(all_bought, past, lines=lines, pools=pools)) for at, lines in moments(now, dice)]
    for week, area_code in UNSOLD:
        at = now - timedelta(weeks=len(WEEKS) - 1 - week, hours=5)
        acts.append((at, partial(partly_bought, past, area_code=area_code, pools=pools, connection=main)))
    acts += [
        (now - timedelta(days=3, hours=2), partial(called_off, past, connection=main)),
        (now - timedelta(days=2, hours=3), partial(needs_a_person, past, pools=pools, connection=main)),
        (now - timedelta(minutes=4), partial(being_checked, past, pools=pools, connection=main)),
    ]
    for at, act in sorted(acts, key=lambda act: act[0]):  # ids follow time
        act(at)
    past.write(numbers)
    keep_evidence()


def all_bought(past: Past, at: datetime, *, lines: int, pools: list) -> None:
    """Up to LINES lines in one or two orders, each of one area code."""
    while lines > 0:
        pool = max(past.dice.sample(pools, 4), key=len)
        if not (taken := [pool.pop() for _ in range(min(lines, len(pool), past.dice.randrange(3, 9)))]):
            return
        lines -= len(taken)
        rows = [{"state": S.BOUGHT, "number": n, "area_code": n.area_code} for n in taken]
        past.order(at, rows, connection=taken[0].connection, by=past.dice.choice(BUYERS))
        at += timedelta(minutes=past.dice.randrange(2, 20))


def partly_bought(past: Past, at: datetime, *, area_code: str, pools: list, connection: Connection) -> None:
    """An area code that ran out: some or none of the lines got a number."""
    pool = next((p for p in pools if p and p[0].connection_id == connection.pk), None)
    reason = f"No number is for sale in area code {area_code}. Nothing was sent."
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
    """COUNT bought lines, their numbers taken from the fullest pool of CONNECTION."""
    pool = max((p for p in pools if p and p[0].connection_id == connection.pk), key=len)
    return [{"state": S.BOUGHT, "number": (n := pool.pop()), "area_code": n.area_code} for _ in range(count)]


def needs_a_person(past: Past, at: datetime, *, pools: list, connection: Connection) -> None:
    """Sent three times without a clear answer: nobody but a person can settle it."""
    rows = bought_of(pools, connection, 2)
    lost = {
        "state": S.REVIEW,
        "area_code": "503",
        "phone_number": past.for_sale["503"],
        "reason": "Sent 3 times without a clear answer, and it is not there.",
        "sends": 3,
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
        "reason": "Fluents did not answer in 45 s. It may have been bought.",
        "agent": rows[0]["number"].agent,
        "sends": 1,
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
        detail="Fluents did not answer in 45 s.",
        sent_at=sent,
        finished_at=sent + timedelta(seconds=45),
    )


def keep_evidence() -> None:
    """What looking up the line under review has shown."""
    line = Line.objects.get(state=S.REVIEW)
    looks = [
        Look(line=line, at=line.sent_at + timedelta(minutes=5 * n), complete=True, found=False)
        for n in (1, 2, 3)
    ]
    Look.objects.bulk_create(looks)
