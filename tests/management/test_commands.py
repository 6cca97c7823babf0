"""The commands that people script against, and the worker as the real processes that it is."""

import json
import os
import signal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError

import manage
from numbers.management.commands.buy import Command as Buy
from numbers.models import Event, Line, Number, Order
from numbers.states import LineState
from tests.support.books import bare_line, line_of, rest
from tests.support.calls import allow_test_calls
from tests.support.stack import Stack, wait_until
from tests.views.upkeep import agent, numbers

S = LineState
KEYS = [
    "order",
    "line",
    "state",
    "phone_number",
    "area_code",
    "attempts",
    "error",
    "requested_by",
    "created_at",
    "settled_at",
]


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of one of our commands."""
    out, err, status = StringIO(), StringIO(), 0
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as end:
        status = end.code
    return status, out.getvalue(), err.getvalue()


def buy(*arguments: str) -> tuple[int, str, str]:
    return run("buy", "--telephony-provider", "twilio", "--telephony-account-connection", "main", *arguments)


def ending(*states: str):
    """Instead of waiting for a worker: the order's lines get to these states."""

    def wait_for(self, order: Order, seconds: float) -> None:
        for line, state in zip(order.lines.order_by("position"), states, strict=True):
            number = Number.objects.create(e164=f"+1415555{line.pk:04}") if state == S.BOUGHT else None
            Line.objects.filter(pk=line.pk).update(state=state, reason="Because.", number=number)

    return wait_for


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([S.BOUGHT], 0),
        ([S.BOUGHT, S.BOUGHT], 0),
        ([S.BOUGHT, S.FAILED], 1),
        ([S.FAILED], 1),
        ([S.CANCELLED], 1),
        ([S.BOUGHT, S.PLANNED], 3),
        ([S.FAILED, S.UNKNOWN], 3),
        ([S.BOUGHT, S.REVIEW], 3),
        ([S.SENDING], 3),
        ([S.RESERVED], 3),
    ],
)
def test_the_exit_status_of_buy_tells_how_it_ended(monkeypatch, states, status):
    monkeypatch.setattr(Buy, "wait_for", ending(*states))
    done, out, err = buy("--area-code", "415", "--quantity", str(len(states)), "--json")
    assert (done, err) == (status, "")
    assert [json.loads(row)["state"] for row in out.splitlines()] == list(states)


@pytest.mark.django_db
def test_buy_prints_one_object_a_line_with_exactly_the_promised_keys():
    status, out, _ = buy("--area-code", "415", "--json")
    (row,) = map(json.loads, out.splitlines())
    line = Line.objects.get()
    assert (status, list(row)) == (3, KEYS)
    assert row == {
        "order": line.order_id,
        "line": line.pk,
        "state": "planned",
        "phone_number": None,
        "area_code": "415",
        "attempts": 0,
        "error": None,
        "requested_by": line.order.requested_by_name,
        "created_at": line.created_at.isoformat(),
        "settled_at": None,
    }
    assert row["requested_by"].endswith(" (command line)")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--area-code", "41a"],
            "--area-code: “41a” isn't an area code such as 415.\n",
        ),
        (
            ["--phone-number", "+1555"],
            "--phone-number: “+1555” isn't a complete phone number. It has 3 digits, not 10.\n",
        ),
        (["--area-code", "415", "--quantity", "0"], "--quantity: “0” isn't between 1 and 1,000.\n"),
        (
            ["--area-code", "415", "--quantity", "x"],
            "--quantity: “x” isn't a whole number. Enter one from 1 to 1,000.\n",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_exit_status_2_names_the_option_and_orders_nothing(arguments, message):
    assert buy(*arguments) == (2, "", message)
    assert Order.objects.count() == 0


@pytest.mark.django_db
def test_an_order_over_a_limit_is_bad_input(settings):
    settings.MAX_LINES_PER_DAY = 1
    assert buy("--area-code", "415", "--quantity", "2") == (
        2,
        "",
        "The limit is 1 line per day. This order needs 2 lines.\n",
    )


@pytest.mark.django_db
def test_without_a_token_nothing_is_ordered(settings):
    settings.FLUENTS_API_TOKEN = ""
    status, _, err = buy("--area-code", "415")
    assert (status, err) == (2, "FLUENTS_API_TOKEN isn't set, so nothing can be bought.\n")


@pytest.mark.parametrize("arguments", [[], ["--area-code", "415", "--phone-number", "+14155550123"]])
def test_either_an_area_or_a_number_must_be_given(arguments):
    with pytest.raises(CommandError):
        buy(*arguments)


@pytest.mark.django_db
def test_waiting_ends_when_no_line_moves_by_itself(monkeypatch):
    monkeypatch.setattr(
        "numbers.management.commands.buy.time.sleep", lambda _: Line.objects.update(state=S.REVIEW)
    )
    assert buy("--area-code", "415", "--wait", "600")[0] == 3
    assert Line.objects.get().state == S.REVIEW


@pytest.mark.django_db
def test_orders_lists_every_line_oldest_first(fluents):
    bought = rest(line_of(fluents))
    unknown = bare_line(S.UNKNOWN, phone_number="+14155550100", reason="No answer.")
    wanted = bare_line(area_code="", wanted_number="+14155550101", reason="Waiting.")
    status, out, _ = run("orders", "--json")
    rows = [json.loads(row) for row in out.splitlines()]
    assert (status, [list(row) for row in rows]) == (0, [KEYS] * 3)
    told = [
        (r["line"], r["state"], r["phone_number"], r["area_code"], r["attempts"], r["error"]) for r in rows
    ]
    assert told == [
        (bought.pk, "bought", bought.phone_number, "415", 1, None),
        (unknown.pk, "unknown", "+14155550100", "415", 0, "No answer."),
        (wanted.pk, "planned", "+14155550101", None, 0, "Waiting."),
    ]
    assert (rows[0]["settled_at"], rows[1]["settled_at"]) == (bought.settled_at.isoformat(), None)


@pytest.mark.django_db
def test_orders_costs_the_same_queries_for_any_number_of_lines(django_assert_num_queries):
    for lines in (1, 30):
        for _ in range(lines):
            bare_line()
        with django_assert_num_queries(1):
            run("orders", "--json")


@pytest.mark.django_db
@pytest.mark.parametrize("state", S)
def test_orders_for_people_names_every_state_in_words(state):
    line = bare_line(reason="Because.")
    Line.objects.filter(pk=line.pk).update(state=state, number=Number.objects.create(e164="+14155550100"))
    status, out, _ = run("orders")
    assert (status, S(state).label in out) == (0, True)
    assert ("Because." in out) == (state in (S.FAILED, S.REVIEW, S.UNKNOWN))


@pytest.mark.django_db
def test_sync_tells_its_counts(fluents):
    fluents.control("reset", {"numbers": 3})
    assert run("sync", "--json") == (
        0,
        '{"connections": 3, "agents": 8, "numbers": 3, "gone": 0}\n',
        "",
    )
    assert run("sync") == (0, "3 connections, 8 agents, 3 numbers, 0 gone\n", "")
    assert Event.objects.latest("pk").actor_name.endswith(" (command line)")


@pytest.mark.django_db
def test_sync_and_reconcile_tell_of_numbers_that_could_not_be_read(fluents):
    fluents.control("reset", {"numbers": 3})
    run("sync")
    fluents.fault("odd_list", how="strange_items", times=3)
    status, out, err = run("sync")
    assert (status, out) == (0, "3 connections, 8 agents, 3 numbers, 0 gone, 3 unreadable\n")
    assert err == "Some items couldn't be read, so nothing was marked as gone.\n"
    assert json.loads(run("sync", "--json")[1])["unreadable"] == 3
    status, out, _ = run("reconcile", "--json")
    assert status == 1
    assert [(found["kind"], found["detail"]) for found in map(json.loads, out.splitlines())] == [
        ("unreadable", "3 numbers from Fluents couldn't be read.")
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("no_has_more", "has_more is neither true nor false"),
        ("has_more_text", "has_more is neither true nor false"),
        ("ends_early", "has_more is false after 3 of 4 items"),
        ("never_ends", "it repeats: has_more"),
    ],
)
def test_a_sync_of_a_list_that_contradicts_itself_says_how_and_marks_nothing_gone(fluents, how, why):
    fluents.control("reset", {"numbers": 3})
    run("sync")
    Number.objects.create(e164="+14155550199", synced_at=Number.objects.earliest("synced_at").synced_at)
    fluents.fault("odd_list", how=how, times=9)
    status, _, err = run("sync")
    assert status == 1
    assert why in err
    assert Number.objects.owned().count() == 4


@pytest.mark.django_db
def test_a_sync_that_fails_is_exit_status_1_with_a_sentence(fluents):
    fluents.control("config", {"token": "another"})
    assert run("sync", "--json") == (
        1,
        "",
        "Fluents doesn't accept our token (FLUENTS_API_TOKEN). Fluents says: Unauthorized.\n",
    )


@pytest.mark.django_db
def test_reconcile_agrees_after_buying_and_names_what_differs(fluents):
    rest(line_of(fluents))
    assert run("reconcile", "--json") == (0, "", "")
    fluents.call("DELETE", "/_sandbox/numbers", params={"phone_number": Number.objects.get().e164})
    status, out, _ = run("reconcile", "--json")
    (found,) = map(json.loads, out.splitlines())
    assert (status, found["phone_number"]) == (1, Number.objects.get().e164)


# --- real processes -------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    """Processes whose parent is PID, from Linux's own books."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def stack(running, tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("stack"), running.url)
    yield stack
    stack.close()


@pytest.fixture
def worker(stack, sandbox):
    process = stack.start_worker(processes=2)
    wait_until(lambda: len(children(process.pid)) == 2)
    yield process
    process.terminate()
    process.wait(60)


@pytest.mark.storm
def test_an_order_is_bought_by_the_worker_with_exactly_one_charge_a_line(stack, worker, sandbox):
    done = stack.manage(
        *("buy", "--telephony-provider", "twilio", "--telephony-account-connection", sandbox.connection),
        *("--area-code", "415", "--quantity", "3", "--wait", "60", "--json"),
        check=False,
    )
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert (done.returncode, [row["state"] for row in rows]) == (0, ["bought"] * 3), done.stderr
    assert sorted(sandbox.charged()) == sorted(row["phone_number"] for row in rows)
    assert "Traceback" not in stack.logs()


@pytest.mark.django_db
def test_buy_asks_for_a_test_call_of_each_line(settings, monkeypatch):
    allow_test_calls(settings, monkeypatch)
    (probe,) = numbers(1, agent=agent())
    account = ["--telephony-provider", "twilio", "--telephony-account-connection", probe.connection.api_id]
    status, _, err = run("buy", *account, "--area-code", "415", "--prove", "+14155550999")
    assert (status, err) == (2, "We don't own the line to call from.\n")
    assert not Order.objects.exists()
    assert run("buy", *account, "--area-code", "415", "--prove", "+1 415 555 0000")[0] == 3
    assert Order.objects.get().prove_from == probe.e164


@pytest.mark.storm
def test_a_worker_process_that_is_killed_is_started_again(worker):
    before = children(worker.pid)
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(set(children(worker.pid)) - set(before)) == 1)
    assert len(children(worker.pid)) == 2


@pytest.mark.storm
def test_sigterm_ends_the_worker_and_all_its_children(worker):
    family = children(worker.pid)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert [pid for pid in family if alive(pid)] == []


@pytest.mark.storm
def test_a_supervisor_that_is_killed_leaves_no_orphan(worker):
    family = children(worker.pid)
    worker.kill()
    worker.wait(60)
    wait_until(lambda: not any(alive(pid) for pid in family))


def test_ctrl_c_ends_a_command_without_a_traceback(monkeypatch):
    def interrupt(arguments: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("django.core.management.execute_from_command_line", interrupt)
    with pytest.raises(SystemExit) as end:
        manage.main()
    assert end.value.code == 130


@pytest.mark.django_db
def test_trouble_with_the_database_is_a_sentence_and_a_bug_is_none(monkeypatch):
    def fail(self, **options) -> None:
        raise error

    monkeypatch.setattr("numbers.management.commands.orders.Command.handle", fail)
    error: Exception = OperationalError("database is locked")
    assert run("orders") == (
        1,
        "",
        "The database isn't responding: database is locked. Check DATABASE_URL and that the database is"
        " running.\n",
    )
    error = ProgrammingError("syntax error")
    with pytest.raises(ProgrammingError):
        run("orders")


@pytest.mark.django_db
def test_a_command_buys_no_number_that_is_ours():
    Number.objects.create(e164="+14155550100")
    assert buy("--phone-number", "(415) 555-0100", "--yes") == (
        2,
        "",
        "--phone-number: We already own this number.\n",
    )
    assert not Order.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [("order", "show", "99"), ("plan", "show", "99")])
def test_what_is_not_there_is_named(arguments):
    assert run(*arguments) == (1, "", f"There's no such {arguments[0]}.\n")


@pytest.mark.parametrize("option", ["--processes=0", "--in-flight=-1", "--processes=x"])
def test_a_worker_of_nothing_is_refused(option):
    with pytest.raises(CommandError, match="isn't a whole number of 1 or more"):
        call_command("worker", option)
