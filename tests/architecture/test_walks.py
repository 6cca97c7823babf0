"""The four walks of docs/architecture.md: short, and through files whose code really runs on the way."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from numbers.models import Agent, Connection, Line, Number, Plan
from numbers.services.inventory.sync import sync
from numbers.services.worker import Worker
from numbers.states import PlanState
from tests.support.stack import ROOT
from tests.views.test_buying import fields

MOST = {"area code": 22, "number": 12, "bulk assignment": 15, "search": 5}
PAGE = (ROOT / "docs/architecture.md").read_text()
FOLDERS = ("", "numbers", "numbers/services")


def walk(name: str) -> list[str]:
    """The files of a walk, as paths from the root, in the order of the page."""
    [(count, text)] = re.findall(rf"(?m)^\*\*An? {name}.*?: (\d+)\.\*\*((?:.+\n)+)", PAGE)
    named = re.findall(r"`([\w/]+\.(?:py|html))`", text)
    assert len(named) == int(count)
    return [
        str(next(path for folder in FOLDERS if (path := ROOT / folder / file).exists()).relative_to(ROOT))
        for file in named
    ]


@contextmanager
def followed() -> Iterator[set[str]]:
    """Our files of which a function is called meanwhile."""
    found: set[str] = set()

    def called(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and (file := frame.f_code.co_filename).startswith(str(ROOT)):
            found.add(file.removeprefix(f"{ROOT}/"))

    sys.setprofile(called)
    try:
        yield found
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize(("name", "most"), MOST.items())
def test_a_walk_is_short(name, most):
    files = walk(name)
    assert len(set(files)) == len(files) <= most


@pytest.mark.django_db(transaction=True)
def test_the_walks_go_where_the_page_says(staff, fluents):
    fluents.control("reset", {"numbers": 3})
    with followed() as read:
        sync()
        staff.get("/numbers/")
    with followed() as searched:
        staff.get("/numbers/?q=415")
    shown = fields(staff.get("/orders/new/"), "purchase-form")
    wanted = {
        "telephony_provider": "twilio",
        "telephony_account_connection": Connection.objects.filter(telephony_provider="twilio")[0].api_id,
        "area_code": "415",
        "quantity": "1",
    }
    with followed() as bought:
        step = staff.post("/orders/new/", shown | wanted, follow=True)
        order = staff.post("/orders/new/", fields(step, "confirm-form") | {"confirmed": "1"})["Location"]
        Worker(in_flight=1, alone=True).until_idle()
        staff.get(order)
    assert Line.objects.get().number
    chosen = {"do": "assign", "agent": Agent.objects.last().api_id, "all": "1"}
    Number.objects.update(agent=None)
    with followed() as assigned:
        plan = staff.post("/plans/new/", chosen)["Location"]
        staff.get(plan)
        staff.post(f"{plan}apply/")
        Worker(in_flight=1, alone=True).until_idle()
    assert Plan.objects.get().state == PlanState.DONE
    ran = {"area code": bought, "number": read, "bulk assignment": assigned, "search": searched}
    for name, files in ran.items():
        assert {file for file in walk(name) if file.endswith(".py")} - files == set()
