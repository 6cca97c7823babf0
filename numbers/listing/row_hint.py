"""What a row of the purchase form comes to while somebody types: stock, cost, and what is doubtful."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from numbers.forms.orders import RowForm, synced_connection
from numbers.models import Connection
from numbers.services.orders.availability import Stock, idle_in, stock_of
from numbers.services.orders.prices import Cost, estimate
from numbers.telephony.area_codes import Area, areas, match
from numbers.telephony.numbering_plan import NotForSale, read_area, warning_about
from numbers.telephony.phone import NotAPhoneNumber, check_for_sale, read_number_for_sale

OFFERED = 8  # area codes of one place


@dataclass(kw_only=True)
class Hint:
    """What stands at a row. `wrong` says why it cannot be bought, `doubt` what a person should confirm."""

    wrong: str = ""
    doubt: str = ""
    place: str = ""
    choices: list[Area] = field(default_factory=list)
    more: int = 0  # choices that are not listed
    code: str = ""
    area: Area | None = None
    quantity: int = 0
    stock: Stock | None = None
    connection: Connection | None = None
    idle: int = 0
    each: Cost = field(default_factory=Cost)
    cost: Cost = field(default_factory=Cost)


def hint_of(row: RowForm, account: Mapping) -> Hint | None:
    """What to say at `row` with the account that `account` names; None where nothing is asked for yet."""
    typed, number = ((row[name].value() or "").strip() for name in ("area_code", "phone_number"))
    if number or not typed:
        return with_cost(of_number(number), row, account) if number else None
    try:
        code = read_area(typed)
    except NotForSale as error:
        found = match(typed)
        if len(found) < 2:
            return Hint(wrong=str(error))
        return Hint(place=place_of(typed, found), choices=found[:OFFERED], more=max(0, len(found) - OFFERED))
    hint = Hint(code=code, area=areas().get(code), doubt=warning_about(code))
    hint.idle = idle_in([code]).get(code, 0)
    return with_cost(with_stock(hint, row, account), row, account)


def place_of(typed: str, found: list[Area]) -> str:
    """What was `typed`, as people write it: "LA" is Louisiana here, and says so."""
    if typed.upper() == found[0].region:
        return found[0].region_name
    if not typed.islower():
        return typed
    short = {area.region.lower() for area in found} | {"sf", "nyc"}
    return " ".join(word.upper() if word in short else word.title() for word in typed.split())


def of_number(text: str) -> Hint:
    try:
        return Hint(doubt=check_for_sale(read_number_for_sale(text)))
    except (NotAPhoneNumber, NotForSale) as error:
        return Hint(wrong=str(error))


def with_stock(hint: Hint, row: RowForm, account: Mapping) -> Hint:
    """`hint` with what Fluents offers in its area."""
    if connection := synced_connection(account):
        hint.connection = connection
        hint.stock = stock_of(
            area_code=hint.code,
            quantity=row.asked,
            telephony_provider=connection.telephony_provider,
            telephony_account_connection=connection.api_id,
        )
    return hint


def with_cost(hint: Hint, row: RowForm, account: Mapping) -> Hint:
    """`hint` with what a line costs by our own price table, and all lines of the row."""
    names = {
        "telephony_provider": account.get("telephony_provider", ""),
        "telephony_account_connection": account.get("telephony_account_connection", ""),
    }
    hint.quantity = row.asked
    hint.each, hint.cost = (estimate(**names, quantity=count) for count in (1, hint.quantity))
    return hint
