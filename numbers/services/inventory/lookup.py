"""Looking one number up at Fluents. Reads only."""

from collections.abc import Callable

from numbers import fluents
from numbers.services.fluents_client import client


def find_anywhere(
    phone_number: str, *, keep: Callable[[], None] = lambda: None
) -> fluents.RemoteNumber | None:
    """The number as Fluents shows it, by its own look-up or else in the list. Raises FluentsError.

    `keep` renews the caller's lease, if it has one, with each page of the list.
    """
    try:
        found = client().find_number(phone_number)
    except fluents.OtherNumber:
        found = None
    return found or find_listed(phone_number, keep)


def find_listed(phone_number: str, keep: Callable[[], None]) -> fluents.RemoteNumber | None:
    """The number in the list of owned ones. Raises FluentsError, also where unreadable ones may hide it."""
    listing = client().numbers(before_page=keep)
    for number in listing:
        if number.number == phone_number:
            return number
    listing.require_whole()
    return None
