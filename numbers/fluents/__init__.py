"""The Fluents API, as this product sees it: plain Python, no Django.

The only importer of `requests`. What leaves this package is frozen data from an
allow-list of fields, so the credentials and prompts that Fluents nests in its
answers never reach the database, a log or a page.
"""

from .client import Client
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
