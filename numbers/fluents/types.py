"""Answers of the API as frozen data: known fields only, whatever shape they came in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


def e164(value: object) -> str:
    """The phone number as "+" and digits, or "" when VALUE is not one.

    Some answers of this API family drop the plus sign, so numbers are compared by digits.
    """
    digits = "".join(c for c in str(value or "") if c in "0123456789")
    return f"+{digits}" if 7 <= len(digits) <= 15 else ""


def text(value: object, limit: int = 200) -> str:
    return storable(value[:limit]) if isinstance(value, str) else ""


def storable(words: str) -> str:
    """WORDS without what JSON may hold and a database refuses: NUL and halves of characters."""
    return words.replace("\x00", "").encode("utf-8", "replace").decode()


def reference(value: object) -> str:
    """The id in a field that may hold an id, a name, a whole nested object or nothing."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return text(value)


def nested_name(value: object) -> str:
    return text(value.get("name") or value.get("label")) if isinstance(value, Mapping) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A phone number that the account owns, or one offered by the search."""

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

    @classmethod
    def from_json(cls, data: Mapping) -> "Number":
        """Raises ValueError where DATA has no phone number."""
        number = e164(data.get("number"))
        if not number:
            raise ValueError("no phone number in the answer")
        agent = data.get("inbound_agent")
        tags = data.get("tags")
        return cls(
            id=text(data.get("id")),
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
        )

    def as_json(self) -> dict:
        """What may be stored and shown of the answer."""
        return asdict(self) | {"tags": list(self.tags)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A voice agent; its prompt, actions and credentials are dropped here."""

    id: str
    name: str
    label: str
    language: str
    description: str

    @classmethod
    def from_json(cls, data: Mapping) -> "Agent":
        """Raises ValueError where DATA has no id."""
        if not (key := reference(data.get("id"))):
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
    def from_json(cls, data: Mapping) -> "Connection":
        """Raises ValueError where DATA has no id."""
        if not (key := reference(data.get("id"))):
            raise ValueError("no id in the answer")
        return cls(
            id=key,
            provider=text(data.get("type")).removeprefix("account_connection_"),
            label=text(data.get("label")),
            description=text(data.get("description")),
        )
