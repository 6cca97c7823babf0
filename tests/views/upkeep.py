"""Books to look at: what the page tests of upkeep begin with."""

from django.utils import timezone

from numbers.models import Agent, Connection, Event, Number
from numbers.permissions import Role
from tests.support.people import give

HOSTILE = [
    "\x00",
    "%00",
    "'; DROP TABLE numbers_number; --",
    "<script>alert(1)</script>",
    "9" * 400,
    "-1",
    "1e309",
    "\u0663",  # a digit, but none of ours
    "nan",
    "2026-13-45",
    "0000-00-00",
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661",
    "🐘" * 100,
    "{{ 7 }}",
]


def connection(name: str = "Twilio main") -> Connection:
    row, _ = Connection.objects.get_or_create(
        api_id=f"id of {name}",
        defaults={"label": name, "telephony_provider": "twilio", "synced_at": timezone.now()},
    )
    return row


def agent(name: str = "Reception", **fields) -> Agent:
    given = {"name": name, "known_as": name, "synced_at": timezone.now()} | fields
    row, _ = Agent.objects.get_or_create(api_id=f"id of {name}", defaults=given)
    return row


def numbers(count: int, *, start: int = 0, **fields) -> list[Number]:
    """COUNT numbers in San Francisco, each with an event of its own."""
    given = {
        "connection": connection(),
        "telephony_provider": "twilio",
        "area_code": "415",
        "region": "CA",
        "synced_at": timezone.now(),
    } | fields
    Number.objects.bulk_create(
        [
            Number(e164=e164, search_text=e164, api_id=f"api {n}", **{"label": f"Desk {n}"} | given)
            for n in range(start, start + count)
            for e164 in [f"+1415555{n:04d}"]
        ]
    )
    rows = list(Number.objects.order_by("pk"))[-count:]
    Event.objects.bulk_create([Event(action="number.found", number=row, reason="Found") for row in rows])
    return rows


def differing(count: int, *, start: int = 0) -> list[Number]:
    ours, theirs = agent("Reception"), agent("Bookings")
    drift = {
        "agent": {"ours": ours.api_id, "theirs": theirs.api_id},
        "label": {"ours": "Ours", "theirs": "Theirs"},
    }
    return numbers(count, start=start, agent=ours, label="Ours", drift=drift, drifted=True)


def allow_release(user) -> None:
    give(user, Role.ADMIN)
