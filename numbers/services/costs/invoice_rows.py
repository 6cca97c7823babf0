"""Reading a provider's file: each row is a charge for having a number, or is counted as what else it is.

Nothing is guessed. A row that cannot be read is told with its number and the reason, and keeps no other row
from being read.
"""

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from numbers.currencies import CURRENCIES
from numbers.services.csv_tables import MOST_MISTAKES, Mistake, read_table
from numbers.services.typed_values import TWO_WAYS, Unreadable
from numbers.telephony.characters import plain, shown, unwrapped
from numbers.telephony.phone import SHORTENED, NotAPhoneNumber, read_listed_number

from .invoice_layouts import AMOUNT, CURRENCY, DAY, DETAIL, KIND, NUMBER, Layout

SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
PLAIN_AMOUNT = re.compile(r"\d{1,10}(?:\.\d{1,8})?|\.\d{1,8}")
COMMA_AMOUNT = re.compile(r"\d{1,10},(?:\d{1,2}|\d{4,8})")  # 1,150 can be read two ways
GROUPED_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+\.\d{1,8}")
GROUPED_COMMA = re.compile(r"\d{1,3}(?:\.\d{3})+,\d{1,8}")
ISO_DAY = re.compile(r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?(?:[T ].*)?")
SLASHED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T ].*)?")
WRITTEN = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%b %Y", "%B %Y", "%Y%m%d")
FEWEST = 7  # digits of what may be meant as a phone number


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One row about having a number. An `amount` below zero is a credit; day is None where none is given."""

    row: int
    e164: str
    amount: Decimal
    currency: str
    day: date | None


@dataclass(slots=True)
class Rows:
    """What a file came to. named: numbers of rows whose amount or date could not be read.

    `aside` counts the rows that are about something else, by what that is.
    """

    charges: list[Charge] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    unread: list[Mistake] = field(default_factory=list)
    unread_count: int = 0
    aside: Counter[str] = field(default_factory=Counter)
    months: Counter[date] = field(default_factory=Counter)  # of all charges, whatever their month
    total: int = 0
    warnings: list[str] = field(default_factory=list)

    def refuse(self, row: int, column: str, typed: str, text: str) -> None:
        self.unread_count += 1
        if len(self.unread) < MOST_MISTAKES:
            self.unread.append(Mistake(row=row, column=column, typed=shown(typed, 60), text=text))


def read_rows(content: bytes, layout: Layout, titles: Sequence[str], *, month: date, currency: str) -> Rows:
    """The charges of `month`, its first day, in a file. Raises BadTable.

    currency is of rows that do not say.
    """
    table = read_table(io.BytesIO(content), layout.table(titles))
    records, rows = list(table.rows), Rows(warnings=table.warnings)
    day_first = order_of_days([cells.get(DAY, "") for _, cells in records])
    commas = any(COMMA_AMOUNT.search(cells.get(AMOUNT, "")) for _, cells in records)
    for at, cells in records:
        rows.total += 1
        if not (e164 := number_in(at, cells, layout, rows)):
            continue
        column = layout.columns[AMOUNT]
        try:
            amount, sign = read_amount(cells.get(AMOUNT, ""), commas=commas)
            column = layout.columns.get(CURRENCY, column)
            code = read_currency(cells.get(CURRENCY, ""), sign) or layout.currency or currency
            column = layout.columns.get(DAY, "")
            day = read_day(cells.get(DAY, ""), day_first=day_first)
        except Unreadable as error:
            rows.named.add(e164)
            rows.refuse(at, column, cells.get(AMOUNT, ""), str(error))
            continue
        if day:
            rows.months[day.replace(day=1)] += 1
            if day.replace(day=1) != month:
                rows.aside["for other months"] += 1
                continue
        rows.charges.append(Charge(row=at, e164=e164, amount=amount, currency=code, day=day))
    return rows


def number_in(at: int, cells: dict[str, str], layout: Layout, rows: Rows) -> str:
    """The number that a row charges for, or ""; then `rows` knows why."""
    typed = unwrapped(plain(cells.get(NUMBER, "")))
    if not layout.is_rental(cells.get(KIND, ""), cells.get(DETAIL, "")):
        rows.aside["for other charges"] += 1
    elif not SHORTENED.fullmatch(typed) and (
        sum(map(str.isdigit, typed)) < FEWEST or typed.lower().startswith(("sip:", "sips:")) or "@" in typed
    ):
        rows.aside["without a phone number"] += 1
    else:
        try:
            return read_listed_number(cells[NUMBER])
        except NotAPhoneNumber as error:
            rows.refuse(at, layout.columns[NUMBER], typed, str(error))
    return ""


def read_amount(text: str, *, commas: bool = False) -> tuple[Decimal, str]:
    """An amount of money with its sign, and the currency that stands beside it, or "".

    commas: the file has some before its decimals, so that 1.150 can be read two ways. Raises Unreadable.
    """
    typed = plain(text).strip()
    below = typed.startswith("(") and typed.endswith(")")
    typed = typed.strip("() ")
    code = next((code for sign, code in SIGNS.items() if sign in typed), "")
    for sign in SIGNS:
        typed = typed.replace(sign, "")
    if found := re.search(r"(?<![A-Za-z])[A-Za-z]{3}(?![A-Za-z])", typed):
        code, typed = read_currency(found[0], code), typed.replace(found[0], "")
    typed = typed.replace(" ", "")
    below, typed = below or typed.startswith("-") or typed.endswith("-"), typed.strip("+-")
    if PLAIN_AMOUNT.fullmatch(typed) and not (commas and TWO_WAYS.fullmatch(typed)):
        number = typed
    elif COMMA_AMOUNT.fullmatch(typed):
        number = typed.replace(",", ".")
    elif GROUPED_AMOUNT.fullmatch(typed):
        number = typed.replace(",", "")
    elif GROUPED_COMMA.fullmatch(typed):
        number = typed.replace(".", "").replace(",", ".")
    else:
        raise Unreadable(f"“{shown(text, 20)}” isn't an amount that can be read in one way only.")
    return -Decimal(number) if below else Decimal(number), code


def read_currency(text: str, sign: str = "") -> str:
    """A currency by its code; where text is empty that of the `sign`. Raises Unreadable."""
    code = plain(text).strip().upper()
    if not code:
        return sign
    if code not in CURRENCIES:
        raise Unreadable(f"“{shown(code, 20)}” isn't a currency code such as USD.")
    if sign and sign != code:
        raise Unreadable(f"The amount is in {sign}, but the row says {code}.")
    return code


def order_of_days(texts: Sequence[str]) -> bool | None:
    """Whether dates such as 13/10/2026 have the day first; None where no date of the file shows it."""
    pairs = [(int(found[1]), int(found[2])) for text in texts if (found := SLASHED.fullmatch(text.strip()))]
    first, second = any(day > 12 for day, _ in pairs), any(day > 12 for _, day in pairs)
    return first if first != second else None


def read_day(text: str, *, day_first: bool | None) -> date | None:
    """A day as files write it, None where nothing stands there. Raises Unreadable."""
    typed = plain(text).strip()
    if not typed:
        return None
    try:
        if found := ISO_DAY.fullmatch(typed):
            return date(int(found[1]), int(found[2]), int(found[3] or 1))
        if found := SLASHED.fullmatch(typed):
            first, second = int(found[1]), int(found[2])
            if day_first is None and first != second:
                raise Unreadable(f"“{shown(text, 20)}” can be read two ways. Write dates as 2026-10-31.")
            return date(int(found[3]), *((second, first) if day_first else (first, second)))
    except (ValueError, OverflowError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"“{shown(text, 20)}” isn't a date.") from None
    for form in WRITTEN:
        try:
            return datetime.strptime(typed, form).date()
        except ValueError:
            continue
    raise Unreadable(f"“{shown(text, 20)}” isn't a date. Write dates as 2026-10-31.")
