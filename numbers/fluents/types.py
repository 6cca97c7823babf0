"""Answers of the API as frozen data: known fields only, whatever shape they came in."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

# How people and other consoles write numbers. A letter, ";", "," or "#" begins an extension: not read.
# A line break may part two numbers.
WRITTEN = re.compile(r"(?:tel:)? *(?P<plus>\+?)(?P<rest>[\d\t ().\u00a0\u2010-\u2015\u2212-]+)", re.ASCII)
TRUNK = re.compile(r"\( *0 *\)")  # +44 (0)20: dialed only where there is no +44
PLAIN = re.compile(r"\+(?:1\d{6,10}|[2-9]\d{6,14})", re.ASCII)  # as nearly always
NATIONAL = re.compile(r"1?([2-9]\d\d[2-9]\d{6})")  # a number of +1 without its plus sign
# What keys of free-form objects are called under which secrets and prompts are kept.
SECRET = re.compile(
    r"auth(?!or)|token|secret|passw|pwd|credential|cookie|prompt|signature|bearer|pin$|(?:^|[_-])sid$"
    r"|(?:^|[_-]|api|access|private)keys?$",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(r"\bsk[-_]|\bBearer\s|-----BEGIN |eyJ[\w-]{8,}\.|\bAC[0-9a-f]{32}\b")
# How a call ends that nobody picked up, in the words of `stage_outcome`.
UNANSWERED = frozenset({"human_unanswered", "call_did_not_connect"})
OVER = frozenset({"ended", "error"})  # states of a call that changes no more
LONGEST_CALL = timedelta(days=1)  # whatever its end says
DEPTH, MEMBERS, LONGEST = 4, 50, 16_384  # how much of a free-form object is kept; its JSON in characters


def e164(value: object) -> str:
    """The phone number as "+" and digits, or "" when `value` is not one.

    Some answers of this API family drop the plus sign or write a number in its national form. What could
    be more than one number, or has an extension, is not read at all.
    """
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    words = str(value).strip()
    written = WRITTEN.fullmatch(words)
    if not written or words.startswith("-"):
        return ""
    rest = TRUNK.sub("", written["rest"], count=1) if written["plus"] else written["rest"]
    digits = re.sub(r"\D", "", rest, flags=re.ASCII)
    if not written["plus"]:
        if national := NATIONAL.fullmatch(digits):
            return f"+1{national[1]}"
        if len(digits) < 11 or digits != words:
            return ""  # of which country?
    longest = 11 if digits.startswith("1") else 15  # of +1; what is longer has an extension
    return f"+{digits}" if 7 <= len(digits) <= longest and digits[0] != "0" else ""


def moment(value: object) -> datetime | None:
    """The time in `value`, an HTTP date or ISO 8601, in UTC, which is also assumed where it names no zone."""
    if not isinstance(value, str):
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(value.strip())
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def text(value: object, limit: int = 200) -> str:
    return storable(value[:limit]) if isinstance(value, str) else ""


def storable(words: str) -> str:
    """`words` without what JSON may hold and a database refuses: NUL and halves of characters."""
    if words.isascii() and "\x00" not in words:
        return words
    return words.replace("\x00", "").encode("utf-8", "replace").decode()


def identity(value: object) -> str:
    """An id, which may be a string or a whole number."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**40 else ""
    return ""


def reference(value: object) -> str:
    """The id in a field that may hold an id, a name, a whole nested object or nothing."""
    return identity(value.get("id") if isinstance(value, dict) else value)


def nested_name(value: object) -> str:
    return text(value.get("name") or value.get("label")) if isinstance(value, dict) else ""


def free_form(value: object, depth: int = 0) -> object:
    """`value` without what looks like a secret, bounded, and such that any database takes it."""
    if isinstance(value, Mapping) and depth < DEPTH:
        kept = [(text(key, 100), part) for key, part in value.items() if not SECRET.search(key)]
        return {key: free_form(part, depth + 1) for key, part in kept[:MEMBERS]}
    if isinstance(value, list) and depth < DEPTH:
        return [free_form(part, depth + 1) for part in value[:MEMBERS]]
    if isinstance(value, str):
        return "" if SECRET_VALUE.search(value) else text(value, 500)
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def mapping(value: object) -> dict[str, Any]:
    if not value:  # as nearly always
        return {}
    kept = free_form(value)
    return kept if isinstance(kept, dict) and len(json.dumps(kept)) <= LONGEST else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteNumber:
    """A phone number that the account owns, or one offered by the search.

    `status` is that of the answer to a write that told of it, None elsewhere.
    """

    id: str
    number: str
    active: bool
    label: str
    description: str
    outbound_only: bool
    telephony_provider: str
    telephony_account_connection: str
    inbound_agent: str
    inbound_agent_name: str
    tags: tuple[str, ...]
    user_id: str = ""
    example_context: dict[str, Any] = field(default_factory=dict, hash=False)
    config: dict[str, Any] = field(default_factory=dict, hash=False)
    sms_enabled: bool | None = None
    is_routing_number: bool | None = None
    status: int | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, status: int | None = None) -> "RemoteNumber":
        """Raises ValueError where `data` is no object or has no phone number."""
        if not isinstance(data, Mapping) or not (number := e164(data.get("number"))):
            raise ValueError("no phone number in the answer")
        agent = data.get("inbound_agent")
        tags = data.get("tags")
        return cls(
            id=identity(data.get("id")),
            number=number,
            active=data.get("active") is not False,
            label=text(data.get("label")),
            description=text(data.get("description"), 1000),
            outbound_only=data.get("outbound_only") is True,
            telephony_provider=reference(data.get("telephony_provider")),
            telephony_account_connection=reference(data.get("telephony_account_connection")),
            inbound_agent=reference(agent),
            inbound_agent_name=text(data.get("inbound_agent_name")) or nested_name(agent),
            tags=tuple(text(tag, 50) for tag in tags[:50] if isinstance(tag, str))
            if isinstance(tags, list)
            else (),
            user_id=identity(data.get("user_id")),
            example_context=mapping(data.get("example_context")),
            config=mapping(data.get("config")),
            sms_enabled=flag(data.get("sms_enabled")),
            is_routing_number=flag(data.get("is_routing_number")),
            status=status,
        )

    def as_json(self) -> dict[str, Any]:
        """What may be stored and shown of the answer."""
        kept = asdict(self) | {"tags": list(self.tags)}
        del kept["status"]
        return kept


def flag(value: object) -> bool | None:
    """True or False where Fluents says so, None where it does not."""
    return value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A voice agent; its prompt, actions and credentials are dropped here."""

    id: str
    name: str
    label: str
    language: str
    description: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Agent":
        """Raises ValueError where `data` is no object or has no id."""
        if not isinstance(data, Mapping) or not (key := reference(data.get("id"))):
            raise ValueError("no id in the answer")
        fields = {name: text(data.get(name)) for name in ("name", "label", "language", "description")}
        return cls(id=key, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An account connection; `provider` is "twilio" for the type "account_connection_twilio"."""

    id: str
    provider: str
    label: str
    description: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Connection":
        """Raises ValueError where `data` is no object or has no id."""
        if not isinstance(data, Mapping) or not (key := reference(data.get("id"))):
            raise ValueError("no id in the answer")
        return cls(
            id=key,
            provider=text(data.get("type")).removeprefix("account_connection_"),
            label=text(data.get("label")),
            description=text(data.get("description")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as far as it may be known: our own number, never the other side's, and nothing that was said.

    `seconds` is how long both sides talked, 0 where nobody answered. Not `is_over`: it may still be answered.
    """

    id: str
    number: str
    outgoing: bool
    agent: str
    start: datetime
    is_over: bool
    answered: bool
    seconds: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Call":
        """Raises ValueError where `data` is no object or lacks its id, its start, or which side is ours."""
        if not isinstance(data, Mapping) or not (key := identity(data.get("id"))):
            raise ValueError("no id in the answer")
        outgoing, start, end = (
            flag(data.get("is_outgoing")),
            moment(data.get("start_time")),
            moment(data.get("end_time")),
        )
        ours = e164(data.get("from_number" if outgoing else "to_number"))
        if outgoing is None or not start or not ours:
            raise ValueError("no start or number in the answer")
        status, outcome = text(data.get("status")), text(data.get("stage_outcome"))
        is_over = bool(end) or status in OVER
        fine = outcome not in UNANSWERED if outcome else status == "ended" and not data.get("errors")
        answered = is_over and status != "error" and fine
        lasted = min(max(end - start, timedelta()), LONGEST_CALL) if end and answered else timedelta()
        return cls(
            id=key,
            number=ours,
            outgoing=outgoing,
            agent=reference(data.get("agent")),
            start=start,
            is_over=is_over,
            answered=answered,
            seconds=round(lasted.total_seconds()),
        )
