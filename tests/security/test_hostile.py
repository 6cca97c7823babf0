"""Whatever comes from outside: parsing ends in known shapes, forms in words beside a field, cells in text."""

import csv
import io
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import Response

from numbers.fluents import FluentsError, types
from numbers.fluents.transport import error_text, parse, retry_after
from numbers.forms.orders import WantForm
from numbers.services.csv_tables import csv_lines

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(["\x00", "\ud800", "<script>", "=1+1", "+14155550123", "a" * 5000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
FIELDS = [
    "id", "number", "label", "description", "tags", "inbound_agent", "inbound_agent_name", "type", "name",
    "active", "telephony_provider", "telephony_account_connection", "message", "detail",
]  # fmt: skip
ANSWER = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def words(value: object) -> list[str]:
    if isinstance(value, dict):
        return [word for part in value.values() for word in words(part)]
    if isinstance(value, list | tuple):
        return [word for part in value for word in words(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("kind", [types.RemoteNumber, types.Agent, types.Connection])
@quick
@given(data=ANSWER)
def test_an_answer_of_any_shape_is_refused_or_becomes_short_text_that_a_database_takes(kind, data):
    try:
        thing = kind.from_json(data)
    except ValueError:
        return
    for word in words({name: getattr(thing, name) for name in kind.__dataclass_fields__}):
        assert len(word.encode()) <= 4000
        assert "\x00" not in word


DIGITS = st.text("0123456789", min_size=5, max_size=17)
WRITTEN = st.one_of(
    DIGITS,
    st.tuples(st.sampled_from(["+", "", "tel:+", "(", "00"]), DIGITS, st.sampled_from(["", " x12", ",,9"]))
    .map("".join),
    st.lists(DIGITS, min_size=1, max_size=3).map(" ".join),
    st.lists(DIGITS, min_size=1, max_size=3).map("/".join),
    st.integers(),
    st.floats(),
    JSON,
)  # fmt: skip


@given(value=WRITTEN)
@settings(max_examples=1000, deadline=None)
def test_no_number_is_invented(value):
    """What is read as a number has the digits that were sent, at most with the 1 of its country before."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    digits = re.sub(r"\D", "", str(whole), flags=re.ASCII)
    assert types.e164(value) in ("", f"+{digits}", f"+1{digits}")
    assert types.e164(value) == "" or isinstance(value, str | int | float)


@given(
    status=st.integers(200, 599), body=st.binary(max_size=200) | JSON.map(lambda x: json.dumps(x).encode())
)
def test_an_answer_of_any_kind_is_a_dict_or_an_error_of_ours(status, body):
    response = Response()
    response.status_code = status
    told, kept = "", {}
    try:
        data = parse(response, body, "test")
    except FluentsError as error:
        told, kept, data = error.detail, error.evidence, {}
    assert isinstance(data, dict)
    assert "\x00" not in told
    assert "\x00" not in json.dumps(kept)
    assert told.encode() is not None


@quick
@given(value=st.text(max_size=40) | st.floats().map(str) | st.integers().map(str))
def test_any_pause_is_none_or_at_most_an_hour(value):
    pause = retry_after(value)
    assert pause is None or 0 <= pause <= 3600


@quick
@given(data=JSON)
def test_the_words_of_an_error_are_short(data):
    assert len(error_text(data)) <= 300


@pytest.mark.django_db
@settings(quick, max_examples=30)
@given(data=st.dictionaries(
    st.sampled_from([*WantForm.base_fields, "state", "price", "user", "order", "cost_once"]),
    st.text(max_size=60) | st.sampled_from(["\x00", "9" * 400, "٣", "²", "-1", "1e9", "+14155550123", "415"]),
))  # fmt: skip
def test_a_form_of_any_content_is_refused_in_words_or_asks_for_known_things_alone(data):
    form = WantForm(data)
    if form.is_valid():
        assert set(form.wanted()) <= {*WantForm.base_fields, "form_token"}
        assert 1 <= form.wanted()["quantity"] <= 1000
    else:
        assert all(str(error) for errors in form.errors.values() for error in errors)


CELLS = st.text(max_size=30) | st.sampled_from("=+-@\t\r\n").flatmap(lambda c: st.text().map(c.__add__))


@quick
@given(value=st.none() | CELLS)
def test_no_cell_of_a_csv_is_a_formula_and_none_becomes_two(value):
    written = "".join(csv_lines([{"a": value, "b": "x"}], ["a", "b"]))
    header, row = csv.reader(io.StringIO(written, newline=""))
    assert header == ["a", "b"]
    assert row[1:] == ["x"]
    assert row[0][:1] not in ("=", "@", "\t", "\r", "-", "+") or row[0].lstrip("+-").isdigit()
