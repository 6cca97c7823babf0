"""Reading changes from a file, and the round trip of an export through a spreadsheet."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.models import Agent, Number, Plan, Tag
from numbers.reports import csv_lines, number_rows
from numbers.services.changing import plan_counts
from numbers.services.drafting import values_of
from numbers.services.importing import numbers_in, read_changes
from numbers.services.inventory import place_of
from numbers.services.proposing import Mistakes, propose_file
from tests.plans import ANNA, agent, carry, owned, remote

pytestmark = pytest.mark.django_db


@pytest.fixture
def books():
    """Two numbers and three agents, of which two share a name."""
    for key, name in (("id-1", "Reception"), ("id-2", "Double"), ("id-3", "Double")):
        Agent.objects.create(api_id=key, name=name)
    return [
        Number.objects.create(e164=e164, label="Old", **place_of(e164))
        for e164 in ("+14155550100", "+14155550101")
    ]


def read(text: str):
    return read_changes(io.BytesIO(text.encode()))


def wrong(text: str) -> list[str]:
    wanted, errors = read(text)
    assert wanted == []
    return errors


def test_cells_become_changes(books):
    wanted, errors = read(
        "number,label,agent,tags,outbound_only,description\n"
        '+14155550100,Front,Reception,"vip, office",yes,Hello\n'
        "(415) 555-0101,,,,,\n"
    )
    assert errors == []
    assert wanted == [
        (
            books[0].pk,
            {
                "label": "Front",
                "agent": "id-1",
                "tags": ["office", "vip"],
                "outbound_only": True,
                "description": "Hello",
            },
        ),
        (books[1].pk, {"label": ""}),  # the other cells say what our books say
    ]


def test_columns_that_are_not_there_stay_as_they_are(books):
    assert read("Number;Agent;something else\n+1 415 555 0100;id-2;x\n") == (
        [(books[0].pk, {"agent": "id-2"})],
        [],
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_spreadsheets_of_every_kind_are_read(books, delimiter, ending):
    rows = [["number", "label"], ["14155550100", "a"], ["", ""], ["4155550101", "b"]]
    text = "\ufeff" + ending.join(delimiter.join(row) for row in rows) + ending
    assert read(text) == ([(books[0].pk, {"label": "a"}), (books[1].pk, {"label": "b"})], [])


def test_each_wrong_cell_is_told_by_row_and_column(books):
    assert wrong(
        "number,label,agent,tags,outbound_only\n"
        f"+14155550100,{'x' * 201},Nobody knows,{'y' * 51},perhaps\n"
        "+14155550101,,Double,,\n"
        "hello,,,,\n"
        "1.41556E+10,,,,\n"
        "+12125550100,,,,\n"
        "+14155550100,,,,\n"
    ) == [
        "row 2, label: The label may have 200 characters.",
        "row 2, agent: no agent is called “Nobody knows”.",
        f"row 2, tags: “{'y' * 50}” is no tag: 50 characters, no comma or semicolon.",
        "row 2, outbound_only: “perhaps” is neither yes nor no.",
        "row 3, agent: 2 agents are called “Double”. Write the id instead.",
        "row 4, number: “hello” is no phone number. Write it like +1 415 555 0123.",
        "row 5, number: the spreadsheet has shortened it. Format the column as text and try again.",
        "row 6, number: +1 212 555 0100 is not on our books.",
        "row 7, number: +1 415 555 0100 stands in row 2 already.",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no column “number”"),
        ("phone,label\n+14155550100,x\n", "no column “number”"),
        ("number,label,label\n", "stands there twice"),
    ],
)
def test_a_file_of_another_kind_is_refused(books, content, words):
    assert words in wrong(content)[0]


def test_a_file_that_is_no_text_is_refused(books):
    wanted, errors = read_changes(io.BytesIO(b"PK\x03\x04\xff\xfe\x00"))
    assert (wanted, "UTF-8" in errors[0]) == ([], True)


def test_very_many_errors_are_counted(books):
    errors = wrong("number\n" + "nonsense\n" * 500)
    assert (len(errors), errors[-1]) == (101, "and 400 more errors.")


def test_a_bare_list_of_numbers_is_read(books):
    assert numbers_in(io.BytesIO(b"+14155550100\n415-555-0101\n")) == ([number.pk for number in books], [])


def test_an_agent_that_is_gone_cannot_be_named(books):
    Agent.objects.filter(api_id="id-1").update(gone_at="2026-01-01T00:00Z")
    assert wrong("number,agent\n+14155550100,Reception\n") == [
        "row 2, agent: no agent is called “Reception”."
    ]


def test_reading_costs_the_same_queries_for_more_rows(books):
    def cost(count: int) -> int:
        text = "number,label\n" + "".join(f"+1415556{n:04},x\n" for n in range(count))
        with CaptureQueriesContext(connection) as queries:
            assert read(text)[1] == []
        return len(queries)

    Number.objects.bulk_create([Number(e164=f"+1415556{n:04}") for n in range(900)])
    assert cost(900) == cost(9) <= 5


def test_an_exported_table_cannot_be_imported_again(fluents):
    """It can: what was exported is read as it is, and nothing would change."""
    numbers = owned(fluents, 30)
    first = numbers[0]
    Number.objects.filter(pk=first.pk).update(label='=1+1 "x", y', description="'-twice\nlines")
    first.tags.set([Tag.objects.create(name="@home")])
    odd = Tag.objects.create(name="odd, with a comma")  # Fluents may have such a one
    numbers[1].tags.set([odd])
    gone = numbers.exclude(agent=None)[0].agent
    Agent.objects.filter(pk=gone.pk).update(gone_at="2026-01-01T00:00Z")
    text = "".join(csv_lines(number_rows(Number.objects.all())))
    wanted, errors = read(text)
    assert (errors, [changes for _, changes in wanted]) == ([], [{}] * 30)
    with pytest.raises(Mistakes, match="All 30 rows say what our books say already"):
        propose_file(by=ANNA, content=text.encode(), title="From a file")
    assert not Plan.objects.exists()


def test_importing_again_doubles_or_clobbers_rows(fluents):
    """It does neither: an edited export becomes a plan of just the edits."""
    numbers = owned(fluents, 30)
    rows = list(csv.DictReader(io.StringIO("".join(csv_lines(number_rows(numbers))), newline="")))
    rows[3] |= {"label": "=Edited", "agent": "Spanish line", "tags": "vip; office"}
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    plan = carry(propose_file(by=ANNA, content=("\ufeff" + out.getvalue()).encode(), title="From a file"))
    assert (plan_counts(plan)["done"], plan_counts(plan)["total"], Number.objects.count()) == (1, 1, 30)
    assert plan.note == "29 of 30 rows say what our books say already. They are not in this plan."
    edited = Number.objects.get(pk=numbers[3].pk)
    assert values_of(edited) | {"agent": edited.agent.name} == values_of(edited) | {
        "label": "=Edited",
        "agent": "Spanish line",
        "tags": ["office", "vip"],
    }
    assert remote(fluents, edited)["label"] == "=Edited"
    assert agent("Spanish line") == edited.agent


def test_there_is_no_plan_from_a_file_with_an_error(books):
    wanted, _ = read("number,label\n+14155550100,Good\n+14155550101,Good\nbad,x\n")
    assert wanted == []
    assert not Plan.objects.exists()
