"""Label and tags that were ordered with a line: on our books at once, and the label at Fluents."""

import pytest

from numbers.models import Line, Number
from numbers.services.inventory.sync import sync
from numbers.states import LineState
from tests.support.books import line_of, rest

pytestmark = pytest.mark.django_db


def remote(fluents, e164: str) -> dict:
    return fluents.get("/v1/numbers", phone_number=e164).json()


def test_a_bought_number_has_its_label_and_tags_here_and_its_label_at_fluents(fluents):
    line = rest(line_of(fluents, label="Front desk", tags=["west", "2026"]))
    number = Number.objects.get()
    assert (line.state, number.label) == (LineState.BOUGHT, "Front desk")
    assert sorted(tag.name for tag in number.tags.all()) == ["2026", "west"]
    assert {"front desk", "west"} <= set(number.search_text.split("\n"))
    assert remote(fluents, number.e164)["label"] == "Front desk"
    sync()
    number.refresh_from_db()
    assert (number.drifted, number.label) == (False, "Front desk")


def test_a_label_that_fluents_does_not_take_stays_here_and_lands_in_the_drift_inbox(fluents):
    fluents.fault("status", path="/v1/numbers/update", method="POST", status=400, message="No labels today")
    line = rest(line_of(fluents, label="Front desk"))
    number = Number.objects.get()
    assert (line.state, number.label, remote(fluents, number.e164)["label"]) == (
        LineState.BOUGHT,
        "Front desk",
        "",
    )
    sync()
    number.refresh_from_db()
    assert number.drift == {"label": {"ours": "Front desk", "theirs": ""}}
    assert len(fluents.charges()) == 1


def test_a_line_without_a_label_tells_fluents_nothing(fluents):
    rest(line_of(fluents, tags=["west"]))
    assert Line.objects.get().number.tags.get().name == "west"
    assert fluents.requests(path="/v1/numbers/update", method="POST") == []
