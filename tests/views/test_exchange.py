"""Tables that leave and come back."""

import csv
import gc
import io
import json
import tracemalloc

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from numbers.models import Number, Plan, Tag
from numbers.services.plans import builder as proposing
from tests.support.plans import carry_on
from tests.views.upkeep import HOSTILE, agent, numbers

pytestmark = pytest.mark.django_db
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", '=HYPERLINK("http://x","y")']


def text_of(answer) -> str:
    return b"".join(answer.streaming_content).decode()


def table(staff, query: str = "") -> list[dict]:
    return list(csv.DictReader(io.StringIO(text_of(staff.get(f"/numbers/export.csv{query}")), newline="")))


def upload(staff, rows: list[dict] | str):
    if not isinstance(rows, str):
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
        rows = out.getvalue()
    return staff.post("/numbers/upload/", {"file": SimpleUploadedFile("numbers.csv", rows.encode())})


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula_to_a_spreadsheet(staff, text):
    (number,) = numbers(1, label=text, description=text)
    number.tags.add(Tag.objects.create(name=text))
    (row,) = table(staff)
    for name, cell in row.items():
        assert name == "number" or not cell or cell[0] not in "=+-@\t\r", (name, cell)


@pytest.mark.parametrize("text", FORMULAS)
def test_what_leaves_comes_back_as_it_was(staff, text):
    numbers(1, label=text)
    answer = upload(staff, table(staff))
    assert answer.status_code == 422
    assert "already match our records" in answer.content.decode()
    assert not Plan.objects.exists()


def test_the_export_is_of_the_filter(staff):
    numbers(2, agent=agent("Reception"))
    numbers(1, start=8)
    assert len(table(staff)) == 3
    assert [row["agent_name"] for row in table(staff, "?agent=id+of+Reception")] == ["Reception"] * 2
    found = json.loads(text_of(staff.get("/numbers/export.json?agent=none")))
    assert [row["number"] for row in found] == ["+14155550008"]


def test_an_empty_export_is_still_a_table(staff):
    assert table(staff) == []
    assert json.loads(text_of(staff.get("/numbers/export.json"))) == []


@pytest.mark.parametrize("count", [1, 60])
def test_an_export_asks_as_much_for_many_as_for_one(staff, django_assert_num_queries, count):
    for n in range(count):
        (number,) = numbers(1, start=n, agent=agent(f"Agent {n}"))
        number.tags.add(Tag.objects.create(name=f"tag {n}"))
    with django_assert_num_queries(9):
        assert len(table(staff)) == count


def memory_of(staff) -> int:
    """The most memory that an export holds at once, garbage that waits to be collected aside."""
    tracemalloc.start()
    parts = iter(staff.get("/numbers/export.csv").streaming_content)
    gc.freeze()  # collecting looks at what is new alone, and is quick
    for _ in parts:
        gc.collect()
    gc.unfreeze()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_an_export_takes_no_more_memory_for_more_numbers(staff):
    numbers(2100)
    memory_of(staff)
    few = memory_of(staff)
    numbers(4200, start=2100)
    assert memory_of(staff) < 1.1 * few


def test_odd_filters_break_no_export(staff):
    numbers(1)
    for text in HOSTILE:
        asked = dict.fromkeys(["q", "agent", "status", "region", "tag", "bought_from", "sort", "cols"], text)
        for kind in ("csv", "json"):
            assert text_of(staff.get(f"/numbers/export.{kind}", asked)) is not None, text


def test_an_edited_table_becomes_a_plan(staff):
    agent("Bookings")
    numbers(3, agent=agent("Reception"))
    rows = table(staff)
    rows[1] |= {"agent": "Bookings", "label": "New", "outbound_only": "yes", "tags": "a, b"}
    answer = upload(staff, rows)
    plan = Plan.objects.get()
    assert answer.url == f"/plans/{plan.pk}/"
    assert (plan.state, plan.title, plan.requested_by_name) == ("draft", "Changes from numbers.csv", "bob")
    (row,) = plan.rows.all()
    assert row.after == {"agent": "id of Bookings", "label": "New", "outbound_only": True, "tags": ["a", "b"]}
    assert Number.objects.get(pk=row.number_id).label == "Desk 1"


def test_the_export_opens_an_import_that_does_what_a_person_may_not(client, staff):
    """A table changes what its person could change by hand; it gives nothing up and moves nothing."""
    (number,) = numbers(1)
    (row,) = table(staff)
    row |= {"status": "released", "connection": "x", "provider": "telnyx", "bought_by": "eve", "label": "New"}
    answer = upload(staff, [row])
    plan = Plan.objects.get()
    assert (plan.act, plan.state, plan.rows.get().after) == ("change", "draft", {"label": "New"})
    client.logout()
    answer = upload(client, [row])
    assert (answer.status_code, Plan.objects.count()) == (302, 1)
    assert answer.url.startswith("/accounts/login/")
    assert Number.objects.get().label == number.label


def test_mistakes_are_told_by_row_and_column_and_no_plan_is_made(staff):
    numbers(3)
    rows = table(staff)
    rows[0]["label"] = "Fine"
    rows[1]["agent"] = "Nobody of that name"
    rows[2]["outbound_only"] = "perhaps"
    answer = upload(staff, rows)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert '<td class="figure">3</td><td class="at-column">agent</td>' in text
    assert '<td class="figure">4</td><td class="at-column">outbound_only</td>' in text
    assert not Plan.objects.exists()


@pytest.mark.parametrize("content", ["", "\x00", "number\n", "a,b\n1,2\n", '"', "number,label\n", *HOSTILE])
def test_odd_files_make_no_plan(staff, content):
    numbers(1)
    assert upload(staff, content or " ").status_code == 422
    assert not Plan.objects.exists()


def test_a_big_table_is_read_by_the_worker_while_its_page_follows_along(staff, monkeypatch):
    monkeypatch.setattr(proposing, "AT_ONCE", 2)
    numbers(3)
    rows = [row | {"label": "New", "outbound_only": "perhaps"} for row in table(staff)]
    page = upload(staff, rows).url
    assert "Reading the file" in staff.get(page).content.decode()
    assert "data-moving" in staff.get(page).content.decode()
    carry_on(plan_id=Plan.objects.get().pk)
    text = staff.get(page).content.decode()
    assert "Nothing was changed." in text
    assert '<td class="figure">4</td><td class="at-column">outbound_only</td>' in text
    assert "data-moving" not in text
    page = upload(staff, [row | {"outbound_only": "no"} for row in rows]).url
    carry_on(plan_id=Plan.objects.latest("pk").pk)
    text = staff.get(page).content.decode()
    assert "3 numbers will change" in text
    assert 'aria-label="3 will change"' in text  # the bar says what the sentence says
    assert staff.get("/plans/").content.decode().count("data-plan=") == 2


def test_a_file_that_is_no_text_makes_no_plan(staff):
    file = SimpleUploadedFile("photo.csv", b"\xff\xd8\xff\xe0\x00\x10JFIF" * 100)
    answer = staff.post("/numbers/upload/", {"file": file})
    assert "UTF-8" in answer.content.decode()


def test_a_file_must_be_chosen(staff):
    assert "Choose a file" in staff.post("/numbers/upload/").content.decode()
