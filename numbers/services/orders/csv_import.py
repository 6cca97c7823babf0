"""Reading wants from a CSV file: what somebody wants to buy, a row each.

Nothing is ordered here. What is read becomes a draft, and only if every row could be read.
"""

from collections.abc import Callable
from typing import IO, Any

from django.conf import settings

from numbers.services.csv_tables import BadTable, Columns, Mistake, read_table, told
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.typed_values import Unreadable, read_label, read_quantity, read_tags
from numbers.telephony.characters import shown
from numbers.telephony.numbering_plan import NotForSale, read_area
from numbers.telephony.phone import NotAPhoneNumber, pretty, read_number_for_sale

from .items import Want, count_of, owned_among

COLUMNS = ("area_code", "phone_number", "quantity", "agent", "label", "tags")
TABLE = Columns(
    names={
        "area_code": ("asked_area_code",),
        "phone_number": ("asked_number",),
        "quantity": (),
        "agent": ("inbound_agent", "asked_agent"),
        "label": (),
        "tags": (),
    },
    hints={
        "agent_name": "inbound_agent",
        "amount": "quantity",
        "answers": "inbound_agent",
        "area": "area_code",
        "code": "area_code",
        "count": "quantity",
        "e164": "phone_number",
        "exact_number": "phone_number",
        "how_many": "quantity",
        "how_many_lines": "quantity",
        "lines": "quantity",
        "name": "label",
        "npa": "area_code",
        "number": "phone_number” or “quantity",
        "numbers": "quantity",
        "phone": "phone_number",
        "prefix": "area_code",
        "qty": "quantity",
        "telephone": "phone_number",
        "who_answers": "inbound_agent",
    },
)
TEMPLATE = [
    {"area_code": "415", "quantity": "10", "agent": "Reception", "label": "Front desk", "tags": "west, 2026"},
    {"area_code": "617", "quantity": "5", "agent": "Sales"},
    {"phone_number": "+1 212 555 0123", "label": "The number on the van"},
]


def read_wants(file: IO, *, warnings: list[str] | None = None) -> tuple[list[Want], list[Mistake]]:
    """The wants of `file`, bytes or text, and what is wrong with it: with one mistake there are no wants.

    What a person should confirm of how it was read is added to `warnings`.
    """
    most = settings.MAX_LINES_PER_ORDER
    kept: list[tuple[int, dict[str, str]]] = []
    try:
        table = read_table(file, TABLE)
        if not {"area_code", "phone_number"} & set(table.columns):
            raise BadTable("There's no “area_code” or “phone_number” column. Start with the template.")
        for at, cells in table.rows:
            if len(kept) == most:
                raise BadTable(
                    f"The file has more than {most:,} rows. An order can have up to {most:,} lines."
                )
            kept.append((at, cells))
    except BadTable as error:
        return [], [error.mistake]
    reader = Reader(agents=AgentNames())
    wants = [want for at, cells in kept if (want := reader.read(at, cells))]
    mistakes = reader.mistakes + twice_or_ours(reader)
    if not kept:
        mistakes = [Mistake(text="This file has no rows.")]
    elif not mistakes and (count := count_of(wants)) > most:
        text = f"The rows add up to {count:,} lines. An order can have up to {most:,}."
        mistakes = [Mistake(column="quantity", text=text)]
    if mistakes:
        return [], told(mistakes)
    if warnings is not None:
        warnings += table.warnings
    return wants, []


def twice_or_ours(reader: "Reader") -> list[Mistake]:
    """Exact numbers that an order must not ask for."""
    ours = owned_among(reader.exact)
    found = []
    for e164, places in reader.exact.items():
        (first, typed), *others = places
        if e164 in ours:
            text = f"We already own {pretty(e164)}."
            found.append(Mistake(row=first, column="phone_number", typed=shown(typed, 60), text=text))
        text = f"{pretty(e164)} is already in row {first}."
        found += [
            Mistake(row=at, column="phone_number", typed=shown(typed, 60), text=text) for at, typed in others
        ]
    return found


class Reader:
    """Reads row after row, and notes what is wrong: in `mistakes`, and where each exact number stands."""

    def __init__(self, *, agents: AgentNames) -> None:
        self.mistakes: list[Mistake] = []
        self.exact: dict[str, list[tuple[int, str]]] = {}
        self.readers: dict[str, Callable[[str], object]] = {
            "area_code": lambda cell: read_area(cell) if cell else "",
            "phone_number": lambda cell: read_number_for_sale(cell) if cell else "",
            "quantity": lambda cell: read_quantity(cell or "1", most=settings.MAX_LINES_PER_ORDER),
            "agent": agents.find,
            "label": read_label,
            "tags": read_tags,
        }

    def read(self, at: int, cells: dict[str, str]) -> Want | None:
        """The want of one row, or None where something is wrong with it."""
        before = len(self.mistakes)
        typed = {name: cells.get(name, "").strip() for name in COLUMNS}
        if bool(typed["area_code"]) == bool(typed["phone_number"]):
            both = "Enter an area code or an exact number, not both."
            neither = "Enter an area code, or an exact number in the phone_number column."
            self.wrong(at, "area_code", typed["area_code"], both if typed["area_code"] else neither)
        found: dict[str, Any] = {}
        for name, reader in self.readers.items():
            try:
                found[name] = reader(typed[name])
            except (Unreadable, NotForSale, NotAPhoneNumber) as error:
                self.wrong(at, name, typed[name], str(error))
        if number := found.get("phone_number"):
            self.exact.setdefault(number, []).append((at, typed["phone_number"]))
            if found.get("quantity", 1) != 1:
                text = "You can buy an exact number only once. Enter 1."
                self.wrong(at, "quantity", typed["quantity"], text)
        if len(self.mistakes) > before:
            return None
        agent = found.pop("agent")
        return Want(inbound_agent=agent.api_id if agent else "", **found)

    def wrong(self, at: int, column: str, typed: str, text: str) -> None:
        self.mistakes.append(Mistake(row=at, column=column, typed=shown(typed, 60), text=text))
