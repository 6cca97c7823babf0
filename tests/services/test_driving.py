"""Lines that one task drives, one after the other."""

import pytest
from django_tasks_db.models import DBTaskResult

from numbers.models import Line
from numbers.services import driving
from numbers.services.driving import drive_all, ring
from numbers.states import LineState
from tests.books import bare_line, line_of, posts

pytestmark = pytest.mark.django_db
S = LineState


def searches(fluents) -> int:
    return len(fluents.requests(path="/v1/numbers/available"))


def rung() -> list[list[int]]:
    tasks = [task.args_kwargs["kwargs"] for task in DBTaskResult.objects.all()]
    return sorted(kwargs.get("line_ids") or [kwargs["line_id"]] for kwargs in tasks)


def test_lines_of_one_area_share_a_search_and_each_looks_its_own_number_up(fluents, settings):
    settings.GATE_RATE = 0
    lines = [line_of(fluents) for _ in range(4)]
    drive_all(line_ids=[line.pk for line in lines])
    rows = Line.objects.filter(pk__in=[line.pk for line in lines])
    assert {row.state for row in rows} == {S.BOUGHT}
    numbers = {row.phone_number for row in rows}
    assert len(numbers) == 4
    assert searches(fluents) == 1
    looked_up = {request["query"]["phone_number"] for request in fluents.requests(path="/v1/numbers")}
    assert looked_up == numbers
    assert len(posts(fluents)) == 4


def test_a_shared_search_that_is_used_up_or_held_by_others_is_made_again(fluents, settings):
    settings.GATE_RATE = 0
    fluents.control("config", {"stock_per_area_code": {"415": 2}})
    lines = [line_of(fluents) for _ in range(3)]
    drive_all(line_ids=[line.pk for line in lines])
    states = [Line.objects.get(pk=line.pk).state for line in lines]
    assert states == [S.BOUGHT, S.BOUGHT, S.PLANNED]
    assert searches(fluents) == 2


def test_lines_that_are_driven_later_do_not_share_it(fluents, settings):
    settings.GATE_RATE = 0
    for _ in range(2):
        drive_all(line_ids=[line_of(fluents).pk])
    assert searches(fluents) == 2


def test_there_are_no_fewer_tasks_than_purchases_may_be_in_flight(settings):
    settings.GATE_IN_FLIGHT = 3
    ids = [bare_line().pk for _ in range(7)]
    ring(ids)
    assert rung() == [ids[0:2], ids[2:4], ids[4:6], ids[6:7]]
    assert driving.portion_of(10_000) == driving.MOST_A_TASK


def test_what_is_left_when_a_line_took_long_is_rung_again(monkeypatch, settings):
    settings.GATE_IN_FLIGHT = 1
    monkeypatch.setattr(driving, "SLICE", -1)
    ids = [bare_line(S.CANCELLED).pk for _ in range(3)]
    drive_all(line_ids=ids)
    assert rung() == [ids[1:]]
