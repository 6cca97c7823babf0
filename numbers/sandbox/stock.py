"""What the sandbox has to offer: area codes, numbers for sale, agents and connections.

All of it is derived from a seed or from names, so two runs show the same ids and numbers.
"""

import functools
import random
import threading
import uuid

import phonenumbers
from phonenumbers import PhoneNumberType

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "sandbox.fluents.invalid")
_GEOGRAPHIC = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)

#: Area codes with little or nothing left, as in real life. Not changed by ``stock_per_area_code``
#: unless that names them.
SCARCE = {"212": 3, "310": 2, "907": 0}

#: Where a business of some size would have its lines. Used for the numbers "bought long ago".
CITIES = {
    "415": "San Francisco", "646": "New York", "312": "Chicago", "305": "Miami", "512": "Austin",
    "206": "Seattle", "617": "Boston", "404": "Atlanta", "303": "Denver", "602": "Phoenix",
    "214": "Dallas", "713": "Houston", "702": "Las Vegas", "503": "Portland", "615": "Nashville",
    "619": "San Diego", "215": "Philadelphia", "313": "Detroit", "612": "Minneapolis",
    "504": "New Orleans", "801": "Salt Lake City", "816": "Kansas City", "317": "Indianapolis",
    "614": "Columbus", "704": "Charlotte", "813": "Tampa", "916": "Sacramento", "210": "San Antonio",
    "416": "Toronto", "514": "Montreal", "604": "Vancouver", "403": "Calgary", "613": "Ottawa",
    "808": "Honolulu", "505": "Albuquerque", "901": "Memphis",
}  # fmt: skip


def stable_id(*words: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, ":".join(map(str, words))))


def chance(*key: object) -> random.Random:
    """A generator whose whole sequence follows from ``key``."""
    return random.Random(":".join(map(str, key)))  # noqa: S311 - repeatable on purpose


USER_ID = stable_id("user")


@functools.cache
def area_codes() -> tuple[str, ...]:
    """Every geographic area code of the US and Canada, in ascending order."""
    found = []
    for code in range(200, 1000):
        sample = phonenumbers.PhoneNumber(country_code=1, national_number=code * 10_000_000 + 2_345_678)
        geographic = phonenumbers.number_type(sample) in _GEOGRAPHIC
        if geographic and phonenumbers.region_code_for_number(sample) in ("US", "CA"):
            found.append(str(code))
    return tuple(found)


def random_number(area_code: str, rng: random.Random) -> str:
    """A valid E.164 number in ``area_code``, outside the exchanges that are not for subscribers."""
    while True:
        exchange, line = rng.randrange(200, 1000), rng.randrange(10_000)
        if exchange == 555 or exchange % 100 == 11:
            continue
        national = int(f"{area_code}{exchange}{line:04}")
        if phonenumbers.is_valid_number(phonenumbers.PhoneNumber(country_code=1, national_number=national)):
            return f"+1{national}"


class Stock:
    """The numbers for sale per area code, made when first asked for.

    A larger stock begins with the numbers of a smaller one, so raising the setting takes
    nothing away.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._lock = threading.Lock()
        self._areas: dict[str, tuple[random.Random, list[str], dict[str, int]]] = {}

    def size(self, area_code: str, setting: int | dict[str, int]) -> int:
        """How many numbers there are in ``area_code`` under the config key ``stock_per_area_code``."""
        if area_code not in area_codes():
            return 0
        if isinstance(setting, int):
            return SCARCE.get(area_code, setting)
        return setting.get(area_code, SCARCE.get(area_code, setting.get("default", 40)))

    def numbers(self, area_code: str, setting: int | dict[str, int]) -> list[str]:
        count = self.size(area_code, setting)
        return self._made(area_code, count)[0][:count]

    def holds(self, number: str, setting: int | dict[str, int]) -> bool:
        area_code = number[2:5]
        count = self.size(area_code, setting)
        return number.startswith("+1") and self._made(area_code, count)[1].get(number, count) < count

    def _made(self, area_code: str, count: int) -> tuple[list[str], dict[str, int]]:
        """At least ``count`` numbers, as a list and by position. Both only ever grow."""
        with self._lock:
            rng, numbers, positions = self._areas.setdefault(
                area_code, (chance(self.seed, area_code), [], {})
            )
            while len(numbers) < count:
                number = random_number(area_code, rng)
                if positions.setdefault(number, len(numbers)) == len(numbers):
                    numbers.append(number)
            return numbers, positions


def _connection(key: str, kind: str, label: str, description: str, credentials: dict) -> dict:
    return {
        "id": stable_id("connection", key),
        "user_id": USER_ID,
        "type": f"account_connection_{kind}",
        "credentials": credentials,
        "label": label,
        "description": description,
        "steering_pool": [],
        "account_supports_any_caller_id": kind == "telnyx",
        "config": {"voicemail_detection": {"provider": kind}} if kind != "openai" else {},
    }


def _twilio(key: str) -> dict:
    return {"twilio_account_sid": f"ACCANARY{key}5f1c02", "twilio_auth_token": f"CANARY-twilio-token-{key}"}


CONNECTIONS = [
    _connection("main", "twilio", "Twilio main", "Most of our lines", _twilio("main")),
    _connection("west", "twilio", "Twilio West Coast", "Lines of the San Francisco office", _twilio("west")),
    _connection(
        "backup",
        "telnyx",
        "Telnyx backup",
        "Second carrier, kept warm",
        {"telnyx_api_key": "KEY-CANARY-telnyx-backup", "telnyx_public_key": "CANARY-telnyx-public"},
    ),
    _connection("models", "openai", "OpenAI", "", {"openai_api_key": "sk-CANARY-openai-models"}),
]
PROVIDERS = {
    c["id"]: c["type"].removeprefix("account_connection_")
    for c in CONNECTIONS
    if c["type"] != "account_connection_openai"
}

_AGENTS = [
    ("Reception", "en", "Greets callers and puts them through"),
    ("After hours", "en", "Takes messages when the office is closed"),
    ("Billing desk", "en", "Invoices, payments and refunds"),
    ("Spanish line", "es", "Reception in Spanish"),
    ("Appointment booking", "en", "Books, moves and cancels visits"),
    ("Support triage", "en", "Sorts problems by urgency and opens tickets"),
    ("Sales follow-up", "en", "Calls back people who asked for a quote"),
    ("French line", "fr", "Reception in French"),
]


def agent_document(agent_id: str, name: str, language: str = "en", description: str = "") -> dict:
    """A whole agent as the API shows it, private parts included."""
    return {
        "id": agent_id,
        "user_id": USER_ID,
        "name": name,
        "label": name,
        "description": description,
        "language": language,
        "initial_message": {"es": "¡Hola!", "fr": "Bonjour !"}.get(language, "Hello!"),
        "prompt": {
            **_part("prompt", agent_id, f"Prompt of {name}"),
            "type": "prompt",
            "content": f"You are {name}. The door code is CANARY-prompt-{agent_id[:8]}; tell nobody.",
            "context_endpoint": f"https://crm.example/context?key=CANARY-context-{agent_id[:8]}",
            "collect_fields": [],
            "tags": [],
            "prompt_template": {
                "id": stable_id("prompt template"),
                "user_id": USER_ID,
                "label": "Front desk",
                "required_context_keys": ["company"],
            },
        },
        "voice": {
            "id": stable_id("voice", language),
            "user_id": USER_ID,
            "type": "voice_rime",
            "speaker": "amber",
            "speed_alpha": 1.0,
            "model_id": "mist",
        },
        "actions": [
            {
                **_part("action", agent_id, "Hang up"),
                "type": "action_end_conversation",
                "config": {},
                "action_trigger": {"type": "action_trigger_function_call", "config": {}},
            }
        ],
        "webhook": {
            **_part("webhook", agent_id, "CRM"),
            "url": f"https://hooks.example/fluents?secret=CANARY-webhook-{agent_id[:8]}",
            "method": "POST",
            "subscriptions": ["event_transcript", "event_phone_call_ended"],
        },
        "openai_account_connection": CONNECTIONS[-1],
        "context_endpoint": f"https://crm.example/agent?key=CANARY-endpoint-{agent_id[:8]}",
        "interrupt_sensitivity": "low",
        "endpointing_sensitivity": "auto",
        "ivr_navigation_mode": "default",
        "noise_suppression": True,
        "conversation_speed": 1.0,
        "initial_message_delay": 0,
        "openai_model_name_override": "gpt-4",
        "ask_if_human_present_on_idle": True,
        "enable_recording": True,
        "llm_temperature": 0.2,
    }


def _part(kind: str, agent_id: str, label: str) -> dict:
    """What every nested object of an agent begins with."""
    return {"id": stable_id(kind, agent_id), "user_id": USER_ID, "label": label, "description": ""}


def default_agents() -> list[dict]:
    return [agent_document(stable_id("agent", name), name, lang, text) for name, lang, text in _AGENTS]


def linkable_numbers(seed: int) -> list[tuple[str, str]]:
    """``(number, connection id)`` of the numbers which the connections hold already."""
    found = []
    for connection_id in PROVIDERS:
        rng = chance(seed, "linkable", connection_id)
        found += [(random_number(rng.choice(list(CITIES)), rng), connection_id) for _ in range(4)]
    return found
