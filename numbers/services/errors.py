"""Errors whose text is for people."""

from numbers.fluents import FluentsError


class NotDone(Exception):
    """An act that cannot be done as it stands; the text says why, and what to do about it."""


def reason_of(error: NotDone | FluentsError) -> str:
    """What a page or a command tells people about `error`."""
    return error.user_message if isinstance(error, FluentsError) else str(error)
