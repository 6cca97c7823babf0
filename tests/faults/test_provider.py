"""Faults 1 to 22: what the provider, and the way to it, can do to one purchase."""

import time
from email.utils import formatdate
from pathlib import Path

import pytest

from numbers.sandbox import malformed
from tests.faults.arena import Arena
from tests.support.stack import free_port

pytestmark = pytest.mark.either

HANG = 2.5  # seconds; longer than the read timeout

# name: (faults, how often it may be sent, outcome of the first attempt)
ANSWERS = {
    "02_reset_before_commit": (["reset_before"], 2, "unknown"),
    "03_reset_after_commit": (["reset_after"], 1, "unknown"),
    "04_timeout_after_commit": ([{"fault": "hang_after", "seconds": HANG}], 1, "unknown"),
    "05_commit_after_timeout": (
        [{"fault": "late_commit", "answer": "hang", "seconds": HANG, "delay": 1.3}],
        1,
        "unknown",
    ),
    "07_500_nothing_done": (["error_before"], 2, "unknown"),
    "08_502_html_done": ([{"fault": "error_after", "status": 502, "body": "html"}], 1, "unknown"),
    "11_cut_json": (["truncated"], 1, "unknown"),
    "13_empty": (["empty"], 1, "unknown"),
    "13_wrong_type": (["wrong_type"], 1, "unknown"),
    "13_huge": (["huge"], 1, "unknown"),
    "13_slow_drip": ([{"fault": "slow_drip", "interval": 0.5}], 1, "unknown"),
    "13_slow_head": ([{"fault": "slow_head", "interval": 0.5}], 1, "unknown"),
    "13_endless": (["endless"], 1, "unknown"),
    **{f"13_{how}": ([{"fault": "malformed", "how": how}], 1, "unknown") for how in malformed.HOWS},
    **{
        f"13_{form}_number": (
            [{"fault": "number_form", "form": form}],
            1,
            "unknown" if form in ("object", "extension") else "bought",
        )
        for form in malformed.FORMS
    },
    "23_redirect": (["redirect"], 2, "unknown"),
    "23_redirect_done": ([{"fault": "redirect", "commit": True, "location": "http://["}], 1, "unknown"),
    "twice_in_a_row": (["reset_before", "reset_after"], 2, "unknown"),
}


def bought_once(arena: Arena, line_id: int, seconds: float = 40) -> dict:
    """The line when it has settled: bought, charged once, its number on the books."""
    [line] = arena.settled([line_id], seconds)
    assert line["state"] == "bought", arena.story(line_id)
    charges = arena.charges_of(line_id)
    assert [charge["number"] for charge in charges] == [line["e164"]], arena.story(line_id)
    assert line["e164"] == line["phone_number"]
    return line


def numbers_of(arena: Arena, line_id: int) -> list[str]:
    return [attempt["phone_number"] for attempt in arena.books.attempts(line_id)]


def fault(arena: Arena, *faults) -> None:
    arena.sandbox.control("faults", list(faults))


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(arena, name):
    faults, most, outcome = ANSWERS[name]
    fault(arena, *faults)
    [line_id] = arena.place()
    line = bought_once(arena, line_id)
    attempts = arena.books.attempts(line_id)
    assert attempts[0]["outcome"] == outcome, arena.story(line_id)
    # I7: whatever happened, the number that may have been bought is the one that is asked for again.
    assert {attempt["phone_number"] for attempt in attempts} == {line["e164"]}
    assert len(attempts) == len(arena.posts(line["e164"])) <= most, arena.story(line_id)


@pytest.mark.parametrize("form", ["national", "digits", "float"])
def test_13_reads_write_numbers_in_another_form(arena, form):
    """The purchase lands and its answer is lost; the look-ups find the number however it is written."""
    forms = {"fault": "number_form", "form": form, "times": 1000}
    fault(arena, "reset_after", forms | {"path": "/v1/numbers"}, forms | {"path": "/v1/numbers/list"})
    [line_id] = arena.place()
    line = bought_once(arena, line_id)
    assert len(arena.posts(line["e164"])) == 1, arena.story(line_id)


@pytest.mark.parametrize("how", ["never_ends", "ends_early", "has_more_text", "strange_items"])
def test_13_a_list_that_cannot_be_read_whole_is_no_absence(arena, how):
    """Nothing is sent again while it may be among what could not be read; afterwards the line goes on."""
    fault(arena, "reset_before", {"fault": "odd_list", "how": how, "times": 100_000})
    [line_id] = arena.place()
    arena.until(lambda: len(arena.books.looks(line_id)) >= 12, ids=[line_id])
    assert not any(look["complete"] for look in arena.books.looks(line_id)), arena.story(line_id)
    assert len(arena.books.attempts(line_id)) == 1
    arena.sandbox.control("faults", method="DELETE")
    line = bought_once(arena, line_id)
    assert {attempt["phone_number"] for attempt in arena.books.attempts(line_id)} == {line["e164"]}


def test_on_disk_before_it_leaves(arena):
    """While a purchase is under way, the books and the journal name it: whoever dies now can be asked for."""
    before = len(arena.posts())
    fault(arena, {"fault": "hang_after", "seconds": HANG})
    [line_id] = arena.place()
    arena.until(lambda: len(arena.posts()) > before)
    line = arena.books.line(line_id)
    [attempt] = arena.books.attempts(line_id) or [None]
    assert attempt, "the purchase left without an attempt on disk"
    assert line["state"] == "sending"
    assert attempt["phone_number"] == line["phone_number"] == arena.posts()[-1]["body"]["phone_number"]
    assert attempt["key"] in Path(arena.stack.env["JOURNAL_PATH"]).read_text()
    bought_once(arena, line_id)


def test_01_nothing_leaves_the_machine(fresh):
    """Refused and unresolvable prove that nothing was sent; a handshake that fails, but for its certificate,
    does not. Each line is reserved first, so that the purchase is what fails."""
    nowhere = {
        "refused": f"http://127.0.0.1:{free_port()}",
        "dns": "http://fluents.invalid",
        "tls": fresh.sandbox.url.replace("http:", "https:"),
    }
    ids = fresh.place(3)
    for line_id in ids:
        assert fresh.drive(line_id, FAILPOINT="number.reserved") == -9
    time.sleep(fresh.lease)
    for line_id, url in zip(ids, nowhere.values(), strict=True):
        assert fresh.drive(line_id, FLUENTS_API_URL=url) == 0
        [attempt] = fresh.books.attempts(line_id)
        ends = ("unknown", "unknown") if url.startswith("https:") else ("not_sent", "planned")
        assert (attempt["outcome"], fresh.books.line(line_id)["state"]) == ends, fresh.story(line_id)
    assert not fresh.posts()
    fresh.start_worker()
    for line_id in ids:
        bought_once(fresh, line_id)
    assert len(fresh.posts()) == 3


@pytest.mark.parametrize(("rule", "charges"), [("conflict", 1), ("ok", 1), ("charge", 2)])
def test_06_commit_after_the_window(arena, rule, charges):
    """Once absence is settled the same number is asked for. Where the API charges that, nobody can help it:
    the number itself is still one line's, and both charges name its attempts."""
    arena.config(repeat_buy=rule)
    fault(arena, {"fault": "late_commit", "answer": "reset", "delay": arena.window + 2.5})
    [line_id] = arena.place()
    [line] = arena.settled([line_id])
    late = lambda: not arena.sandbox.control("faults", method="GET")["late_commits_due"]  # noqa: E731
    arena.until(late)
    assert line["state"] == "bought"
    assert [c["number"] for c in arena.charges_of(line_id)] == [line["e164"]] * charges, arena.story(line_id)


def test_09_slow_down(arena):
    fault(arena, {"fault": "rate_limited", "retry_after": "2"})
    [told] = arena.place()
    arena.until(lambda: arena.books.attempts(told)[:1] and arena.books.line(told)["state"] != "sending")
    [other] = arena.place()
    for line_id in (told, other):
        bought_once(arena, line_id)
    first, second, third = [post["at"] for post in arena.posts()[-3:]]
    assert min(second, third) - first >= 2


@pytest.mark.parametrize("header", ["date", None, "-5", "soon"])
def test_10_slow_down_in_other_words(arena, engine, header):
    if engine == "postgres" and header != "date":
        pytest.skip("reading a header asks no database")
    retry_after = formatdate(time.time() + 3, usegmt=True) if header == "date" else header
    fault(arena, {"fault": "rate_limited", "retry_after": retry_after})
    [line_id] = arena.place()
    line = bought_once(arena, line_id)
    first, second = [post["at"] for post in arena.posts(line["e164"])]
    assert second - first >= (1.9 if header == "date" else 5)


def test_10_slow_down_for_ages(arena):
    fault(arena, {"fault": "rate_limited", "retry_after": "1000000000"})
    [line_id] = arena.place()
    arena.in_state(line_id, "unknown")
    pause = arena.books.rows("SELECT not_before AS at FROM numbers_gate")[0]["at"].timestamp() - time.time()
    assert 3000 < pause < 1.2 * 3600
    arena.hands.skip_pauses()
    line = bought_once(arena, line_id)
    assert len(arena.posts(line["e164"])) == 2


@pytest.mark.parametrize("commit", ["asked", "other", "both", "none"])
def test_12_another_number(arena, commit):
    """Never taken for ours: a person decides, and every number that was charged is in the evidence."""
    fault(arena, {"fault": "wrong_number", "commit": commit})
    [line_id] = arena.place()
    [line] = arena.settled([line_id])
    [attempt] = arena.books.attempts(line_id)
    assert line["state"] == "review", arena.story(line_id)
    assert attempt["outcome"] == "other_number"
    watched = {attempt["phone_number"], attempt["answer"]["number"]}
    assert {charge["number"] for charge in arena.charges_of(line_id)} <= watched
    assert len(arena.posts(line["phone_number"])) == 1
    orphans = {found["phone_number"] for found in arena.hands.reconcile()}
    assert {charge["number"] for charge in arena.charges_of(line_id)} <= orphans


def test_14_taken_by_somebody_else(arena):
    fault(arena, "taken")
    [line_id] = arena.place()
    line = bought_once(arena, line_id)
    attempts = arena.books.attempts(line_id)
    assert [attempt["outcome"] for attempt in attempts] == ["unavailable", "bought"]
    assert attempts[0]["phone_number"] != line["e164"]
    waited = attempts[1]["sent_at"] - attempts[0]["sent_at"]
    assert waited.total_seconds() >= arena.refusal_window  # absence was settled first


def test_15_gateway_replay(arena):
    """Said to be taken, by our own purchase: one charge, and a person says whose it is."""
    fault(arena, "replay")
    [line_id] = arena.place()
    [line] = arena.settled([line_id])
    assert line["state"] == "review", arena.story(line_id)
    assert [charge["number"] for charge in arena.charges_of(line_id)] == [line["phone_number"]]
    assert len(arena.posts(line["phone_number"])) == 1
    assert arena.hands.was_bought(line_id=line_id, phone_number=line["phone_number"]) == "bought"


def test_16_search_offers_what_is_gone(arena):
    """Our own number, bought by a colleague in the console, is never asked for; a sold one only once."""
    ours = arena.sandbox.control("numbers", {"area_code": "503"})["number"]
    fault(arena, {"fault": "stale_stock", "times": 3})
    [line_id] = arena.place(area_code="503")
    bought_once(arena, line_id)
    assert not arena.posts(ours)


def test_17_nothing_for_sale(arena):
    fault(arena, {"fault": "no_stock", "times": 3}, {"fault": "no_stock", "skip": 0})
    before = len(arena.posts())
    [line_id] = arena.place()
    [line] = arena.settled([line_id])
    assert line["state"] == "failed"
    assert "no numbers available" in line["reason"]
    assert len(arena.posts()) == before


def test_18_wrong_area(arena):
    fault(arena, {"fault": "wrong_area", "times": 2})
    [line_id] = arena.place(area_code="404")
    line = bought_once(arena, line_id)
    assert numbers_of(arena, line_id) == [line["e164"]]
    assert line["e164"].startswith("+1404")


def test_19_reads_lag_behind(arena):
    arena.config(lookup_lag=1.5)
    fault(arena, "reset_after")
    [line_id] = arena.place()
    line = bought_once(arena, line_id)
    assert len(arena.posts(line["e164"])) == 1


@pytest.mark.parametrize("done", [True, False])
def test_20_look_up_ignores_its_filter(arena, done):
    """It answers with some number of ours. That is neither a find nor an absence."""
    arena.sandbox.control("numbers", {"area_code": "206"})
    fault(
        arena,
        "reset_after" if done else "reset_before",
        {"fault": "ignore_filter", "skip": 1, "times": 1000},
    )
    [line_id] = arena.place()
    line = bought_once(arena, line_id)
    assert len(arena.posts(line["e164"])) == (1 if done else 2), arena.story(line_id)


def test_21_pages_shift(arena):
    """With the look-up out of order too, so that the list is all there is."""
    for _ in range(110):
        arena.sandbox.control("numbers", {"area_code": "303"})
    fault(
        arena,
        "reset_after",
        {"fault": "page_drift", "times": 1000},
        {"fault": "ignore_filter", "skip": 1, "times": 1000},
    )
    [line_id] = arena.place()
    bought_once(arena, line_id)
    assert len(set(numbers_of(arena, line_id))) == 1


@pytest.mark.parametrize("how", ["500", "404"])
def test_22_look_ups_fail_for_ever(engine, make_arena, how):
    """Never an absence, never a second purchase: after 24 hours (96 windows) a person decides."""
    arena = make_arena(engine, SETTLE_WINDOW=0.05)
    try:
        arena.start_worker()
        arena.until(lambda: arena.books.rows("SELECT looked_at FROM numbers_syncstate")[0]["looked_at"])
        if how == "500":
            fault(
                arena,
                "reset_after",
                {"fault": "error_before", "path": "/v1/numbers", "skip": 1, "times": 100_000},
                {"fault": "error_before", "path": "/v1/numbers/list", "times": 100_000},
            )
        else:
            fault(arena, {"fault": "hang_after", "seconds": 10})
        [line_id] = arena.place()
        if how == "404":
            arena.in_state(line_id, "sending")
            arena.config(disabled_paths=["/v1/numbers", "/v1/numbers/list"])
        [line] = arena.settled([line_id])
        assert line["state"] == "review", arena.story(line_id)
        assert len(arena.posts()) == 1
        assert len(arena.charges_of(line_id)) == 1
        assert not any(look["found"] for look in arena.books.looks(line_id))
    finally:
        arena.close()
