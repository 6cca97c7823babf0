"""What a line waits for besides the gate: the look at Fluents, and numbers that nothing explains."""

import pytest

from numbers.db.memory import Remembered
from numbers.fluents import FluentsError
from numbers.models import Connection, Line, Number, SyncState
from numbers.services.inventory import holds
from numbers.services.inventory.sync import look, sync
from numbers.services.purchasing.attribution import CannotAttribute, attribute
from numbers.services.purchasing.recovery import start_journal
from numbers.services.spending import obstacles
from numbers.states import LineState, Standing
from tests.support.books import PERSON, go_on, line_of, posts, rest, run_worker_until_idle

pytestmark = pytest.mark.django_db
S = LineState


def foreign(fluents, area_code: str = "415", **fields) -> str:
    """A number at Fluents that nobody here has bought."""
    fields = {"telephony_account_connection": fluents.connection} | fields
    return fluents.control("numbers", {"area_code": area_code, **fields})["number"]


def standings() -> dict[str, str]:
    return dict(Number.objects.values_list("e164", "standing"))


# --- The look -------------------------------------------------------------------------------


def test_nothing_is_sent_after_a_start_until_fluents_was_looked_at(fluents):
    start_journal()
    line = go_on(line_of(fluents))
    assert (line.state, line.reason, posts(fluents)) == (S.PLANNED, obstacles.LOOKING, [])
    look()
    assert rest(line).state == S.BOUGHT


def test_a_line_says_what_kept_fluents_from_being_read(fluents):
    line = line_of(fluents)
    start_journal()
    fluents.fault("error_before", path="/v1/numbers/list", times=100)
    with pytest.raises(FluentsError) as failure:
        look()
    assert go_on(line).reason == f"{failure.value.user_message} {obstacles.LOOKING}"
    fluents.control("faults", method="DELETE")
    look()
    assert rest(line).state == S.BOUGHT


def test_a_look_from_before_the_start_does_not_count(fluents):
    look()
    start_journal()
    assert obstacles.must_look() is True
    look()
    assert obstacles.must_look() is False
    start_journal()
    assert obstacles.must_look() is True


def test_a_sync_is_no_look(fluents):
    """It lets nothing hold lines, so it must not let them go either."""
    start_journal()
    sync()
    assert obstacles.must_look() is True


def test_who_was_not_started_as_a_worker_need_not_look(fluents):
    assert rest(line_of(fluents)).state == S.BOUGHT
    assert obstacles.must_look() is False


def test_a_look_that_fails_is_none(fluents):
    start_journal()
    fluents.fault("error_before", path="/v1/numbers/list", times=9)
    with pytest.raises(FluentsError):
        look()
    assert obstacles.must_look() is True


def test_a_look_at_a_list_that_shifts_meanwhile_is_none(fluents):
    """A number that it hides may be the purchase that the database has forgotten."""
    fluents.control("reset", {"numbers": 150})
    start_journal()
    fluents.fault("page_drift", times=9)
    with pytest.raises(FluentsError, match="moved while it was read"):
        look()
    assert obstacles.must_look() is True
    fluents.control("faults", method="DELETE")
    look()
    assert obstacles.must_look() is False


def test_an_api_that_cannot_be_asked_need_not_be_looked_at(fluents):
    fluents.control("config", {"only_buy": True})
    start_journal()
    look()
    assert obstacles.must_look() is False


def test_an_unknown_line_is_not_sent_again_before_the_look_either(fluents):
    fluents.control("faults", [{"fault": "reset_before"}])
    line = go_on(line_of(fluents))
    while line.state != S.UNKNOWN:
        line = go_on(line)
    start_journal()
    for _ in range(12):
        line = go_on(line)
    assert (line.state, line.reason, len(posts(fluents))) == (S.UNKNOWN, obstacles.LOOKING, 1)
    look()
    assert rest(line).state == S.BOUGHT


# --- Numbers that nothing explains ----------------------------------------------------------


def test_an_unexplained_number_holds_its_area_and_connection_alone(fluents):
    here, elsewhere = line_of(fluents), line_of(fluents, area_code="646")
    connections = fluents.get("/v1/account_connections/list").json()["items"]
    others = [
        each["id"] for each in connections if each["id"] != fluents.connection and "twilio" in each["type"]
    ]
    beside = line_of(fluents, telephony_account_connection=others[0])
    number = foreign(fluents)
    look()
    assert standings() == {number: Standing.HOLDS}
    here = go_on(here)
    assert (here.state, "Fluents has a number in area code 415" in here.reason) == (S.PLANNED, True)
    assert {rest(elsewhere).state, rest(beside).state} == {S.BOUGHT}
    assert len(posts(fluents)) == 2


def test_a_wanted_number_of_that_area_waits_as_well(fluents):
    offered = fluents.offered("415")[0]
    line = line_of(fluents, phone_number=offered)
    foreign(fluents)
    look()
    assert go_on(line).state == S.PLANNED
    assert posts(fluents) == []


def test_lines_are_bought_as_soon_as_a_person_has_decided(fluents, monkeypatch):
    lately = Remembered(obstacles.holders, seconds=5.0)
    lately.on = True
    monkeypatch.setattr(obstacles, "_holders_lately", lately)
    line = line_of(fluents)
    foreign(fluents)
    look()
    assert go_on(line).state == S.PLANNED
    holds.accept(number=Number.objects.get(), by=PERSON, reason="Bought in the console.")
    run_worker_until_idle()
    line.refresh_from_db()
    assert line.state == S.BOUGHT


def test_a_number_whose_connection_nobody_knows_holds_all_connections(fluents):
    line = line_of(fluents)
    foreign(fluents)
    look()
    Number.objects.update(connection=None)
    assert obstacles.stop_of(Line.objects.get(pk=line.pk)) is not None


def test_a_line_that_has_only_chosen_a_number_does_not_explain_it(fluents):
    """It may have bought it in a history that the database has forgotten."""
    number = fluents.offered("415")[0]
    line = line_of(fluents)
    Line.objects.filter(pk=line.pk).update(state=S.RESERVED, phone_number=number)
    fluents.control("numbers", {"number": number, "telephony_account_connection": fluents.connection})
    look()
    assert standings() == {number: Standing.HOLDS}


def test_what_a_line_is_just_finding_out_holds_nothing(fluents):
    fluents.control("faults", [{"fault": "reset_after"}])
    line = go_on(line_of(fluents))
    while line.state != S.UNKNOWN:
        line = go_on(line)
    look()
    assert Number.objects.count() == 0  # it comes onto the books as bought


def test_what_an_attempt_asked_for_holds_nothing_though_its_line_ended(fluents):
    fluents.control("faults", [{"fault": "wrong_number", "commit": "asked"}])
    first = rest(line_of(fluents))
    assert first.state == S.REVIEW
    second = line_of(fluents)
    look()
    assert Standing.HOLDS not in standings().values()
    assert rest(second).state == S.BOUGHT


def test_a_number_that_appears_while_a_worker_runs_holds_nothing_before_the_next_start(fluents):
    look()
    line = line_of(fluents)
    number = foreign(fluents)
    sync()
    assert standings() == {number: Standing.UNEXPLAINED}
    assert obstacles.stop_of(line) is None
    start_journal()
    look()
    assert standings() == {number: Standing.HOLDS}


def test_numbers_in_areas_without_open_lines_hold_nothing(fluents):
    rest(line_of(fluents))
    number = foreign(fluents)
    look()
    assert standings()[number] == Standing.UNEXPLAINED


# --- What people decide ---------------------------------------------------------------------


def test_an_accepted_number_lets_its_area_go_at_once(fluents):
    line = line_of(fluents)
    foreign(fluents)
    look()
    line = go_on(line)
    holds.accept(number=Number.objects.get(), by=PERSON, reason="Bought in the console.")
    assert Number.objects.get().standing == Standing.EXPLAINED
    assert Line.objects.due().filter(pk=line.pk).exists()
    assert rest(line).state == S.BOUGHT


def test_a_waived_number_stays_waived_at_the_next_start(fluents):
    line = line_of(fluents)
    foreign(fluents)
    look()
    holds.waive(number=Number.objects.get(), by=PERSON, reason="Nobody knows.")
    start_journal()
    look()
    assert rest(line).state == S.BOUGHT


def test_a_number_is_attributed_to_the_line_that_bought_it(fluents):
    line, number = line_of(fluents, label="Front desk"), foreign(fluents)
    look()
    attribute(number=Number.objects.get(), line_id=line.pk, by=PERSON, reason="On the invoice.")
    line = rest(line)
    bought = Number.objects.get()
    assert (line.state, line.phone_number, posts(fluents)) == (S.BOUGHT, number, [])
    assert (bought.standing, bought.label, bought.bought_by, bought.drift) == ("", "Front desk", "bob", {})


def test_a_number_is_not_attributed_to_a_line_that_cannot_have_bought_it(fluents):
    here, elsewhere = line_of(fluents), line_of(fluents, area_code="646")
    foreign(fluents)
    look()
    number = Number.objects.get()
    with pytest.raises(CannotAttribute, match="No waiting line"):
        attribute(number=number, line_id=elsewhere.pk, by=PERSON, reason="A guess.")
    holds.accept(number=number, by=PERSON, reason="Ours.")
    with pytest.raises(CannotAttribute, match="already explained"):
        attribute(number=number, line_id=here.pk, by=PERSON, reason="Too late.")


def test_the_first_reading_before_any_order_explains_all_numbers(fluents):
    fluents.control("reset", {"numbers": 3})
    sync()
    assert set(standings().values()) == {Standing.EXPLAINED}
    start_journal()
    line_of(fluents)
    look()
    assert set(standings().values()) == {Standing.EXPLAINED}


def test_the_first_reading_with_orders_is_accepted_in_one_act(fluents):
    fluents.control("reset", {"numbers": 3, "areas": {"415": 1}})
    line = line_of(fluents)
    look()
    assert (holds.baseline().count(), Number.objects.filter(drifted=True).count()) == (3, 0)
    assert holds.accept_baseline(by=PERSON, reason="A new installation.") == 3
    assert rest(line).state == S.BOUGHT
    assert SyncState.objects.get().looked_at is not None
    assert Connection.objects.exists()
