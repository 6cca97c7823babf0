"""An invoice against our records: what is planted in it is found, and nothing else."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from numbers.models import Event, Finding, Invoice, InvoiceLayout, Number, Price
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.audit.rights import Refused
from numbers.services.costs import invoices
from numbers.services.costs.invoices import NotMatched, choose_columns, next_step, upload
from numbers.services.costs.months import next_month
from numbers.states import NumberStatus
from tests.support.books import PERSON
from tests.support.invoices import (
    BEFORE,
    MONTH,
    TELNYX,
    TWILIO,
    Books,
    as_file,
    day,
    telnyx_invoice,
    telnyx_row,
    twilio_invoice,
    twilio_row,
)
from tests.support.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def twilio():
    return Books("twilio", "617")


@pytest.fixture
def telnyx():
    return Books("telnyx", "212")


def sent(content: bytes, provider: str = "twilio", **more) -> Invoice:
    about = {"by": PERSON, "name": "invoice.csv", "month": MONTH, "currency": "USD"} | more
    return upload(content=content, telephony_provider=provider, **about)


def found(invoice: Invoice) -> dict[str, str]:
    return dict(Finding.objects.filter(invoice=invoice).values_list("e164", "kind"))


def shuffled(rows: list[dict]) -> list[dict]:
    return random.Random(7).sample(rows, len(rows))


def spaced(rows: list[dict], column: str) -> list[dict]:
    def space(text: str) -> str:
        return f"{text[:2]} {text[2:5]} {text[5:8]} {text[8:]}" if text.startswith("+1") else text

    return [row | {column: space(row[column])} for row in rows]


def local(rows: list[dict]) -> list[dict]:
    """As Twilio's rows look in a German spreadsheet."""
    return [row | {"Price": row["Price"].replace(".", ",")} for row in rows]


VARIANTS = {
    "as it is": as_file,
    "in another order": lambda rows, columns: as_file(shuffled(rows), columns[::-1]),
    "with more columns": lambda rows, columns: as_file(
        [row | {"Tax": "0.00", "Region": "US"} for row in rows], ["Tax", *columns, "Region"]
    ),
    "with a byte order mark": lambda rows, columns: as_file(rows, columns, bom=True),
    "with semicolons": lambda rows, columns: as_file(rows, columns, delimiter=";"),
    "with tabs in UTF-16": lambda rows, columns: (
        as_file(rows, columns, delimiter="\t").decode().encode("utf-16")
    ),
    "with spaces": lambda rows, columns: as_file(
        spaced(rows, columns[1 if columns is TWILIO else 0]), columns
    ),
    "without plus": lambda rows, columns: as_file(rows, columns).replace(b"+1", b"1"),
    "with 00": lambda rows, columns: as_file(rows, columns).replace(b"+1", b"001"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_five_errors_in_an_invoice_like_twilios_are_found_and_none_is_invented(twilio, variant):
    rows, planted = twilio_invoice(twilio)
    invoice = sent(VARIANTS[variant](rows, TWILIO))
    assert invoice.state == Invoice.State.DONE
    assert found(invoice) == planted
    counts = Invoice.objects.get(pk=invoice.pk).counts
    assert counts["aside"] == {"for other charges": 2, "without a phone number": 2, "for other months": 1}
    assert (counts["rows"], counts["unread"], counts["unpriced"], counts["credited"]) == (len(rows), 0, 0, 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_nor_in_one_like_telnyxs(telnyx, variant):
    rows, planted = telnyx_invoice(telnyx)
    invoice = sent(VARIANTS[variant](rows, TELNYX), "telnyx")
    assert found(invoice) == planted
    assert invoice.counts["aside"] == {"for other charges": 3}


def test_decimal_commas_are_read_where_they_can_be_nothing_else(twilio):
    rows, planted = twilio_invoice(twilio)
    rows = [row for row in rows if row["Price"] != "0.005"]
    assert found(sent(as_file(local(rows), TWILIO, delimiter=";"))) == planted


def test_both_at_once_know_nothing_of_each_other(twilio, telnyx):
    rows, planted = twilio_invoice(twilio)
    others, other_planted = telnyx_invoice(telnyx)
    assert found(sent(as_file(rows, TWILIO))) == planted
    assert found(sent(as_file(others, TELNYX), "telnyx")) == other_planted


def test_every_finding_says_what_it_is_about_and_what_comes_next(twilio):
    rows, _ = twilio_invoice(twilio)
    invoice = sent(as_file(rows, TWILIO))
    by_kind = {
        finding.kind: finding for finding in invoice.findings.exclude(text__startswith="Billed 2 times")
    }
    assert by_kind["price"].text == "Billed $2.15. Our price is $1.15."
    assert by_kind["away"].text.startswith("Released ")
    assert by_kind["strange"].text == "It isn't in our records."
    assert by_kind["unbilled"].expected == Decimal("1.15")
    pages = {kind: next_step(finding)[1] for kind, finding in by_kind.items()}
    assert pages["strange"] == "/numbers/link/?phone_number=%2B16175559002"
    assert pages["unbilled"] == "/reconcile/"
    assert all(pages[kind] == f"/numbers/{by_kind[kind].e164}/" for kind in ("price", "away"))
    assert all(finding.rows for finding in invoice.findings.exclude(kind="unbilled"))
    twice = invoice.findings.get(text__startswith="Billed 2 times")
    assert (twice.text, twice.billed) == ("Billed 2 times $1.15.", Decimal("2.30"))


def test_ten_thousand_rows_are_matched_by_a_worker(twilio, django_assert_max_num_queries):
    rows, planted = twilio_invoice(twilio)
    more = [
        Number(e164=f"+1303{n:07}", telephony_provider="twilio", connection=twilio.connection)
        for n in range(2_000_000, 2_010_000)
    ]
    Number.objects.bulk_create(more, batch_size=500)
    Number.objects.filter(e164__startswith="+1303").update(created_at=twilio.steady[0].created_at)
    invoice = sent(as_file([*rows, *(twilio_row(number, day(1)) for number in more)], TWILIO))
    assert (invoice.state, found(invoice)) == (Invoice.State.WAITING, {})
    [job] = invoices.claim(limit=1)
    with django_assert_max_num_queries(100):
        invoices.run(job)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.content) == (Invoice.State.DONE, None)
    assert found(invoice) == planted
    assert invoice.counts["numbers"] == 10_000 + 45


def test_what_cannot_be_read_is_counted_and_told_and_keeps_nothing_else_from_being_read(twilio):
    rows, planted = twilio_invoice(twilio)
    steady = twilio.steady[20:26]
    broken = dict(zip([n.e164 for n in steady], ["1.15E+00", "1,150", "", "x", "$1.15", "1.15"], strict=True))
    rows = [row | {"Price": broken.get(row["Phone Number"], row["Price"])} for row in rows]
    rows.append(twilio_row("1.6175559E+10", day(3)))
    rows.append(twilio_row(twilio.steady[25], day(3), "0", **{"Price Unit": "dollars"}))
    rows.append(twilio_row(twilio.steady[25], day(3), "0", **{"Start Date": "sometime"}))
    invoice = sent(as_file(rows, TWILIO))
    assert found(invoice) == planted  # nor is a number "not billed" whose row cannot be read
    assert invoice.counts["unread"] == len(invoice.unread) == 7
    told = {mistake["text"] for mistake in invoice.unread}
    assert "A spreadsheet shortened this number. Format the column as text." in told
    assert "“1,150” isn't an amount that can be read in one way only." in told
    assert "“DOLLARS” isn't a currency code such as USD." in told


@pytest.mark.parametrize(
    ("dates", "reads"),
    [
        (["{d:02}/{m:02}/{y}", 13], True),  # the day comes first: a thirteenth month is none
        (["{m:02}/{d:02}/{y}", 13], True),
        (["{m:02}/{d:02}/{y}", 1], None),  # nothing shows it
        (["{y}-{m:02}-{d:02}T00:00:00Z", 1], True),
        (["{y}{m:02}{d:02}", 2], True),
    ],
)
def test_dates_are_read_as_the_file_shows_that_they_are_meant(twilio, dates, reads):
    form, last = dates
    m, y = MONTH.month, MONTH.year
    first = 1 if m != 1 else 2  # the same either way would show nothing
    days = [first + (m == first), max(last, first + (m == first))]
    rows = [
        twilio_row(twilio.steady[0], day(1), **{"Start Date": form.format(d=days[0], m=m, y=y)}),
        twilio_row(twilio.steady[1], day(1), **{"Start Date": form.format(d=days[1], m=m, y=y)}),
    ]
    invoice = sent(as_file(rows, TWILIO), whole=False)
    assert (invoice.state == Invoice.State.DONE) == bool(reads)
    if not reads:
        assert "can be read two ways" in invoice.errors[0]["text"]


def test_money_of_two_currencies_is_never_added_or_compared(twilio):
    one, two = twilio.steady[:2]
    rows = [twilio_row(one, day(1), **{"Price Unit": "EUR"}), twilio_row(two, day(2)),
            twilio_row(two, day(2), **{"Price Unit": "EUR"})]  # fmt: skip
    invoice = sent(as_file(rows, TWILIO), whole=False)
    texts = dict(invoice.findings.values_list("e164", "text"))
    assert texts[one.e164] == "Billed EUR 1.15. Our price is in USD."
    assert texts[two.e164] == "Billed in 2 currencies: EUR 1.15 and $1.15."
    assert invoice.counts["billed"] == {"EUR": "2.30", "USD": "1.15"}


def test_the_price_of_the_day_counts_and_a_missing_one_is_no_error(twilio):
    Price.objects.create(telephony_provider="twilio", monthly=2, valid_from=day(15))
    Price.objects.create(telephony_provider="twilio", monthly=9, valid_from=next_month(MONTH))
    old, new = twilio.steady[0], twilio.steady[1]
    rows = [twilio_row(old, day(14)), twilio_row(new, day(16), "2.00")]
    assert found(sent(as_file(rows, TWILIO), whole=False)) == {}
    Price.objects.all().delete()
    invoice = sent(as_file(rows, TWILIO), whole=False)
    assert (found(invoice), invoice.counts["unpriced"]) == ({}, 2)


def test_a_released_number_is_billed_until_it_went_and_not_after(twilio):
    number = twilio.number("+16175559001", day(5, BEFORE), left=day(10))
    fine, late = twilio_row(number, day(5)), twilio_row(number, day(20))
    assert found(sent(as_file([fine], TWILIO), whole=False)) == {}
    invoice = sent(as_file([fine, late], TWILIO), whole=False)
    assert found(invoice) == {number.e164: "away"}
    assert invoice.findings.get().billed == Decimal("1.15")


def test_a_number_that_came_back_is_ours_again(twilio):
    number = twilio.number("+16175559001", day(5, BEFORE), left=day(9, BEFORE))
    Event.objects.create(action="line.bought", number=number, at=number.bought_at + timedelta(days=20))
    Number.objects.filter(pk=number.pk).update(status=NumberStatus.ACTIVE, holding=2)
    assert found(sent(as_file([twilio_row(number, day(5))], TWILIO), whole=False)) == {}
    assert found(sent(as_file([twilio_row(twilio.steady[0], day(1))], TWILIO)))[number.e164] == "unbilled"


def test_a_number_of_another_account_is_said_to_be_there(twilio, telnyx):
    number = telnyx.steady[0]
    invoice = sent(as_file([twilio_row(number, day(3))], TWILIO), whole=False)
    finding = invoice.findings.get()
    assert (finding.kind, finding.number) == ("strange", number)
    assert finding.text == "Our records have it on another account: telnyx-1."
    assert next_step(finding) == ("Check its connection", f"/numbers/{number.e164}/")


def test_of_one_connection_alone_the_others_are_not_missed(twilio):
    other = Books.__new__(Books)
    other.provider, other.connection = "twilio", type(twilio.connection).objects.create(
        api_id="twilio-2", telephony_provider="twilio"
    )  # fmt: skip
    mine = other.number("+16175559001", day(5, BEFORE))
    invoice = sent(as_file([twilio_row(mine, day(5))], TWILIO), connection=other.connection)
    assert found(invoice) == {}


def test_another_month_is_said_and_the_present_one_is_refused(twilio):
    content = as_file([twilio_row(twilio.steady[0], day(3, BEFORE))], TWILIO)
    invoice = sent(content)
    assert invoice.errors[0]["text"] == (
        f"The file covers {BEFORE:%B %Y}, not {MONTH:%B %Y}. Choose that month."
    )
    with pytest.raises(NotMatched, match="isn't over yet"):
        sent(content, month=next_month(MONTH))


def test_the_file_of_another_provider_is_told(twilio):
    with pytest.raises(
        NotMatched, match=r"This looks like a file from Telnyx\. Choose that provider's account"
    ):
        sent(as_file([telnyx_row("+16175550001")], TELNYX))


def test_a_summary_without_numbers_is_told(twilio):
    row = twilio_row("", day(1), "42.00")
    assert "names no phone numbers" in sent(as_file([row], TWILIO)).errors[0]["text"]


OWN = ["Rufnummer", "Betrag", "Art"]


def own_file(books: Books, columns: list[str] = OWN) -> bytes:
    rows = [{"Rufnummer": n.e164, "Betrag": "1.15", "Art": "Miete"} for n in books.steady]
    rows += [{"Rufnummer": books.steady[0].e164, "Betrag": "9.99", "Art": "Minuten"}]
    return as_file(rows, columns)


def test_unknown_columns_are_chosen_once_and_then_remembered(twilio, bob):
    content = own_file(twilio)
    invoice = sent(content, by=Actor.person(bob))
    assert (invoice.state, invoice.findings.count()) == (Invoice.State.COLUMNS, 0)
    columns = {"number": "Rufnummer", "amount": "Betrag", "kind": "Art"}
    invoice = choose_columns(by=Actor.person(bob), invoice_id=invoice.pk, columns=columns, only="miete")
    assert (invoice.state, found(invoice), invoice.content) == (Invoice.State.DONE, {}, None)
    again = sent(own_file(twilio, ["Land", *OWN[::-1]]))
    assert (again.state, found(again), InvoiceLayout.objects.count()) == (Invoice.State.DONE, {}, 1)
    with pytest.raises(NotMatched, match="already chosen"):
        choose_columns(by=PERSON, invoice_id=invoice.pk, columns=columns)


@pytest.mark.parametrize(
    ("columns", "only", "says"),
    [
        ({"number": "Rufnummer"}, "", "Choose the column for “Amount”."),
        ({"number": "Rufnummer", "amount": "Preis"}, "", "exactly one column “Preis”"),
        ({"number": "Rufnummer", "amount": "Rufnummer"}, "", "Choose each column once."),
        ({"number": "Rufnummer", "amount": "Betrag", "kind": "Art"}, " ", "together with the words"),
        ({"number": "Rufnummer", "amount": "Betrag"}, "miete", "together with the words"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(twilio, columns, only, says):
    invoice = sent(own_file(twilio))
    with pytest.raises(NotMatched, match=says):
        choose_columns(by=PERSON, invoice_id=invoice.pk, columns=columns, only=only)
    assert not InvoiceLayout.objects.exists()


def test_who_may_not_buy_uploads_nothing(twilio):
    vera = Actor.person(person("vera", Role.VIEWER))
    with pytest.raises(Refused):
        sent(own_file(twilio), by=vera)
    invoice = sent(own_file(twilio))
    with pytest.raises(Refused):
        choose_columns(by=vera, invoice_id=invoice.pk, columns={"number": "Rufnummer", "amount": "Betrag"})


def test_nothing_of_the_file_but_the_findings_is_kept(twilio):
    rows, _ = twilio_invoice(twilio)
    invoice = sent(as_file(rows, TWILIO))
    row = Invoice.objects.get(pk=invoice.pk)
    assert row.content is None
    event = Event.objects.get(action="invoice.matched")
    assert event.after["findings"] == {"strange": 1, "unbilled": 1, "price": 2, "away": 1}
