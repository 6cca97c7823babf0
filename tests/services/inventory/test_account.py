"""One database, one API host, one account: another one changes nothing, and a person is asked."""

import pytest

from numbers.fluents import FluentsError
from numbers.models import Agent, Connection, Event, Gate, Line, Number, SyncRequest, SyncState
from numbers.permissions import Role
from numbers.services import fluents_client
from numbers.services.fluents_client import WrongAccount
from numbers.services.inventory import account
from numbers.services.inventory.account import TooManyGone
from numbers.services.inventory.sync import sync
from numbers.services.spending import gate
from numbers.states import LineState, NumberStatus
from tests.management.test_commands import run
from tests.support.books import PERSON, go_on, line_of, posts, rest
from tests.support.people import person

pytestmark = pytest.mark.django_db
S = LineState


def a_minute_later() -> None:
    """The account is asked for again."""
    fluents_client.forget()


def other_account() -> None:
    """The token is of another account than the records, which is the same as the other way round."""
    SyncState.objects.update(user_id="account-2")
    a_minute_later()


def copies() -> list:
    return [list(kind.objects.order_by("pk").values()) for kind in (Connection, Agent, Number)]


@pytest.fixture
def synced(fluents):
    fluents.control("reset", {"numbers": 30})
    sync()
    return fluents


def lose(sandbox, count: int) -> None:
    for e164 in sandbox.owned()[:count]:
        sandbox.call("DELETE", "/_sandbox/numbers", params={"phone_number": e164})


def test_the_first_sync_says_whose_records_these_are(synced):
    row = SyncState.objects.get()
    [owner] = {item["user_id"] for item in synced.get("/v1/numbers/list").json()["items"]}
    assert (row.api_host, row.user_id, row.doubt) == ("127.0.0.1", owner, {})
    assert not Gate.objects.get().paused


def test_an_account_without_numbers_is_known_by_its_agents(fluents):
    sync()
    assert SyncState.objects.get().user_id == fluents.get("/v1/agents/list").json()["items"][0]["user_id"]


def test_another_account_changes_nothing_pauses_buying_and_asks(synced):
    other_account()
    synced.control("numbers", {"area_code": "206"})
    before = copies()
    with pytest.raises(WrongAccount):
        sync()
    row = Gate.objects.get()
    assert (row.paused, SyncState.objects.get().doubt["kind"]) == (True, "account")
    assert row.pause_reason.startswith(
        "Our records belong to account account-2, but the settings point to account "
    )
    assert SyncState.objects.get().error == row.pause_reason
    told = Event.objects.latest("pk")
    assert (told.action, told.reason) == ("gate.paused", row.pause_reason)
    assert copies() == before


def test_another_host_is_noticed_without_asking_it(synced, settings):
    settings.FLUENTS_API_URL = synced.url.replace("127.0.0.1", "localhost")
    asked = len(synced.requests())
    with pytest.raises(WrongAccount) as wrong:
        sync()
    assert "to 127.0.0.1, but the settings point to localhost" in wrong.value.user_message
    assert (len(synced.requests()), SyncState.objects.get().doubt["host"]) == (asked, "localhost")


def test_nothing_is_bought_for_another_account(synced):
    line = line_of(synced)
    other_account()
    line = go_on(line)
    assert (line.state, posts(synced), Gate.objects.get().paused) == (S.PLANNED, [], True)
    assert "Nothing was sent" in line.reason


def test_a_number_that_was_chosen_for_one_account_is_not_bought_for_another(synced):
    from numbers.services.purchasing.selection import choose  # noqa: PLC0415
    from numbers.services.purchasing.transitions import claim  # noqa: PLC0415

    line = choose(claim(line_id=line_of(synced).pk))
    other_account()
    line = go_on(line)
    assert (line.state, posts(synced)) == (S.RESERVED, [])


def test_what_another_account_does_not_list_is_no_absence(synced):
    synced.control("faults", ["reset_before"])
    line = go_on(line_of(synced))
    ours = SyncState.objects.get().user_id
    other_account()
    for _ in range(12):
        line = go_on(line)
    assert (line.state, line.absences, len(posts(synced))) == (S.UNKNOWN, 0, 1)
    assert SyncState.objects.get().doubt["kind"] == "account"
    SyncState.objects.update(user_id=ours, doubt={})
    Gate.objects.update(paused=False)
    a_minute_later()
    assert rest(line).state == S.BOUGHT


def test_many_numbers_that_are_gone_at_once_are_asked_about_and_nothing_changes(synced):
    lose(synced, 11)
    synced.call("DELETE", "/_sandbox/agents", params={"id": Agent.objects.first().api_id})
    before = copies()
    with pytest.raises(TooManyGone):
        sync()
    row = Gate.objects.get()
    assert row.pause_reason == "Fluents lists 11 of our 30 numbers as gone. Nothing was changed."
    assert (row.paused, SyncState.objects.get().doubt["count"]) == (True, 11)
    assert copies() == before


@pytest.mark.parametrize(("owned", "lost"), [(30, 10), (130, 13)])
def test_ten_numbers_or_a_tenth_are_believed_to_be_gone(fluents, owned, lost):
    fluents.control("reset", {"numbers": owned})
    sync()
    lose(fluents, lost)
    assert sync().gone == lost
    assert Gate.objects.get().paused is False


def test_a_hundred_and_thirty_less_fourteen_are_asked_about(fluents):
    fluents.control("reset", {"numbers": 130})
    sync()
    lose(fluents, 14)
    with pytest.raises(TooManyGone):
        sync()


def test_buying_is_not_opened_while_a_question_is_open(synced):
    lose(synced, 11)
    with pytest.raises(FluentsError):
        sync()
    with pytest.raises(gate.NotOpened, match="Accept this"):
        gate.open_gate(by=PERSON, reason="Never mind.")
    assert Gate.objects.get().paused


def test_who_accepts_that_numbers_are_gone_has_them_marked_and_then_opens(synced):
    lose(synced, 11)
    with pytest.raises(FluentsError):
        sync()
    account.accept(by=PERSON, reason="We gave them up.")
    assert sync().gone == 11
    assert Number.objects.filter(status=NumberStatus.GONE).count() == 11
    row = SyncState.objects.get()
    assert (row.doubt, row.gone_accepted, Gate.objects.get().paused) == ({}, 0, True)
    gate.open_gate(by=PERSON, reason="Done.")
    told = Event.objects.get(action="sync.accepted")
    assert (told.reason, told.actor_name, told.after["count"]) == ("We gave them up.", "bob", 11)


def test_who_accepts_another_account_makes_the_records_its(synced):
    theirs = SyncState.objects.get().user_id
    other_account()
    with pytest.raises(FluentsError):
        sync()
    account.accept(by=PERSON, reason="We have moved.")
    sync()
    assert SyncState.objects.get().user_id == theirs


def test_a_mistake_that_is_put_right_needs_no_acceptance(synced):
    ours = SyncState.objects.get().user_id
    other_account()
    with pytest.raises(FluentsError):
        sync()
    SyncState.objects.update(user_id=ours)
    sync()
    assert SyncState.objects.get().doubt == {}
    gate.open_gate(by=PERSON, reason="It was the old token.")
    with pytest.raises(account.NothingToAccept):
        account.accept(by=PERSON, reason="Late.")


def test_the_command_accepts_and_syncs(synced):
    lose(synced, 11)
    assert run("sync")[0] == 1
    assert run("sync", "--accept")[0] == 2
    person("ann", Role.ASSIGNER)
    assert run("sync", "--accept", "--reason", "Gave them up.", "--as", "ann")[0] == 2
    assert SyncState.objects.get().doubt
    status, out, _ = run("sync", "--accept", "--reason", "Gave them up.")
    assert (status, "11 gone" in out) == (0, True)
    status, _, err = run("sync", "--accept", "--reason", "Again.")
    assert (status, err) == (2, "There's nothing to accept. The last sync raised no questions.\n")


def test_the_page_asks_and_takes_the_answer(synced, staff):
    lose(synced, 11)
    with pytest.raises(FluentsError):
        sync()
    page = staff.get("/gate/").text
    assert "Fluents lists 11 of our 30 numbers as gone." in page
    assert 'action="/gate/accept/"' in page
    assert 'action="/gate/switch/"' not in page
    answer = staff.post("/gate/switch/", {"to": "open", "reason": "Never mind."})
    assert (answer.status_code, Gate.objects.get().paused) == (422, True)
    assert "before resuming" in answer.text
    assert staff.post("/gate/accept/", {"reason": ""}).status_code == 422
    assert staff.post("/gate/accept/", {"reason": "We gave them up."}).status_code == 302
    row = SyncState.objects.get()
    assert (row.doubt, row.gone_accepted) == ({}, 11)
    assert SyncRequest.objects.filter(finished_at=None).exists()
    assert 'action="/gate/switch/"' in staff.get("/gate/").text


def test_who_may_not_open_the_gate_sees_who_may(synced, client):
    lose(synced, 11)
    with pytest.raises(FluentsError):
        sync()
    client.force_login(person("eve", Role.BUYER))
    page = client.get("/gate/").text
    assert "can accept this" in page
    assert "they're gone" not in page
    assert client.post("/gate/accept/", {"reason": "I say so."}).status_code == 403
    assert Line.objects.count() == 0


def test_who_may_accept_but_not_sync_accepts_and_the_product_syncs(synced, client):
    lose(synced, 11)
    with pytest.raises(FluentsError):
        sync()
    client.force_login(person("ann", Role.APPROVER))
    answer = client.post("/gate/accept/", {"reason": "We gave them up."})
    assert (answer.status_code, SyncState.objects.get().doubt) == (302, {})
    assert SyncRequest.objects.get(finished_at=None).requested_by is None
