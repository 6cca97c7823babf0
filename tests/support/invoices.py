"""Numbers on the books and a provider's invoice about them, with errors planted in it."""

import csv
import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import F

from numbers.models import Connection, Event, Number, Price
from numbers.services.costs.months import next_month, start_of
from numbers.states import NumberStatus, Origin
from numbers.telephony.phone import pretty

MONTH = start_of(start_of(datetime.now(UTC).date()) - timedelta(days=1))  # the last one that is over
BEFORE = start_of(MONTH - timedelta(days=1))
TWILIO = [
    *("Account SID", "Phone Number", "Usage Category", "Description", "Start Date", "End Date"),
    *("Quantity", "Price", "Price Unit"),
]
TELNYX = ["tn", "charge_type", "cost_type", "name", "cost", "currency", "service_owner_email"]


def at(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def day(n: int, month: date = MONTH) -> date:
    return month.replace(day=n)


class Books:
    """Forty numbers of a provider, ours since the month before, at 1.15 a month and 1.00 once."""

    def __init__(self, provider: str, area: str) -> None:
        self.provider = provider
        self.connection = Connection.objects.create(api_id=f"{provider}-1", telephony_provider=provider)
        Price.objects.create(
            telephony_provider=provider, monthly=Decimal("1.15"), once=1, valid_from=day(1, BEFORE)
        )
        self.steady = self.numbers([(f"+1{area}555{n:04}", day(1 + n % 28, BEFORE)) for n in range(40)])

    def numbers(self, came: list[tuple[str, date]]) -> list[Number]:
        """Numbers that are ours, each with the day on which it came."""
        about = {"telephony_provider": self.provider, "connection": self.connection, "origin": Origin.BOUGHT}
        rows = Number.objects.bulk_create(
            Number(e164=e164, bought_at=at(when), **about) for e164, when in came
        )
        ours = Number.objects.filter(pk__in=[row.pk for row in rows])
        ours.update(created_at=F("bought_at"))
        return list(ours.order_by("pk"))

    def number(self, e164: str, came: date, left: date | None = None) -> Number:
        [row] = self.numbers([(e164, came)])
        if left:
            self.released(row, left)
            row.refresh_from_db()
        return row

    def released(self, number: Number, left: date, status: str = NumberStatus.RELEASED) -> None:
        """The history is append-only, so the event is written as of that day."""
        Number.objects.filter(pk=number.pk).update(status=status)
        Event.objects.create(action=f"number.{status}", number=number, at=at(left))


def twilio_row(number: Number | str, start: date, price: str = "1.15", **more: str) -> dict:
    e164 = number if isinstance(number, str) else number.e164
    return {
        "Account SID": "AC0123",
        "Phone Number": e164,
        "Usage Category": "phonenumbers-local",
        "Description": "Local PhoneNumbers",
        "Start Date": f"{start}",
        "End Date": f"{start + timedelta(days=30)}",
        "Quantity": "1",
        "Price": price,
        "Price Unit": "usd",
    } | more


def telnyx_row(number: Number | str, cost: str = "1.15", **more: str) -> dict:
    e164 = number if isinstance(number, str) else number.e164
    about = {"tn": e164, "charge_type": "local", "cost_type": "MRC", "name": "Local DIDs", "cost": cost}
    return about | {"currency": "USD", "service_owner_email": "ops@example.com"} | more


def as_file(rows: list[dict], columns: list[str], *, delimiter: str = ",", bom: bool = False) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()


def twilio_invoice(books: Books) -> tuple[list[dict], dict[str, str]]:
    """The rows of an invoice with five errors, and those by their number; all else is as it should be."""
    rows = [twilio_row(n, day(min(n.bought_at.day, 28))) for n in books.steady]
    missing, dear, double = books.steady[3], books.steady[5], books.steady[7]
    rows = [row for row in rows if row["Phone Number"] != missing.e164]
    next(row for row in rows if row["Phone Number"] == dear.e164)["Price"] = "2.15"
    rows.append(twilio_row(double, day(9)))
    away = books.number("+16175559001", day(2, BEFORE), left=day(20, BEFORE))
    rows += [twilio_row(away, day(2)), twilio_row("+16175559002", day(4))]
    return rows + twilio_noise(books), {
        missing.e164: "unbilled",
        dear.e164: "price",
        double.e164: "price",
        away.e164: "away",
        "+16175559002": "strange",
    }


def twilio_noise(books: Books) -> list[dict]:
    """Rows that are right: new and released numbers, credits, other charges, other months, a total."""
    new, going = books.number("+16175559010", day(12)), books.number("+16175559011", day(3, BEFORE), day(15))
    spared = books.number("+16175559012", day(25, BEFORE), day(10))  # gone before it would be billed
    pretty_one = books.number("+16175559013", day(8, BEFORE))
    return [
        twilio_row(new, day(12), "2.15"),  # with its setup fee
        twilio_row(going, day(3)),
        twilio_row(pretty_one, day(8), **{"Phone Number": pretty(pretty_one.e164)}),
        twilio_row("+16175559020", day(5)),  # charged and taken back
        twilio_row("+16175559020", day(6), "-1.15"),
        twilio_row(
            new, day(13), "0.85", **{"Usage Category": "calls-inbound", "Description": "Inbound calls"}
        ),
        twilio_row("sip:desk@example.com", day(5), "3.00"),
        twilio_row("", day(5), "7.00", **{"Description": "PhoneNumbers, total"}),
        twilio_row(spared, day(25, BEFORE)),  # of the month before
        twilio_row(
            new, day(14), "0.005", **{"Usage Category": "lookups", "Description": "Phone Number Lookup"}
        ),
    ]


def telnyx_invoice(books: Books) -> tuple[list[dict], dict[str, str]]:
    """As `twilio_invoice`: no dates, parts of months, setup fees in rows of their own."""
    rows = [telnyx_row(number) for number in books.steady]
    missing, dear, credited = books.steady[0], books.steady[1], books.steady[2]
    rows = [row for row in rows if row["tn"] != missing.e164]
    next(row for row in rows if row["tn"] == dear.e164)["cost"] = "1.50"
    rows.append(telnyx_row(credited, "-1.15"))
    detached = books.number("+12125559001", day(2, BEFORE))
    books.released(detached, day(20, BEFORE), NumberStatus.DETACHED)
    rows += [telnyx_row(detached), telnyx_row("+12125559002")]
    days = (next_month(MONTH) - MONTH).days
    new = books.number("+12125559010", day(16))
    part = Decimal("1.15") * (days - 15) / days
    going = books.number("+12125559011", day(3, BEFORE), day(15))
    rows += [
        telnyx_row(new, f"{part:.4f}"),
        telnyx_row(new, "1.00", cost_type="OTC"),
        telnyx_row(going),
        telnyx_row(new, "0.40", name="CNAM"),
        telnyx_row(new, "1.50", name="Emergency Services"),
        telnyx_row("", "15.00", name="Inbound Channels"),
    ]
    return rows, {
        missing.e164: "unbilled",
        dear.e164: "price",
        credited.e164: "price",
        detached.e164: "away",
        "+12125559002": "strange",
    }
