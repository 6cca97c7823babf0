"""What the gate's page and command tell: whether lines may be sent, and what has to happen first."""

from numbers.models import Number, SyncState
from numbers.services.inventory.holds import area_holders, baseline

from . import gate, registry


def status() -> dict:
    """The gate as plain JSON."""
    row = gate.current()
    state = "paused" if row.paused else {"closed": "open", "open": "stopped"}.get(row.breaker, row.breaker)
    return {
        "state": state,
        "reason": row.pause_reason if row.paused else row.breaker_reason,
        "by": row.paused_by,
        "since": _time(row.paused_at if row.paused else row.breaker_at),
        "books_doubted": row.books_doubted,
        "looked_at": _time(SyncState.objects.get().looked_at),
        "journals": [
            {
                "name": each.name,
                "machine": each.machine,
                "path": each.path,
                "last_seen": _time(each.seen_at),
                "reported": _time(each.reported_at),
                "missing": each.awaited,
            }
            for each in registry.in_use()
        ],
        "missing": [each.name for each in registry.missing()],
        "held": [_number(number) for number in area_holders().select_related("connection").order_by("e164")],
        "baseline": baseline().count(),
    }


def _number(number: Number) -> dict:
    connection = number.connection.api_id if number.connection else ""
    return {"phone_number": number.e164, "area_code": number.area_code, "connection": connection}


def _time(at) -> str | None:
    return at.isoformat() if at else None
