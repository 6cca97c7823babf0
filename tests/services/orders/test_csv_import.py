"""A CSV file of wants: read whole or not at all, with every mistake at its place."""

import io

import pytest

from numbers.models import Agent, Number
from numbers.services.orders.csv_import import COLUMNS, TEMPLATE, read_wants
from numbers.services.orders.items import Want, count_of

pytestmark = pytest.mark.django_db
HEADER = "area_code,phone_number,quantity,agent,label,tags"


@pytest.fixture(autouse=True)
def agents():
    for name in ("Reception", "Sales", "Twin"):
        Agent.objects.create(api_id=f"id-{name.lower()}", name=name)
    Agent.objects.create(api_id="id-twin-2", name="Twin")


def read(*rows: str, header: str = HEADER):
    return read_wants(io.BytesIO("\n".join([header, *rows]).encode()))


def mistakes(*rows: str, header: str = HEADER) -> list[tuple[int, str]]:
    wants, found = read(*rows, header=header)
    assert wants == []
    return [(mistake.row, mistake.column) for mistake in found]


def test_rows_become_wants():
    wants, found = read(
        '415,,10,Reception,Front desk,"west, 2026"', ",+1 (212) 273-0123,,id-sales,,", "617,,,,,", ",,,,,"
    )
    assert found == []
    assert wants == [
        Want(
            area_code="415",
            quantity=10,
            inbound_agent="id-reception",
            label="Front desk",
            tags=["2026", "west"],
        ),
        Want(phone_number="+12122730123", inbound_agent="id-sales", tags=[]),
        Want(area_code="617", tags=[]),
    ]


def test_the_agent_may_stand_in_a_column_called_as_fluents_calls_it():
    wants, found = read("415,Sales", header="area_code,inbound_agent")
    assert (found, [want.inbound_agent for want in wants]) == ([], ["id-sales"])
    assert mistakes("415,Nobody Known", header="area_code,inbound_agent") == [(2, "agent")]


def test_the_template_is_read_once_its_number_is_a_real_one():
    rows = [",".join(f'"{row.get(name, "")}"' for name in COLUMNS) for row in TEMPLATE]
    wants, found = read(*rows)
    assert (found, count_of(wants)) == ([], 16)


@pytest.mark.parametrize("header", [HEADER.replace(",", ";"), HEADER.replace(",", "\t"), "\ufeff" + HEADER])
def test_other_delimiters_and_a_byte_order_mark_are_understood(header):
    row = "415,,2,Reception,,".replace(",", next((c for c in ";\t" if c in header), ","))
    wants, found = read(row, header=header)
    assert (found, count_of(wants)) == ([], 2)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("41a,,1,,,", "area_code", "isn't an area code"),
        ("999,,1,,,", "area_code", "can't be bought"),
        ("=415,,1,,,", "area_code", "isn't an area code"),
        (",,1,,,", "area_code", "Enter an area code, or an exact number"),
        ("415,+1 212 273 0123,1,,,", "area_code", "not both"),
        (",+1555,1,,,", "phone_number", "isn't a complete phone number"),
        (",4.15E+10,1,,,", "phone_number", "shortened"),
        (",+1 212 273 0123,2,,,", "quantity", "only once"),
        ("415,,0,,,", "quantity", "isn't between 1 and 1,000"),
        ("415,,1001,,,", "quantity", "isn't between"),
        ("415,,two,,,", "quantity", "isn't a whole number"),
        ("415,,2.5,,,", "quantity", "isn't a whole number"),
        ("415,,-1,,,", "quantity", "isn't a whole number"),
        ("415,,1.000,,,", "quantity", "ambiguous"),
        ("415,,1,Nobody knows,,", "agent", "No agent is named"),
        ("415,,1,Twin,,", "agent", "Enter the ID instead"),
        (f"415,,1,,{'x' * 201},", "label", "up to 200 characters"),
        ("415,,1,,a\x00b,", "label", "control character (U+0000)"),
        (f"415,,1,,,{'x' * 51}", "tags", "up to 50 characters"),
        (f'415,,1,,,"{",".join(map(str, range(21)))}"', "tags", "up to 20 tags"),
    ],
)
def test_a_mistake_is_told_with_its_row_its_column_and_what_stood_there(row, column, words):
    wants, (mistake,) = read("617,,1,,,", row)
    assert (wants, mistake.row, mistake.column) == ([], 3, column)
    assert words in mistake.text
    assert mistake.text[0] in "“+" or mistake.text[0].isupper() or mistake.text[0].isdigit()


def test_all_mistakes_of_a_row_are_told_at_once():
    assert mistakes("41a,,0,Nobdy,,") == [(2, "area_code"), (2, "quantity"), (2, "agent")]


def test_numbers_that_stand_there_twice_or_are_ours_are_told():
    Number.objects.create(e164="+12122730123")
    rows = (",+12122730123,1,,,", ",+16172730123,1,,,", ",(617) 273-0123,1,,,")
    assert mistakes(*rows) == [(2, "phone_number"), (4, "phone_number")]


def test_what_looks_like_a_formula_is_text():
    wants, found = read("415,,1,,'=1+1,'@home")
    assert (found, wants[0].label, wants[0].tags) == ([], "=1+1", ["@home"])


def test_a_file_for_too_many_lines_is_told_as_a_whole():
    _, (mistake,) = read("415,,600,,,", "617,,600,,,")
    assert (mistake.row, mistake.column) == (0, "quantity")
    assert "1,200 lines" in mistake.text
    _, (mistake,) = read(*["415,,1,,,"] * 1001)
    assert "more than 1,000 rows" in mistake.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"number,label\n415,x", "Did you mean"),
        (HEADER.encode(), "no rows"),
        (HEADER.encode() + b"\n,,,,,\n", "no rows"),
        (b"area_code,area_code\n415,617", "appears twice"),
        (b"PK\x03\x04\x14\x00\x06\x00\xff\xfe", "a workbook"),
        (b'area_code,label\n415,"' + b"x" * 200_000, "isn't a table"),
        (b"area_code," * 100_000, "isn't a table"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_in_one_sentence(content, words):
    wants, (mistake, *_) = read_wants(io.BytesIO(content))
    assert wants == []
    assert words in mistake.text


def test_a_thousand_rows_with_twenty_mistakes_name_all_twenty(django_assert_num_queries):
    rows = [f"415,,1,Reception,Desk {n},a" for n in range(1000)]
    wrong = {}
    for i, n in enumerate(range(7, 1000, 50)):
        column = ("area_code", "quantity", "agent", "tags")[i % 4]
        cells = {"area_code": "41a,,1,,,", "quantity": "415,,0,,,", "agent": "415,,1,Nobdy,,",
                 "tags": f"415,,1,,,{'x' * 60}"}  # fmt: skip
        rows[n] = cells[column]
        wrong[n + 2] = column
    assert len(wrong) == 20
    with django_assert_num_queries(1):  # the agents
        found = mistakes(*rows)
    assert dict(found) == wrong
    assert len(found) == 20
