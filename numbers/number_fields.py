"""The fields of a number, declared once: files, plans, drift, the list and the history find them here.

A new field gets a column in `models/inventory.py`, a line here and, where Fluents has it too, a place in
`fluents/types.py`. Only what is written in a way of its own needs more: a cell of the list
(`listing/rows.py`) and an input of the form (`forms/numbers.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

type Read = Callable[[Any], object]  # of a Number; this module imports nothing of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a number."""

    name: str  # in files, plans, differences and events
    words: str  # as pages call it
    value: Read  # for files and plans
    planned: bool = False  # people decide it: plans change it, and an edited export is read in again
    drifts: bool = False  # Fluents has it as well and may differ, until a person picks a side
    aliases: tuple[str, ...] = ()  # other names of its column in a file
    column: str = ""  # its name as a column of the list, which is part of addresses


def moment(name: str) -> Read:
    def read(number: Any) -> str | None:
        value = getattr(number, name)
        return value.isoformat() if value else None

    return read


def plain(name: str) -> Read:
    return lambda number: getattr(number, name)


def text(name: str) -> Read:
    return lambda number: str(getattr(number, name) or "")


#: In the order of the export's columns, which is part of the public surface.
FIELDS = (
    Field(name="number", words="Number", value=text("e164"), aliases=("phone_number", "e164")),
    Field(name="label", words="Label", value=text("label"), planned=True, drifts=True, column="label"),
    Field(
        name="agent",
        words="Who answers",
        value=lambda number: number.agent.api_id if number.agent else "",
        planned=True,
        drifts=True,
        aliases=("inbound_agent",),
        column="agent",
    ),
    Field(
        name="tags",
        words="Tags",
        value=lambda number: sorted(tag.name for tag in number.tags.all()),
        planned=True,
        column="tags",
    ),
    Field(
        name="outbound_only",
        words="Outbound only",
        value=lambda number: number.outbound_only,
        planned=True,
        drifts=True,
    ),
    Field(
        name="description",
        words="Description",
        value=text("description"),
        planned=True,
        drifts=True,
        column="description",
    ),
    Field(name="agent_name", words="Agent name", value=text("agent")),
    Field(name="provider", words="Provider", value=text("telephony_provider"), column="provider"),
    Field(name="connection", words="Connection", value=text("connection"), column="connection"),
    Field(name="status", words="Status", value=text("status"), column="status"),
    Field(name="area_code", words="Area code", value=text("area_code")),
    Field(name="region", words="Region", value=text("region")),
    Field(name="origin", words="Origin", value=text("origin")),
    Field(name="bought_at", words="Bought", value=moment("bought_at"), column="bought"),
    Field(name="bought_by", words="Bought by", value=text("bought_by")),
    Field(name="synced_at", words="Last synced", value=moment("synced_at"), column="synced"),
    Field(name="calls_30_days", words="Calls (30 days)", value=plain("calls_30"), column="calls"),
    Field(name="last_call_at", words="Last call", value=moment("last_call_at"), column="last_call"),
)
BY_NAME = {field.name: field for field in FIELDS}
#: As sentences and tables tell of them: who answers comes first.
TOLD = sorted(FIELDS, key=lambda field: field.name != "agent")
WORDS = {field.name: field.words for field in TOLD}
PLANNED = tuple(field.name for field in TOLD if field.planned)
DRIFTING = tuple(field.name for field in TOLD if field.drifts)
#: What a number in the drift inbox may be there for.
DRIFT_KINDS = ("appeared", "gone", *DRIFTING)
#: Columns of the list by their names in its address.
COLUMNS = {field.column: field.words for field in FIELDS if field.column}
