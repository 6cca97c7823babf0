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
    OtherNumber,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Refused,
    Unauthorized,
    Unsendable,
    Unsupported,
)
from .lists import CallPage, Listing
from .types import Agent, Call, Connection, RemoteNumber, e164, moment

__all__ = [
    "Agent",
    "Call",
    "CallPage",
    "Client",
    "Conflict",
    "Connection",
    "FluentsError",
    "Invalid",
    "Listing",
    "NotConfigured",
    "NotFound",
    "NotSent",
    "OtherNumber",
    "OutcomeUnknown",
    "PaymentRequired",
    "RateLimited",
    "Refused",
    "RemoteNumber",
    "Unauthorized",
    "Unsendable",
    "Unsupported",
    "e164",
    "moment",
]
