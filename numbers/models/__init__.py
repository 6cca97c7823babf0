"""What is kept. Rows are written by `numbers.services` only."""

from .alarms import Alarm, AlarmRule
from .calls import AgentDay, CallReading, NumberDay, SeenCall
from .commits import Commit
from .costs import Budget, CountedMonth, Finding, Invoice, InvoiceLayout, MonthCost
from .events import NO_ROW, Event, Seal
from .gate import Gate, Journal
from .inventory import Agent, Connection, Number, Reconciliation, Tag
from .notifications import Delivery, Notice, PutAway, Snooze
from .orders import Approval, Attempt, Draft, Line, Look, Order, TypedForm
from .people import AccountLink
from .plans import Plan, PlanRow, PlanSource, SavedView
from .prices import Price
from .proofs import CallEndpoint, Proof
from .statistics import Figures
from .sync import SyncRequest, SyncState

__all__ = [
    "NO_ROW",
    "AccountLink",
    "Agent",
    "AgentDay",
    "Alarm",
    "AlarmRule",
    "Approval",
    "Attempt",
    "Budget",
    "CallEndpoint",
    "CallReading",
    "Commit",
    "Connection",
    "CountedMonth",
    "Delivery",
    "Draft",
    "Event",
    "Figures",
    "Finding",
    "Gate",
    "Invoice",
    "InvoiceLayout",
    "Journal",
    "Line",
    "Look",
    "MonthCost",
    "Notice",
    "Number",
    "NumberDay",
    "Order",
    "Plan",
    "PlanRow",
    "PlanSource",
    "Price",
    "Proof",
    "PutAway",
    "Reconciliation",
    "SavedView",
    "Seal",
    "SeenCall",
    "Snooze",
    "SyncRequest",
    "SyncState",
    "Tag",
    "TypedForm",
]
