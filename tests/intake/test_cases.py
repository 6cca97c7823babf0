"""Every case of the tables in README.md, by every way in which such a value comes in."""

import csv
import io
from collections.abc import Callable

import pytest
from django.db import transaction
from django.utils import timezone

from numbers.forms.numbers import AgentField, BulkForm, LinkForm, NumberForm
from numbers.forms.orders import WantForm
from numbers.forms.review import DecisionForm
from numbers.models import Agent, Connection, Number, Order, Plan
from numbers.services.orders.csv_import import read_wants
from numbers.services.orders.items import Want, warnings_about
from numbers.services.plans.csv_import import read_changes
from numbers.services.plans.rows import values_of
from numbers.states import LineState
from numbers.telephony.numbering_plan import NotForSale
from numbers.telephony.phone import check_for_sale
from tests.intake.cases import table, written
from tests.management.test_commands import buy, run
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db
OURS = "+14155550100"
WANT = {
    "telephony_provider": "twilio",
    "telephony_account_connection": "main",
    "area_code": "415",
    "phone_number": "",
    "quantity": "1",
    "inbound_agent": "",
    "label": "",
    "tags": "",
}


@pytest.fixture(autouse=True)
def books():
    """A connection, the agents that README.md names, and a number that is ours."""
    now = timezone.now()
    Connection.objects.create(api_id="main", label="Main", telephony_provider="twilio", synced_at=now)
    names = ["Reception", "Zo\xe9\u2019s  Line", "Twin", "twin", "", "Night \u2013 desk"]
    for n, name in enumerate(names, start=1):
        label = "" if name else "Sales team"
        Agent.objects.create(api_id=f"a-{n}", name=name, label=label, synced_at=now)
    Number.objects.create(e164=OURS, label="Old", description="Old")


# --- Ways in --------------------------------------------------------------------------------


def form(field: str, typed: str) -> Want | str:
    """The purchase form."""
    filled = WantForm(WANT | alone(field, typed))
    assert field not in filled.fields or filled[field].value() == typed, "what was typed is gone"
    return filled.want() if filled.is_valid() else refusal(field, filled.errors)


def file(field: str, typed: str) -> Want | str:
    """A file of wants."""
    row = {"area_code": "415", field: typed} if field not in ("area_code", "phone_number") else {field: typed}
    wants, mistakes = read_wants(csv_of(row))
    return wants[0] if wants else told(mistakes, "agent" if field == "inbound_agent" else field)


def command(field: str, typed: str) -> Want | str:
    """`buy`, which orders nothing of what is only checked."""
    what = [] if field in ("area_code", "phone_number") else ["--area-code=415"]
    if field == "tags":
        options = [f"--tag={tag}" for tag in typed.split(",")]
    else:
        options = [f"--{field.replace('_', '-')}={typed}"]
    status, _, err = buy(*what, *options, "--yes")
    if status == 2:
        assert not Order.objects.exists()
        return "refused: " + err.partition(": ")[2].removesuffix("\n")
    line = Order.objects.get().lines.select_related("agent").first()
    return Want(
        area_code=line.area_code,
        phone_number=line.wanted_number,
        quantity=Order.objects.get().quantity,
        inbound_agent=line.agent.api_id if line.agent else "",
        label=line.label,
        tags=line.tags,
    )


def number_form(field: str, typed: str) -> dict | str:
    """The form of a number."""
    number = Number.objects.get(e164=OURS)
    values = values_of(number)
    stamp = NumberForm(values=values).stamp
    sent = NumberForm.as_typed(values) | {"seen": stamp, field: typed}
    filled = NumberForm(sent, values=values)
    return values | filled.changes if filled.is_valid() else refusal(field, filled.errors)


def changes_file(field: str, typed: str) -> dict | str:
    """A file of changes."""
    wanted, mistakes = read_changes(csv_of({"number": OURS, field: typed}))
    return values_of(Number.objects.get(e164=OURS)) | wanted[0][1] if wanted else told(mistakes, field)


def label_command(field: str, typed: str) -> dict | str:
    """`label` and `assign`."""
    if field == "agent":
        status, _, err = run("assign", OURS, f"--agent={typed}")
    else:
        status, _, err = run("label", OURS, f"--{field}={typed}")
    if status == 2:
        return "refused: " + err.removesuffix("\n").removesuffix(" Try `manage.py sync` first.")
    return values_of(Number.objects.get(e164=OURS)) | Plan.objects.latest("pk").rows.get().after


def alone(field: str, typed: str) -> dict:
    return {"area_code": "", field: typed} if field == "phone_number" else {field: typed}


def csv_of(row: dict[str, str]) -> io.BytesIO:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, row)
    writer.writeheader()
    writer.writerow(row)
    return io.BytesIO(text.getvalue().encode())


def told(mistakes: list, column: str) -> str:
    """The one mistake, which names row and column."""
    [mistake] = mistakes
    assert (mistake.row, mistake.column) == (2, column)
    return f"refused: {mistake.text}"


def refusal(field: str, errors: dict) -> str:
    assert list(errors) == [field]
    return f"refused: {errors[field][0]}"


# --- The tables -----------------------------------------------------------------------------


def quoted(text: str) -> str:
    return f"`{text}`"


def area_of(want: Want) -> str:
    doubts = warnings_about([want])
    return ", confirm: ".join([quoted(want.area_code), *doubts])


def agent_of(api_id: str) -> str:
    return quoted(api_id) if api_id else "nobody"


def tags_of(tags: list[str]) -> str:
    return " ".join(quoted(written(tag)) for tag in tags) or "nothing"


WAYS: list[tuple[str, str, Callable, Callable]] = [
    *(("Phone numbers to buy", "phone_number", way, lambda want: quoted(want.phone_number))
      for way in (form, file, command)),
    *(("Area codes", "area_code", way, area_of) for way in (form, file, command)),
    *(("Quantities", "quantity", way, lambda want: str(want.quantity)) for way in (form, file, command)),
    *(("Labels", "label", way, lambda want: quoted(written(want.label))) for way in (form, file, command)),
    *(("Labels", "label", way, lambda values: quoted(written(values["label"])))
      for way in (number_form, changes_file, label_command)),
    *(("Descriptions", "description", way, lambda values: quoted(written(values["description"])))
      for way in (number_form, changes_file, label_command)),
    *(("Tags", "tags", way, lambda want: tags_of(want.tags)) for way in (form, file)),
    *(("Tags", "tags", way, lambda values: tags_of(values["tags"])) for way in (number_form, changes_file)),
    *(("Agents", "inbound_agent", way, lambda want: agent_of(want.inbound_agent))
      for way in (form, file, command)),
    *(("Agents", "agent", way, lambda values: agent_of(values["agent"]))
      for way in (changes_file, label_command)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "field", "way", "shown"), WAYS, ids=lambda part: getattr(part, "__name__", part)
)
def test_every_value_is_read_alike_by_every_way(title, field, way, shown):
    wrong = []
    for typed, expected in table(title):
        with transaction.atomic():
            found = way(field, typed)
            transaction.set_rollback(True)
        found = found if isinstance(found, str) else shown(found)
        if found == "refused: Null characters are not allowed." and expected.startswith("refused: "):
            continue  # Django's own words
        if found != expected:
            wrong.append((typed, expected, found))
    assert wrong == []


def test_a_number_that_is_ours_is_found_however_it_is_written():
    """Also where it could not be bought; only what is never a number is refused."""
    line = bare_line(LineState.REVIEW)
    for typed, expected in table("Phone numbers to buy"):
        e164 = expected.strip("`")
        if expected.startswith("refused"):
            assert read_changes(csv_of({"number": typed}))[0] == []
            continue
        number, _ = Number.objects.get_or_create(e164=e164)
        assert read_changes(csv_of({"number": typed})) == ([(number.pk, {})], []), typed
        told = {"decision": "bought", "phone_number": typed, "reason": "I saw it"}
        assert DecisionForm(told, line=line).is_valid()
        assert "phone_number" not in LinkForm({"phone_number": typed}).errors


@pytest.mark.parametrize(
    "e164", ["+18005550100", "+12425550100", "+19005550100", "+10005550100", "+442079460958"]
)
def test_what_fluents_lists_is_ours_whatever_its_country(e164):
    number = Number.objects.create(e164=e164)
    assert read_changes(csv_of({"number": e164, "label": "x"})) == ([(number.pk, {"label": "x"})], [])
    if e164.startswith("+1"):
        with pytest.raises(NotForSale):
            check_for_sale(e164)


def test_the_field_of_the_list_finds_agents_alike():
    for typed, expected in table("Agents"):
        field = AgentField(required=False)
        if expected.startswith("refused") and "\x00" not in typed:
            with pytest.raises(Exception, match="agent"):
                field.clean(typed)
        elif "\x00" not in typed:
            assert (field.clean(typed) or "nobody") == expected.strip("`"), typed


def test_the_bar_under_the_list_reads_labels_and_tags_alike():
    for typed, expected in table("Labels"):
        filled = BulkForm({"do": "label", "label": typed})
        assert filled.is_valid() != expected.startswith("refused"), typed
    for typed, expected in table("Tags"):
        filled = BulkForm({"do": "tags", "tags_add": typed})
        assert filled.is_valid() == (expected != "nothing" and not expected.startswith("refused")), typed
