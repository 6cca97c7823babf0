"""Reading changes from a file, and the round trip of an export through a spreadsheet."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.listing.export import NUMBER_COLUMNS, number_rows
from numbers.models import Agent, Number, Plan, Tag
from numbers.services.csv_tables import csv_lines
from numbers.services.inventory.upsert import place_of
from numbers.services.plans.builder import Mistakes, propose_file
from numbers.services.plans.csv_import import numbers_in, read_changes
from numbers.services.plans.lifecycle import plan_counts
from numbers.services.plans.rows import values_of
from tests.support.plans import ANNA, agent, carry, owned, remote
from tests.support.queries import count as queries_made

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
    return [str(mistake) for mistake in errors]


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
        "row 2, label: A label can have up to 200 characters; this has 201.",
        "row 2, agent: No agent is named “Nobody knows”.",
        "row 2, tags: A tag can have up to 50 characters; this has 51.",
        "row 2, outbound_only: “perhaps” isn't yes or no.",
        "row 3, agent: 2 agents are named “Double”: id-2, id-3. Enter the ID instead.",
        "row 4, number: “hello” isn't a phone number. Enter it like +1 415 555 0123.",
        "row 5, number: A spreadsheet shortened this number. Format the column as text.",
        "row 6, number: +1 212 555 0100 isn't one of our numbers.",
        "row 7, number: +1 415 555 0100 is already in row 2.",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("phone,label\n+14155550100,x\n", "Did you mean “number”?"),
        ("number,label,label\n", "appears twice"),
    ],
)
def test_a_file_of_another_kind_is_refused(books, content, words):
    assert words in wrong(content)[0]


def test_a_file_that_is_no_text_is_refused(books):
    wanted, errors = read_changes(io.BytesIO(b"\x89PNG\xff\xfe\x00"))
    assert (wanted, "UTF-8" in errors[0].text) == ([], True)


def test_very_many_errors_are_counted(books):
    errors = wrong("number\n" + "nonsense\n" * 500)
    assert (len(errors), errors[-1]) == (201, "And 300 more errors.")


def test_a_bare_list_of_numbers_is_read(books):
    assert numbers_in(io.BytesIO(b"+14155550100\n415-555-0101\n")) == ([number.pk for number in books], [])


def test_an_agent_that_is_gone_cannot_be_named(books):
    Agent.objects.filter(api_id="id-1").update(gone_at="2026-01-01T00:00Z")
    assert wrong("number,agent\n+14155550100,Reception\n") == ["row 2, agent: No agent is named “Reception”."]


def test_reading_costs_the_same_queries_for_more_rows(books):
    def cost(count: int) -> int:
        text = "number,label\n" + "".join(f"+1415556{n:04},x\n" for n in range(count))
        with CaptureQueriesContext(connection) as queries:
            assert read(text)[1] == []
        return queries_made(queries)

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
    text = "".join(csv_lines(number_rows(Number.objects.all()), NUMBER_COLUMNS))
    wanted, errors = read(text)
    assert (errors, [changes for _, changes in wanted]) == ([], [{}] * 30)
    with pytest.raises(Mistakes, match="All 30 rows already match our records"):
        propose_file(by=ANNA, content=text.encode(), title="From a file")
    assert not Plan.objects.exists()


def test_importing_again_doubles_or_clobbers_rows(fluents):
    """It does neither: an edited export becomes a plan of just the edits."""
    numbers = owned(fluents, 30)
    text = "".join(csv_lines(number_rows(numbers), NUMBER_COLUMNS))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    rows[3] |= {"label": "=Edited", "agent": "Spanish line", "tags": "vip; office"}
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    plan = carry(propose_file(by=ANNA, content=("\ufeff" + out.getvalue()).encode(), title="From a file"))
    assert (plan_counts(plan)["done"], plan_counts(plan)["total"], Number.objects.count()) == (1, 1, 30)
    assert plan.note == "29 of 30 rows already match our records and were left out."
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
