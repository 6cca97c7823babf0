"""What a provider billed against what was ours: each number about which they differ."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import batched

from django.db.models import Q

from numbers.currencies import priced
from numbers.models import Event, Finding, Invoice, Number, Price
from numbers.services.orders.prices import PriceHistory
from numbers.states import OURS, NumberStatus

from .invoice_rows import Charge, Rows
from .months import midnight, next_month
from .tenure import LEFT, Tenure, account_of, is_on, tenures

PORTION = 1000
MOST_ROWS_KEPT = 10  # of the file, for each finding
CLOSE = Decimal("0.005")
DAY = timedelta(days=1)  # by which the days of a provider and ours may differ
Kind = Finding.Kind
WENT = {
    NumberStatus.RELEASED: "Released {}.",
    NumberStatus.DETACHED: "Detached {}. The provider keeps a line that's only detached.",
    NumberStatus.GONE: "Gone from Fluents since {}.",
}


@dataclass(slots=True)
class Match:
    """What matching came to. Amounts by currency, never added to each other."""

    findings: list[Finding] = field(default_factory=list)
    numbers: int = 0  # that were billed
    right: int = 0  # of these, billed as we expect
    unpriced: int = 0  # of these, without a price to compare with
    credited: int = 0  # not ours, but credited in full
    billed: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def as_json(self, rows: Rows) -> dict:
        """What is kept with the invoice."""
        return {
            "rows": rows.total,
            "aside": dict(rows.aside),
            "unread": rows.unread_count,
            "numbers": self.numbers,
            "right": self.right,
            "unpriced": self.unpriced,
            "credited": self.credited,
            "billed": {code: str(amount) for code, amount in sorted(self.billed.items())},
            "findings": dict(Counter(finding.kind for finding in self.findings)),
            "warnings": rows.warnings,
        }


class Matcher:
    """One invoice against our records."""

    def __init__(self, invoice: Invoice) -> None:
        self.invoice, self.match = invoice, Match()
        self.first = invoice.month
        self.last = next_month(invoice.month) - timedelta(days=1)
        self.start, self.end = midnight(invoice.month), midnight(next_month(invoice.month))
        self.prices = PriceHistory()

    def run(self, rows: Rows) -> Match:
        charges: defaultdict[str, list[Charge]] = defaultdict(list)
        for charge in rows.charges:
            charges[charge.e164].append(charge)
            self.match.billed[charge.currency] += charge.amount
        self.match.numbers = len(charges)
        for portion in batched(charges.items(), PORTION):
            ours = self.ours_among(e164 for e164, _ in portion)
            times = tenures(ours.values())
            for e164, found in portion:
                number = ours.get(e164)
                self.check(e164, found, number, times[number.pk] if number else [])
        if self.invoice.whole:
            self.find_unbilled(charges.keys() | rows.named)
        return self.match

    def ours_among(self, phone_numbers: Iterable[str]) -> dict[str, Number]:
        rows = Number.objects.filter(e164__in=list(phone_numbers)).select_related("connection")
        return {number.e164: number for number in rows.defer("answer", "search_text")}

    # --- What was billed --------------------------------------------------------------------

    def check(self, e164: str, charges: list[Charge], number: Number | None, times: list[Tenure]) -> None:
        """One number that was billed."""
        here = number is not None and is_on(number, self.invoice)
        if not number or not here:
            text = "It isn't in our records." if not number else self.elsewhere(number)
            return self.unless_credited(Kind.STRANGE, e164, charges, number, text)
        tenure = next((one for one in reversed(times) if one.meets(self.start, self.end)), None)
        if not tenure and times and times[-1].left and times[-1].left <= self.start:
            return self.unless_credited(Kind.AWAY, e164, charges, number, went(number, times[-1]))
        late = [charge for charge in charges if tenure and is_late(charge, tenure)]
        if late and tenure:
            self.unless_credited(Kind.AWAY, e164, late, number, went(number, tenure))
        if in_time := [charge for charge in charges if charge not in late]:
            self.check_price(e164, in_time, number, tenure)
        return None

    def elsewhere(self, number: Number) -> str:
        place = number.connection or number.telephony_provider or "no connection"
        return f"Our records have it on another account: {place}."

    def unless_credited(
        self, kind: Kind, e164: str, charges: list[Charge], number: Number | None, text: str
    ) -> None:
        """Report charges that should not be there, unless the provider has taken them back itself."""
        if all(amount <= 0 for amount in sums_of(charges).values()):
            self.match.credited += 1
        else:
            self.report(kind, e164, charges=charges, number=number, text=text)

    def check_price(self, e164: str, charges: list[Charge], number: Number, tenure: Tenure | None) -> None:
        sums = sums_of(charges)
        if len(sums) > 1:
            amounts = " and ".join(priced(amount, code) for code, amount in sorted(sums.items()))
            text = f"Billed in {len(sums)} currencies: {amounts}."
            return self.report(Kind.PRICE, e164, charges=charges, number=number, text=text)
        ((currency, total),) = sums.items()
        prices = self.prices_for(charges, number, tenure)
        if not prices:
            self.match.unpriced += 1
            return None
        price, expected = prices[-1], None
        if price.currency != currency:
            text = f"Billed {priced(total, currency)}. Our price is in {price.currency}."
        elif any(self.is_right(total, one, tenure) for one in prices if one.currency == currency):
            self.match.right += 1
            return None
        else:
            text, expected = said_of(charges, total, price), price.monthly
        return self.report(Kind.PRICE, e164, charges=charges, number=number, text=text, expected=expected)

    def prices_for(self, charges: list[Charge], number: Number, tenure: Tenure | None) -> list[Price]:
        """The prices that may count: of the days of charges, or of all days in the month that it was ours."""
        days = [charge.day for charge in charges if charge.day]
        first, last = self.first, self.last
        if len(days) == len(charges):
            first, last = min(days) - DAY, max(days)
        elif tenure:
            first = max(first, day_of(tenure.came))
            last = min(last, day_of(tenure.left)) if tenure.left else last
        provider = number.telephony_provider or self.invoice.telephony_provider
        return self.prices.within(first, max(first, last), provider, number.connection_id)

    def is_right(self, total: Decimal, price: Price, tenure: Tenure | None) -> bool:
        """Whether `total` is a month's price, in the first one with the setup fee, or its part of a month."""
        new = tenure and tenure.bought and self.start - DAY <= tenure.came < self.end
        fees = [Decimal(), price.once] if new else [Decimal()]
        if any(abs(total - fee - price.monthly) < CLOSE for fee in fees):
            return True
        if not tenure or (tenure.came < self.start and not (tenure.left and tenure.left < self.end)):
            return False
        days = (self.last - self.first).days + 1
        came = max(tenure.came, self.start)
        held = (min(tenure.left or self.end, self.end) - came) / DAY
        low, high = (price.monthly * Decimal(max(0, held + more)) / days for more in (-1.5, 1.5))
        return any(low - CLOSE < total - fee < high + CLOSE for fee in fees)

    # --- What was not ------------------------------------------------------------------------

    def find_unbilled(self, billed: set[str]) -> None:
        """Numbers that were ours all month, or came in it and stayed, and that no row names."""
        gone = Event.objects.filter(action__in=LEFT, at__gte=self.end).values("number")
        there = Q(status__in=OURS) | Q(pk__in=gone)
        rows = Number.objects.filter(there, account_of(self.invoice)).defer("answer", "search_text")
        for portion in batched(rows.order_by("pk").iterator(chunk_size=PORTION), PORTION):
            missing = [number for number in portion if number.e164 not in billed]
            times = tenures(missing)
            for number in missing:
                for tenure in times[number.pk]:
                    if tenure.came < self.end - DAY and (not tenure.left or tenure.left >= self.end):
                        self.report_unbilled(number, tenure)
                        break

    def report_unbilled(self, number: Number, tenure: Tenure) -> None:
        day = max(day_of(tenure.came), self.first)
        price = self.prices.on(day, number.telephony_provider, number.connection_id)
        text = f"Ours since {written_day(tenure.came)}. No row in the file covers it."
        expected = price.monthly if price else None
        self.report(
            Kind.UNBILLED, number.e164, number=number, text=text, expected=expected,
            currency=price.currency if price else "",
        )  # fmt: skip

    def report(
        self,
        kind: Kind,
        e164: str,
        *,
        text: str,
        charges: Sequence[Charge] = (),
        number: Number | None = None,
        expected: Decimal | None = None,
        currency: str = "",
    ) -> None:
        sums = sums_of(charges)
        self.match.findings.append(
            Finding(
                invoice=self.invoice,
                kind=kind,
                e164=e164,
                number=number,
                rows=[charge.row for charge in charges[:MOST_ROWS_KEPT]],
                billed=next(iter(sums.values())) if len(sums) == 1 else None,
                expected=expected,
                currency=next(iter(sums), currency),
                text=text[:300],
            )
        )


def sums_of(charges: Iterable[Charge]) -> dict[str, Decimal]:
    """What charges come to in each currency."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for charge in charges:
        sums[charge.currency] += charge.amount
    return sums


def said_of(charges: list[Charge], total: Decimal, price: Price) -> str:
    """What is odd about an amount."""
    due = priced(price.monthly, price.currency)
    if not total and len(charges) > 1:
        return f"Billed and credited in full, but it was ours. Our price is {due}."
    times = [charge for charge in charges if abs(charge.amount - price.monthly) < CLOSE]
    if len(times) == len(charges) > 1:
        return f"Billed {len(charges)} times {due}."
    return f"Billed {exact(total, price.currency)}. Our price is {due}."


def exact(amount: Decimal, currency: str) -> str:
    """`amount` with more than two decimals where it has them."""
    if amount == round(amount, 2):
        return priced(amount, currency)
    return f"{'$' if currency == 'USD' else f'{currency} '}{amount.normalize():f}"


def is_late(charge: Charge, tenure: Tenure) -> bool:
    """Whether `charge` is for a time after the number had gone."""
    return bool(tenure.left and charge.day and charge.day > day_of(tenure.left) + DAY)


def went(number: Number, tenure: Tenure) -> str:
    """How and when `number` went; a number that is ours again was given up before that."""
    words = WENT.get(NumberStatus(number.status), "Given back {}.")
    return words.format(written_day(tenure.left or tenure.came))


def day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def written_day(moment: datetime) -> str:
    day = day_of(moment)
    return f"{day:%b} {day.day}, {day.year}"
