"""Files of every kind: the tables of README.md, their bounds, and a fuzz of what chance makes of them."""

import io
import os
import re
import tracemalloc
from time import process_time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from numbers.models import Agent, Connection, Draft, Number, Order, Plan
from numbers.services.csv_tables import MOST_BYTES, MOST_COLUMNS, MOST_ROWS, read_table, text_of
from numbers.services.orders.csv_import import TABLE, read_wants
from numbers.services.plans.builder import AT_ONCE
from numbers.services.plans.csv_import import read_changes
from numbers.telephony.characters import plain
from numbers.telephony.phone import KEYPAD
from tests.intake.cases import README, table
from tests.intake.fuzz import files
from tests.intake.summaries import changes_in, wants_in
from tests.management.test_commands import buy
from tests.support.stack import ROOT

pytestmark = pytest.mark.django_db
FUZZED = int(os.environ.get("INTAKE_FILES", "1500"))  # `make fuzz` takes 100,000
OURS = ("+14155550100", "+14155550101")


@pytest.fixture(autouse=True)
def books():
    """What the tables say of our books."""
    now = timezone.now()
    Connection.objects.create(api_id="main", label="Main", telephony_provider="twilio", synced_at=now)
    names = ["Reception", "Zo\xe9\u2019s  Line", "Twin", "twin", "", "Night \u2013 desk"]
    for n, name in enumerate(names, start=1):
        label = "" if name else "Sales team"
        Agent.objects.create(api_id=f"a-{n}", name=name, label=label, synced_at=now)
    Number.objects.create(e164=OURS[0], label="Old ", description="Two\nlines")
    Number.objects.create(e164=OURS[1], label="Cafe\u0301")


def content_of(typed: str | bytes) -> bytes:
    return typed if isinstance(typed, bytes) else typed.encode()


@pytest.mark.parametrize(("title", "read"), [("Files of wants", wants_in), ("Files of changes", changes_in)])
def test_every_file_is_read_as_the_table_says(title, read):
    wrong = []
    for typed, expected in table(title):
        if (found := read(content_of(typed))) != expected:
            wrong.append((typed, expected, found))
    assert wrong == []


SHEETS = re.findall(r"^\| \d+ \| `([\w.-]+)` \| [^|]* \| (.*) \|$", README.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("name", "expected"), SHEETS)
def test_spreadsheets_as_people_have_them(name, expected):
    assert wants_in((ROOT / "tests/data/spreadsheets" / name).read_bytes()) == expected


def test_the_table_of_spreadsheets_names_all_of_them():
    assert sorted(name for name, _ in SHEETS) == sorted(
        path.name for path in (ROOT / "tests/data/spreadsheets").iterdir()
    )
    assert len(SHEETS) >= 12


def test_the_page_and_the_command_take_what_the_table_takes(staff, tmp_path):
    account = {"telephony_provider": "twilio", "telephony_account_connection": "main"}
    for typed, expected in table("Files of wants"):
        content, refused = content_of(typed), expected.startswith("refused")
        file = SimpleUploadedFile("lines.csv", content)
        assert staff.post("/orders/new/file/", account | {"file": file}).status_code == (
            422 if refused else 302
        )
        path = tmp_path / "lines.csv"
        path.write_bytes(content)
        status, out, err = buy("--csv", str(path), "--check")
        assert (status, out.startswith("Would order ")) == ((2, False) if refused else (0, True)), typed
        assert ("Nothing was ordered" in err) == refused
    assert Order.objects.count() == 0
    assert Draft.objects.count() == sum(not e.startswith("refused") for _, e in table("Files of wants"))


def test_the_page_of_changes_takes_what_the_table_takes(staff):
    for typed, expected in table("Files of changes"):
        answer = staff.post(
            "/numbers/upload/", {"file": SimpleUploadedFile("x.csv", content_of(typed) or b" ")}
        )
        changes = re.search(r"` (label|agent|tags|description|outbound_only) `", expected)
        assert answer.status_code == (302 if changes and "refused" not in expected else 422), typed


# --- Bounds ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"area_code" + b",x" * MOST_COLUMNS + b"\n415\n", "maximum is 100"),
        (b"area_code\n415" + b",x" * MOST_COLUMNS + b"\n", "maximum is 100"),
        (b"area_code" + b",c" * 60_000 + b"\n" + b"415" + b",x" * 60_000, "columns|characters"),
        (b"area_code" + b",cccc" * 380_000 + b"\n415\n", "characters"),
        (b"number\n" + b"+14155550100\n" * (MOST_ROWS + 1), "already|rows"),
        (b"area_code,label\n" + b"415,x\n" * 2000, "more than 1,000 rows"),
        (b"x" * (MOST_BYTES + 1), "larger than 5 MB"),
        (b'area_code,label\n415,"' + b"x\n" * 2_000_000, "never closed"),
        (b"," * MOST_BYTES, "characters"),
        (b"\n" * MOST_BYTES, "no .* column"),
        (b'"' * (MOST_BYTES - 1), "characters|closed"),
        (b"area_code\n" + b'""\n' * 1_500_000, "no rows"),
    ],
    ids=range(12),
)
def test_a_file_beyond_its_bounds_is_refused_at_once(content, words):
    for read in (read_wants, read_changes):
        tracemalloc.start()
        begun = process_time()
        found, mistakes = read(io.BytesIO(content))
        took, (_, peak) = process_time() - begun, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found == []
        assert took < 15
        assert peak < 12 * MOST_BYTES
        if read is read_wants and words != "already|rows":
            assert re.search(words, mistakes[0].text)


def test_twenty_thousand_rows_are_read_and_one_more_is_refused():
    row = b"+14155550100\n"
    assert len(read_changes(io.BytesIO(b"number\n" + row * MOST_ROWS))[1]) == 201  # each is there already
    [mistake] = read_changes(io.BytesIO(b"number\n" + row * (MOST_ROWS + 1)))[1]
    assert "more than 20,000 rows" in mistake.text


def test_columns_that_are_not_known_are_not_kept():
    content = io.BytesIO(b"area_code,Cost center\n415," + b"x" * 50_000)
    [(_, cells)] = list(read_table(content, TABLE).rows)
    assert cells == {"area_code": "415"}


def test_a_big_file_with_a_wrong_header_is_refused_before_a_worker_reads_it(staff):
    rows = "number,lable\n" + "+14155550100,x\n" * (AT_ONCE + 1)
    answer = staff.post("/numbers/upload/", {"file": SimpleUploadedFile("x.csv", rows.encode())})
    assert (answer.status_code, Plan.objects.count()) == (422, 0)
    assert "Did you mean “label”?" in answer.text


# --- Fuzz -----------------------------------------------------------------------------------


def test_whatever_chance_makes_of_a_file_is_read_or_refused_with_its_place():
    for seed, content in files(0, FUZZED):
        try:
            wants, mistakes = read_wants(io.BytesIO(content))
            changes, wrong = read_changes(io.BytesIO(content))
        except Exception as error:
            raise AssertionError(f"file {seed}: {content[:200]!r}") from error
        assert bool(wants) != bool(mistakes), seed
        assert not (changes and wrong), seed
        for mistake in [*mistakes, *wrong]:
            assert re.search(r"[.?]$", mistake.text), (seed, mistake)
            whole = mistake.row == 0 or "quotation mark" in mistake.text or "columns" in mistake.text
            assert mistake.column or whole or "characters" in mistake.text, (seed, mistake)
        assert all(grounded(want.phone_number, content) for want in wants if want.phone_number), seed
        assert all(want.area_code or want.phone_number for want in wants), seed


def grounded(e164: str, content: bytes) -> bool:
    """Whether the digits of E164 stand in CONTENT one after the other: nobody has invented the number."""
    lines = text_of(io.BytesIO(content))[0].splitlines()
    wanted = e164.removeprefix("+1").removeprefix("+")
    return any(wanted in dialed(line) for line in lines)


def dialed(line: str) -> str:
    """The digits of LINE as a telephone has them: letters by its keys, without a (0) that is not dialed."""
    return "".join(filter(str.isdigit, plain(line).replace("(0)", "").upper().translate(KEYPAD)))


def test_no_page_breaks_on_what_chance_makes(staff):
    account = {"telephony_provider": "twilio", "telephony_account_connection": "main"}
    for seed, content in files(10_000_000, 60):
        file = SimpleUploadedFile("lines.csv", content or b" ")
        assert staff.post("/orders/new/file/", account | {"file": file}).status_code in (302, 422), seed
        file.seek(0)
        assert staff.post("/numbers/upload/", {"file": file}).status_code in (302, 422), seed
