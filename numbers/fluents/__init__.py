"""The Fluents API, as this product sees it: plain Python, no Django.

The only importer of `requests`. What leaves this package is frozen data from an
allow-list of fields, so the credentials and prompts that Fluents nests in its
answers never reach the database, a log or a page.
"""

from typing import TYPE_CHECKING

from .errors import (
    Conflict,
    FluentsError,
    Invalid,
    NotConfigured,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Refused,
    Unauthorized,
    Unsupported,
)
from .types import Agent, Connection, Number, e164

if TYPE_CHECKING:
    from .client import Client


def __getattr__(name: str) -> type:
    """The client is imported by whoever makes one: most pages know only what it raises and returns."""
    if name == "Client":
        from .client import Client  # noqa: PLC0415 -- `requests` takes its time

        return Client
    raise AttributeError(name)


__all__ = [
    "Agent",
    "Client",
    "Conflict",
    "Connection",
    "FluentsError",
    "Invalid",
    "NotConfigured",
    "NotFound",
    "NotSent",
    "Number",
    "OutcomeUnknown",
    "PaymentRequired",
    "RateLimited",
    "Refused",
    "Unauthorized",
    "Unsupported",
    "e164",
]
