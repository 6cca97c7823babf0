"""Faults 44 and 45: a plain no after a purchase was sent.

The gateway sends each request twice: the first copy buys, the second is refused, and reads trail behind.
Whatever the status, one number is paid and no other is bought.
"""

import pytest

from tests.faults.test_provider import fault

pytestmark = pytest.mark.either

LAG = 3.0  # seconds; the most that reads trail behind here
WINDOW = 4.0  # REFUSAL_WINDOW

#: What is said with each status, and how the line ends once its number is found. Where Fluents says that the
#: number is taken, it may be somebody else's purchase just as well: a person decides.
NOES = {
    400: ("Quota for this brand is used up", "bought"),
    401: ("Unauthorized", "bought"),
    402: ("Balance too low", "bought"),
    403: ("Your plan does not include phone numbers", "bought"),
    404: ("Phone number is not available", "review"),
    409: ("Phone number is already taken", "review"),
    422: ("telephony_account_connection is not valid", "bought"),
    429: ("Too Many Requests", "bought"),
}


# One test process each: what is set up for a few tests would be dear.
GATEWAYS = [
    pytest.param(name, marks=pytest.mark.xdist_group(f"gateway {name}")) for name in ("sqlite", "postgres")
]


@pytest.fixture(params=GATEWAYS)
def engine(request):
    return request.param


@pytest.fixture
def gateway(engine, standing, make_arena):
    key = f"gateway {engine}"
    if key not in standing:
        standing[key] = make_arena(engine, REFUSAL_WINDOW=WINDOW)
        standing[key].start_worker()
    standing[key].calm()
    return standing[key]


def replayed(arena, status: int, lag: float, **wanted) -> dict:
    """A line whose purchase is bought and refused with STATUS, when it has settled."""
    arena.config(lookup_lag=lag)
    fault(arena, {"fault": "replay", "status": status, "message": NOES[status][0]})
    before = len(arena.sandbox.charges())
    [line_id] = arena.place(**wanted)
    arena.until(lambda: len(arena.sandbox.charges()) > before)
    if status in (401, 402, 403):
        arena.until(lambda: arena.books.gate()["breaker"] == "open")
        arena.hands.open_gate()
    [line] = arena.settled([line_id], 40)
    assert len(arena.sandbox.charges()) == before + 1, arena.story(line_id)
    return line


def ends_well(arena, line: dict, status: int) -> None:
    [charge] = arena.charges_of(line["id"])
    expected = "review" if status == 409 else NOES[status][1]
    assert line["state"] == expected, arena.story(line["id"])
    if expected == "bought":
        assert line["e164"] == charge["number"], arena.story(line["id"])
    elif line["phone_number"]:
        assert line["phone_number"] == charge["number"]
    else:
        assert charge["number"][2:] in line["reason"].replace(" ", ""), arena.story(line["id"])


@pytest.mark.parametrize("lag", [0.4, LAG])
@pytest.mark.parametrize("status", NOES)
def test_44_refused_and_bought_by_exact_number(gateway, status, lag):
    ends_well(gateway, replayed(gateway, status, lag), status)


@pytest.mark.parametrize("status", NOES)
def test_44_refused_and_bought_as_the_number_that_was_wanted(gateway, status):
    [wanted, *_] = gateway.sandbox.offered("646")
    line = replayed(gateway, status, 1.5, phone_number=wanted)
    assert line["phone_number"] == wanted
    ends_well(gateway, line, status)


@pytest.mark.parametrize("lag", [0.4, LAG])
@pytest.mark.parametrize("status", NOES)
def test_44_refused_and_bought_by_area_code(gateway, status, lag):
    gateway.config(disabled_paths=["/v1/numbers/available"])
    line = replayed(gateway, status, lag)
    assert line["by_area_code"]
    ends_well(gateway, line, 409 if status == 409 else 400)


#: How a line goes on whose purchase was refused and not made, once that is certain.
ENDS = {
    400: ("bought", 2),  # another number
    401: ("bought", 2),  # once a person has opened the gate
    402: ("bought", 2),
    403: ("bought", 2),
    404: ("bought", 2),
    409: ("bought", 2),
    422: ("failed", 1),  # no number would do
    429: ("bought", 2),  # the same number
}


@pytest.mark.parametrize("status", NOES)
def test_45_refused_and_not_bought(gateway, status):
    """Two complete looks, the last a window after the send, before anything else is sent or said."""
    fault(gateway, {"fault": "status", "status": status, "message": NOES[status][0]})
    [line_id] = gateway.place()
    line = gateway.in_state(line_id, "unknown")
    assert line["refusal"]
    assert "Confirming that nothing was bought" in line["reason"]
    if status in (401, 402, 403):
        gateway.hands.open_gate()
    [line] = gateway.settled([line_id])
    state, sends = ENDS[status]
    attempts = gateway.books.attempts(line_id)
    assert (line["state"], len(attempts)) == (state, sends), gateway.story(line_id)
    looks = [look for look in gateway.books.looks(line_id) if look["complete"]]
    assert len(looks) >= 2
    assert (looks[-1]["at"] - attempts[0]["sent_at"]).total_seconds() >= WINDOW
    if sends == 2:
        same = attempts[0]["phone_number"] == attempts[1]["phone_number"]
        assert same or status != 429
        assert attempts[1]["sent_at"] >= looks[-1]["at"]
