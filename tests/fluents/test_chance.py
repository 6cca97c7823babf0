"""Answers as chance makes them: never anything but an error of ours, never a number that nobody has sent."""

import json
import os
import random
import re
from collections import Counter
from copy import deepcopy

import responses

from numbers import fluents

BASE = "https://fluents.test"
ANSWERS = int(os.environ.get("INTAKE_ANSWERS", "500"))  # `make fuzz` takes 20,000
ASKED = "+14155550123"

NUMBERS = [
    ASKED, "+14155550199", "14155550123", "4155550123", "(415) 555-0123", "415.555.0123", " 1 415-555-0123",
    "tel:+1-415-555-0123", "+44 (0)20 7946 0958", "+442079460958", "5550123", "+1 415 555 0123 x7",
    "+14155550123;ext=9", "+14155550123\n+14155550199", "+14155550123, +14155550199", "+0 415", "", " ",
    "Anonymous", "\uff14\uff11\uff15", 14155550123, 4155550123, 4155550123.0, 1.5, -1, 1e300, True, None, [],
    {}, {"e164": ASKED}, [ASKED], "\x00", "\ud800",
]  # fmt: skip
VALUES = [
    *NUMBERS,
    "n-1",
    7,
    10**50,
    {"id": "a-1", "name": "Desk"},
    {"id": None},
    ["x"] * 60,
    "y" * 5000,
    False,
]
NAMES = [
    "id", "active", "label", "description", "outbound_only", "telephony_provider",
    "telephony_account_connection",
    "inbound_agent", "inbound_agent_name", "tags", "user_id", "example_context", "config", "sms_enabled",
    "number", "items", "total", "has_more", "message", "error", "statusCode",
]  # fmt: skip


def answer_of(dice: random.Random) -> tuple[object, str | bytes]:
    """What chance makes, and how it travels."""
    shape = dice.random()
    if shape < 0.45:
        items = [number_of(dice) for _ in range(dice.randint(0, 3))]
        made: object = {"items": items, "has_more": False, "total": len(items)}
    elif shape < 0.85:
        made = number_of(dice)
    else:
        made = dice.choice(VALUES)
    made = deepcopy(made)
    if isinstance(made, dict):
        for _ in range(dice.choice([0, 0, 1, 2])):
            made[dice.choice(NAMES)] = dice.choice(VALUES)
    text = json.dumps(made)
    if dice.random() < 0.15:  # damaged on the way
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice(["", "\x00", "}", "]", '"', "NaN", "\\", "<html>"]) + text[at + 1 :]
    return made, text.encode("utf-8", "surrogatepass")


def number_of(dice: random.Random) -> object:
    return {"number": dice.choice(NUMBERS)} | {
        name: dice.choice(VALUES) for name in dice.sample(NAMES[2:16], 4)
    }


def meant_by(text: bytes) -> set[str]:
    """Every number that some value in TEXT is alone, by a reading that knows no more than digits."""
    try:
        made = json.loads(text)
    except ValueError:
        return set()
    todo, found = [made], set()
    while todo:
        value = todo.pop()
        if isinstance(value, dict | list):
            todo += value.values() if isinstance(value, dict) else value
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            words = f"{value:.0f}" if isinstance(value, float) and value < 1e16 else str(value)
            if re.fullmatch(r"(tel:)?\+?[\d ().-]+", words, re.ASCII):
                digits = re.sub(r"\D", "", words.replace("(0)", ""))
                found |= {f"+{digits}", f"+1{digits}"}
    return found


def test_no_answer_that_chance_makes_is_more_than_an_error_or_invents_a_number():
    dice = random.Random(14)
    client = fluents.Client(base_url=BASE, token="token", timeout=(3, 45), retries=0)
    account = {"telephony_provider": "twilio", "telephony_account_connection": "main"}
    calls = [
        lambda: list(client.numbers()),
        lambda: [client.find_number(ASKED)],
        lambda: [client.update(phone_number=ASKED, changes={"label": "x"})],
        lambda: client.available(**account),
        lambda: [client.buy(**account, phone_number=ASKED)],
        lambda: list(client.agents()) and [],
        lambda: client.owners() and [],
    ]
    read, refused = 0, Counter()
    for _ in range(ANSWERS):
        made, text = answer_of(dice)
        status = dice.choice([200] * 12 + [201, 400, 404, 409, 422, 429, 500, 503])
        with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
            for method in ("GET", "POST"):
                wire.add(method, re.compile(f"{BASE}/.*"), body=text, status=status)
            try:
                numbers = dice.choice(calls)()
            except fluents.FluentsError as error:
                refused[bool(error.user_message)] += 1
                continue
        for number in filter(None, numbers):
            assert number.number in meant_by(text), (made, number.number)
            assert "\x00" not in repr(number.as_json())
            read += 1
    assert (read > ANSWERS // 20, refused[True] > ANSWERS // 4, refused[False]) == (True, True, 0)
