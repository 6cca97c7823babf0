"""A line of an order that asks for it is called once when it is bought, whatever happens."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command

from numbers.db.clock import db_now
from numbers.listing.export import receipt_rows
from numbers.models import Agent, Attempt, CallEndpoint, Event, Line, Number, Order, Proof
from numbers.services.calls import proofs
from numbers.services.orders import evidence, line_proofs
from numbers.services.orders.approvals import digest_of, lines_of
from numbers.services.orders.items import Want
from numbers.services.orders.placement import rehearse
from numbers.services.purchasing.recovery import check_journal
from numbers.services.scheduler import Scheduler
from numbers.services.spending import gate, journal
from tests.support.books import forget, order, rest
from tests.support.calls import PLACED_AT, callable_fleet, carry_calls, killed_at, posts, probe

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(fluents, settings, monkeypatch):
    return callable_fleet(fluents, settings, monkeypatch)


def ordered(fleet, **more) -> Order:
    """An order of lines that are called from `probe`, once bought."""
    agent = Agent.objects.order_by("pk")[0].api_id
    return order(fleet, **{"prove_from": probe().e164, "inbound_agent": agent, **more})


def bought(fleet, **more) -> Line:
    return rest(ordered(fleet, **more).lines.get())


def work() -> None:
    """Ask for the calls that are due, and have them carried out until each has its verdict."""
    line_proofs.ask_for_calls()
    carry_calls()


def told(line: Line) -> tuple[str, str]:
    found = Line.objects.select_related("order", "number__agent", "proof").get(pk=line.pk)
    about = line_proofs.Outlook().of(found)
    return (about.word, about.reason) if about else ("", "")


def placed(fleet) -> list[dict]:
    return fleet.control("calls", method="GET")["placed"]


def test_each_line_is_called_once_after_it_is_bought(fleet):
    placed_order = ordered(fleet, quantity=2)
    line_proofs.ask_for_calls()
    assert Proof.objects.count() == 0
    assert placed_order.proving
    lines = [rest(line) for line in placed_order.lines.all()]
    assert told(lines[0]) == ("waiting", "It's called within seconds.")
    for _ in range(3):
        work()
    assert [told(line)[0] for line in lines] == ["answers", "answers"]
    assert told(lines[0])[1] == f"{lines[0].number.agent} answered."
    assert posts(fleet) == 2
    assert {call["request_id"] for call in placed(fleet)} == {str(row.key) for row in Proof.objects.all()}
    placed_order.refresh_from_db()
    assert (placed_order.proving, placed_order.prove_from) == (False, probe().e164)
    assert Proof.objects.first().asked_by == "bob"


def test_a_worker_s_rounds_do_it_without_being_told(fleet):
    line = bought(fleet)
    Scheduler(keeper=False).round()
    assert Proof.objects.get().line == line


@pytest.mark.parametrize(
    ("fault", "verdict"), [("wrong_agent", "wrong"), ("no_answer", "silent"), ("reset_before", "unclear")]
)
def test_what_else_comes_of_it_is_told_and_not_tried_again(fleet, settings, fault, verdict):
    line = bought(fleet)
    fleet.fault(fault, path=PLACED_AT)
    settings.SETTLE_WINDOW = 0 if verdict == "unclear" else settings.SETTLE_WINDOW
    for _ in range(2):
        work()
    assert (told(line)[0], posts(fleet)) == (verdict, 1)


def test_orders_that_do_not_ask_for_it_are_not_tested(fleet):
    line = bought(fleet, prove_from="")
    work()
    assert (told(line), Proof.objects.count(), line.order.proving) == (("", ""), 0, False)


def test_a_line_that_is_not_bought_is_not_tested_and_its_order_waits_for_nothing(fleet):
    fleet.fault("status", path="/v1/numbers/buy", status=400, message="No", times=99)
    line = rest(ordered(fleet, phone_number=fleet.offered()[0]).lines.get())
    assert line.state == "failed"
    work()
    line.order.refresh_from_db()
    assert (told(line), Proof.objects.count(), line.order.proving) == (("", ""), 0, False)


def test_a_line_waits_for_an_agent(fleet):
    line = bought(fleet, inbound_agent="")
    work()
    assert told(line) == ("waiting", "No agent is assigned, so no one could answer.")
    Number.objects.filter(pk=line.number_id).update(agent=Agent.objects.order_by("pk")[0])
    line_proofs.ask_for_calls()
    assert Proof.objects.get().line == line


def test_a_line_waits_for_its_working_hours(fleet, monkeypatch):
    line = bought(fleet)
    monkeypatch.setattr(proofs, "HOURS", range(0))
    monkeypatch.setattr(proofs, "why_asleep", lambda number: "It's 03:00 there.")
    work()
    assert (told(line), Proof.objects.count()) == (("waiting", "It's 03:00 there."), 0)
    monkeypatch.undo()
    monkeypatch.setattr(proofs, "HOURS", range(24))
    line_proofs.ask_for_calls()
    assert Proof.objects.count() == 1


def test_lines_wait_for_the_cap(fleet, settings):
    settings.PROOF_CALLS_PER_DAY = 1
    lines = [rest(line) for line in ordered(fleet, quantity=2).lines.all()]
    for _ in range(2):
        work()
    assert posts(fleet) == 1
    assert told(lines[1]) == ("waiting", "All test calls of the last 24 hours are used (1).")
    Proof.objects.update(asked_at=db_now() - timedelta(hours=25))
    work()
    assert (told(lines[1])[0], posts(fleet)) == ("answers", 2)


def test_lines_wait_while_buying_is_paused(fleet):
    line = bought(fleet)
    gate.pause(reason="To see")
    work()
    assert (told(line), Proof.objects.count()) == (("waiting", "Buying is paused: To see"), 0)


def test_few_are_asked_for_at_a_time(fleet, settings):
    settings.PROOF_CALLS_PER_DAY = 50
    for line in ordered(fleet, quantity=5).lines.all():
        rest(line)
    assert [line_proofs.ask_for_calls() for _ in range(3)] == [3, 0, 0]


@pytest.mark.parametrize("how", ["late", "released"])
def test_in_the_end_nobody_waits_any_more(fleet, how):
    line = bought(fleet, inbound_agent="")
    if how == "late":
        Line.objects.update(settled_at=db_now() - line_proofs.PATIENCE)
    else:
        Number.objects.filter(pk=line.number_id).update(status="released")
    line_proofs.ask_for_calls()
    assert not Order.objects.get().proving
    why = {"late": "No call could be made within 30 days.", "released": "We no longer own this line."}
    assert told(line) == ("missed", why[how])


@pytest.mark.parametrize("point", ["proof.asked", "proof.written", "proof.committed", "proof.answered"])
def test_a_worker_that_dies_anywhere_makes_no_second_call(fleet, settings, point):
    line = bought(fleet)
    with killed_at(point):
        work()
    settings.SETTLE_WINDOW = 0 if point == "proof.committed" else settings.SETTLE_WINDOW
    for _ in range(2):
        work()
    left = point != "proof.committed"  # else nobody knows whether it left, and it is not sent again
    assert (Proof.objects.count(), posts(fleet)) == (1, left)
    assert told(line)[0] == ("answers" if left else "unclear")


def forgotten() -> None:
    """The database is one from before the call."""
    Proof.objects.all().delete()
    Order.objects.update(proving=True)


def test_a_restored_database_makes_no_call_that_the_journal_has(fleet):
    line = bought(fleet)
    work()
    key = Proof.objects.get().key
    forgotten()
    work()
    assert (Proof.objects.get().key, posts(fleet)) == (key, 1)
    assert told(line) == (
        "unclear",
        "The call was made before the database was restored. It isn't made again.",
    )


def test_an_order_that_was_rebuilt_from_the_journal_keeps_the_choice(fleet):
    bought(fleet)
    work()
    Proof.objects.all().delete()
    forget()
    for kind in (Attempt, Line, Order):
        kind.objects.all().delete()
    assert not check_journal(whole=True)
    rebuilt = Order.objects.get()
    assert (rebuilt.prove_from, rebuilt.proving) == (probe().e164, True)
    line = rest(rebuilt.lines.get())
    gate.open_gate(by=proofs.SYSTEM, reason="Compared")
    work()
    assert (posts(fleet), told(line)[0]) == (1, "unclear")


def test_nor_one_that_is_in_another_machine_s_journal(fleet, monkeypatch):
    line = bought(fleet)
    work()
    forgotten()
    monkeypatch.setattr(journal, "has_call", lambda *args, **about: False)
    gate.pause(reason="Restored", books_doubted=True)
    gate.open_gate(by=proofs.SYSTEM, reason="Compared")
    work()
    assert (posts(fleet), told(line)) == (
        1,
        (
            "unclear",
            "Fluents lists a call between these lines that our records don't have. It isn't made again.",
        ),
    )


def test_after_a_restore_a_line_that_nobody_has_called_is_called(fleet):
    line = bought(fleet)
    gate.pause(reason="Restored", books_doubted=True)
    gate.open_gate(by=proofs.SYSTEM, reason="Compared")
    work()
    assert (posts(fleet), told(line)[0]) == (1, "answers")


@pytest.mark.parametrize(
    ("why", "prepare"),
    [
        ("We don't own the line to call from.", lambda: Number.objects.filter(pk=probe().pk).delete()),
        ("No agent is assigned to", lambda: Number.objects.filter(pk=probe().pk).update(agent=None)),
        ("We no longer own", lambda: Number.objects.filter(pk=probe().pk).update(status="gone")),
        (
            "doesn't place calls",
            lambda: CallEndpoint.objects.update(exists=False, said="It doesn't place calls."),
        ),
    ],
)
def test_an_order_asks_only_for_what_can_be_done(fleet, why, prepare):
    e164 = probe().e164
    prepare()
    with pytest.raises(line_proofs.NotProvable, match=why):
        ordered(fleet, prove_from=e164)
    assert Order.objects.count() == 0
    assert Event.objects.filter(action="order.refused").exists()


def test_it_is_refused_where_test_calls_are_off(fleet, settings):
    settings.PROOF_CALLS_PER_DAY = 0
    with pytest.raises(line_proofs.NotProvable, match="Test calls are off"):
        ordered(fleet)
    with pytest.raises(line_proofs.NotProvable):
        rehearse(
            by=proofs.SYSTEM,
            telephony_provider="twilio",
            telephony_account_connection=fleet.connection,
            wants=[Want(area_code="415")],
            prove_from=probe().e164,
        )
    with pytest.raises(line_proofs.NotProvable):
        line_proofs.read_probe("nonsense")


def test_what_was_asked_for_is_sealed(fleet):
    placed_order = ordered(fleet)
    asked = digest_of(placed_order, lines_of(placed_order))
    assert list(evidence.faults()) == []
    Order.objects.update(prove_from="+14155559999")
    placed_order.refresh_from_db()
    assert digest_of(placed_order, lines_of(placed_order)) != asked
    assert len(list(evidence.faults())) == 1


def test_a_script_reads_how_far_it_is(fleet, capsys):
    line = bought(fleet)
    call_command("orders", json=True)
    row = json.loads(capsys.readouterr().out)
    assert (row["test_call"], row["test_call_reason"]) == ("waiting", "It's called within seconds.")
    work()
    call_command("orders")
    assert f"Test call: answers. {line.number.agent} answered." in capsys.readouterr().out
    (row,) = receipt_rows(line.order)
    assert (row["test_call"], row["test_call_reason"]) == ("answers", f"{line.number.agent} answered.")
