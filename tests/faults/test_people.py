"""Faults 34 to 36, 38 and 39: people who click twice, race, disagree, and meddle elsewhere."""

import re
import threading
import uuid

import pytest
import requests

from tests.faults.arena import Arena
from tests.faults.hands import Trouble
from tests.faults.test_provider import bought_once, fault

TWENTY = 20


def order(arena: Arena, **fields) -> dict:
    return {
        "form_token": uuid.uuid4().hex,
        "telephony_provider": "twilio",
        "telephony_account_connection": arena.connection,
        "area_code": "415",
        "quantity": 1,
        **fields,
    }


def test_34_twenty_times_the_same_form(arena):
    same = order(arena, quantity=2)
    answers = arena.hands.race(orders=[same] * TWENTY)
    assert len({answer.get("order") for answer in answers}) == 1, answers
    assert [answer["created"] for answer in answers].count(True) == 1
    lines = answers[0]["lines"]
    for line_id in lines:
        bought_once(arena, line_id)
    assert len([o for o in arena.books.orders() if o["form_token"] == same["form_token"]]) == 1


def test_34_the_same_form_uses_a_cap_up(make_arena, engine):
    """Whoever clicks twice sees the order, not a refusal because of the first click."""
    arena = make_arena(engine, MAX_LINES_PER_DAY=2)
    try:
        answers = arena.hands.race(orders=[order(arena, quantity=2)] * TWENTY)
        assert len({answer.get("order") for answer in answers}) == 1, answers
    finally:
        arena.close()


@pytest.mark.parametrize("cap", ["MAX_LINES_PER_DAY", "MAX_LINES_PER_USER_DAY"])
def test_35_twenty_orders_race_for_a_cap_for_five(make_arena, engine, cap):
    arena = make_arena(engine, **{cap: 5})
    try:
        answers = arena.hands.race(orders=[order(arena) for _ in range(TWENTY)])
        assert [answer.get("created") for answer in answers].count(True) == 5, answers
        assert {answer.get("error") for answer in answers} == {None, "OverLimit"}
        arena.start_worker()
        arena.settled([line["id"] for line in arena.books.lines()])
        assert len(arena.sandbox.charges()) == 5
    finally:
        arena.close()


@pytest.mark.parametrize("what", ["APPROVAL_LINES", "APPROVAL_COST", "BUDGET_MONTH"])
def test_small_orders_at_once_pass_no_approval(make_arena, engine, what):
    """Twenty orders of one line, where five lines need nobody: five are bought, the others wait."""
    arena = make_arena(engine, **{what: 5})
    try:
        price = ("--telephony-provider", "twilio", "--monthly", "1", "--currency", "USD")
        arena.stack.manage("prices", *price)
        answers = arena.hands.race(orders=[order(arena) for _ in range(TWENTY)])
        assert all(answer["created"] for answer in answers), answers
        said = [row["approval"] for row in arena.books.orders()]
        assert (said.count(""), said.count("waiting")) == (5, 15)
        arena.start_worker()
        free = [row["id"] for row in arena.books.orders() if not row["approval"]]
        for line in arena.books.lines():
            if line["order_id"] in free:
                bought_once(arena, line["id"])
        assert len(arena.sandbox.charges()) == len(arena.posts()) == 5
    finally:
        arena.close()


def test_one_person_decides_about_an_order_and_no_worker_buys_it_before(make_arena, engine):
    """Ten approve at once; then some approve, some refuse and some call off: the first one has decided."""
    arena = make_arena(engine, APPROVAL_LINES=1)
    try:
        arena.start_worker()
        waiting = [arena.hands.place(**order(arena, quantity=3)) for _ in range(3)]
        bought_once(arena, *arena.place())  # this one needs nobody, and the worker buys it
        assert [line["state"] for line in arena.books.lines(*waiting[0]["lines"])] == ["planned"] * 3
        assert len(arena.posts()) == 1
        told = arena.hands.decide_approval(order_id=waiting[0]["order"], ways=["approve"] * 10)
        assert sorted(told) == ["NotDecided"] * 9 + ["done"]
        for line_id in waiting[0]["lines"]:
            bought_once(arena, line_id)
        for placed in waiting[1:]:
            ways = ["approve", "refuse", "cancel"] * 3
            told = arena.hands.decide_approval(order_id=placed["order"], ways=ways)
            decided = [
                way for way, came in zip(ways, told, strict=True) if came == "done" and way != "cancel"
            ]
            [state] = [row["approval"] for row in arena.books.orders() if row["id"] == placed["order"]]
            assert (state, decided) in [("approved", ["approve"]), ("refused", ["refuse"]), ("withdrawn", [])]
            lines = arena.settled(placed["lines"])
            assert {line["state"] for line in lines} <= {
                "cancelled",
                *(["bought"] if state == "approved" else []),
            }
        assert len(arena.sandbox.charges()) == len(
            [1 for line in arena.books.lines() if line["state"] == "bought"]
        )
    finally:
        arena.close()


def test_34_and_35_through_the_web(make_arena, engine):
    """The same by HTTP: gunicorn, sessions, CSRF and all."""
    arena = make_arena(engine, MAX_LINES_PER_DAY=5)
    try:
        arena.stack.add_user("bob", "a long password of bob")
        arena.stack.start_web()
        bob = log_in(arena, "bob", "a long password of bob")
        same = fill_in(bob, arena)
        statuses = at_once([lambda: send_form(bob, arena, same)] * TWENTY)
        assert all(status < 400 for status in statuses), statuses
        assert len(arena.books.orders()) == 1
        forms = [fill_in(bob, arena) for _ in range(TWENTY)]
        at_once([lambda form=form: send_form(bob, arena, form) for form in forms])
        assert len(arena.books.orders()) == 5
        assert len(arena.books.lines()) == 5
    finally:
        arena.close()


def log_in(arena: Arena, name: str, password: str) -> requests.Session:
    session = requests.Session()
    url = arena.stack.web_url + "/accounts/login/"
    token = csrf_of(session.get(url, timeout=10).text)
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token}
    answer = session.post(url, form, headers={"Referer": url}, timeout=10)
    assert answer.ok
    assert "sessionid" in session.cookies
    return session


def csrf_of(page: str) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]


def fill_in(session: requests.Session, arena: Arena) -> dict:
    page = session.get(arena.stack.web_url + "/orders/new/", timeout=10).text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    want = order(arena)
    return {**want, "form_token": hidden["form_token"], "csrfmiddlewaretoken": csrf_of(page)}


def send_form(session: requests.Session, arena: Arena, form: dict) -> int:
    """The purchase form, and the confirming step where one follows."""
    url = arena.stack.web_url + "/orders/new/"
    own = requests.Session()
    own.cookies.update(session.cookies)
    answer = own.post(url, form, headers={"Referer": url}, timeout=60)
    if 'id="confirm-form"' in answer.text:
        step = re.search(r'<form[^>]*id="confirm-form".*?</form>', answer.text, re.DOTALL)[0]
        action = (re.search(r'action="([^"]+)"', step) or [None, "/orders/new/"])[1]
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', step))
        answer = own.post(arena.stack.web_url + action, fields, headers={"Referer": url}, timeout=60)
    return answer.status_code


def at_once(acts: list) -> list:
    start, results = threading.Barrier(len(acts)), [None] * len(acts)

    def one(i: int) -> None:
        start.wait()
        results[i] = acts[i]()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def under_review(arena: Arena) -> int:
    fault(arena, {"fault": "wrong_number", "commit": "none"})
    [line_id] = arena.place()
    arena.in_state(line_id, "review")
    return line_id


def test_36_two_people_decide_at_once(arena):
    line_id = under_review(arena)
    results = arena.hands.decide_both_ways(line_id=line_id)
    assert sorted(results) == ["CannotDecide", "done"], results
    [line] = arena.settled([line_id])
    assert line["state"] == ("bought" if results[0] == "done" else "failed")
    assert len(arena.charges_of(line_id)) == (1 if results[0] == "done" else 0)


@pytest.mark.either
def test_36_a_decision_against_the_facts(arena):
    line_id = under_review(arena)
    number = arena.books.line(line_id)["phone_number"]
    with pytest.raises(Trouble, match="CannotDecide"):
        arena.hands.was_bought(line_id=line_id, phone_number=number)
    assert arena.hands.was_not_bought(line_id=line_id) == "planned"
    bought_once(arena, line_id)


@pytest.mark.either
@pytest.mark.parametrize("what", ["another connection", "another agent"])
def test_38_a_colleague_buys_the_same_number(arena, what):
    """In the provider's console, while ours is unknown: it is not taken for ours."""
    agents = arena.sandbox.get("/v1/agents/list").json()["items"]
    others = [c["id"] for c in arena.sandbox.get("/v1/account_connections/list").json()["items"]]
    fault(arena, "reset_before")
    [line_id] = arena.place(inbound_agent=agents[0]["id"])
    number = arena.in_state(line_id, "unknown")["phone_number"]
    where = {"telephony_account_connection": others[1] if what == "another connection" else arena.connection}
    arena.sandbox.control("numbers", {"number": number, "inbound_agent": agents[1]["id"], **where})
    [line] = arena.settled([line_id])
    assert line["state"] == "review", arena.story(line_id)
    assert len(arena.posts(number)) == 1


REFUSALS = {
    "401": [{"fault": "status", "status": 401, "message": "Unauthorized", "times": 20}],
    "402": [{"fault": "status", "status": 402, "message": "Payment required", "times": 20}],
    "403": [{"fault": "status", "status": 403, "message": "Forbidden", "times": 20}],
    "503": [{"fault": "error_before", "status": 503, "times": 20}],
}


@pytest.mark.either
@pytest.mark.parametrize("status", REFUSALS)
def test_39_breaker(make_arena, engine, status):
    """Three purchases find out, plus those in flight; the others wait, and a person opens it again."""
    arena = make_arena(engine, BREAKER_UNKNOWNS=3, BREAKER_SHARE=20, SETTLE_WINDOW=6, GATE_IN_FLIGHT=1)
    try:
        arena.start_worker()
        fault(arena, *REFUSALS[status])
        ids = arena.place(8)
        arena.until(lambda: arena.books.gate()["breaker"] == "open")
        arena.until(lambda: arena.books.gate()["breaker"] == "open" and not sending(arena))
        assert len(arena.posts()) <= (3 if status == "503" else 1)
        states = [line["state"] for line in arena.books.lines()]
        assert "failed" not in states
        assert states.count("planned") + states.count("reserved") >= 5
        assert bool(arena.books.gate()["needs_person"]) == (status != "503")
        arena.calm()
        arena.hands.open_gate()
        for line_id in ids:  # a line that was being told to wait just now does so for a minute
            bought_once(arena, line_id, 90)
    finally:
        arena.close()


def sending(arena: Arena) -> bool:
    return any(line["state"] == "sending" for line in arena.books.lines())


@pytest.mark.either
def test_39_key_rotated(fresh):
    """Every read is refused too, so not one purchase is tried. With the old key back it goes on."""
    fresh.start_worker()
    fresh.config(token="another")
    [line_id] = fresh.place()
    fresh.until(lambda: any(entry["status"] == 401 for entry in fresh.sandbox.requests()))
    assert fresh.books.line(line_id)["state"] == "planned"
    assert not fresh.posts()
    fresh.config(token=fresh.stack.env["FLUENTS_API_TOKEN"])
    bought_once(fresh, line_id)


def test_two_administrators_who_take_each_others_role_leave_one(arena):
    assert len(arena.hands.take_each_others_role()) == 1
