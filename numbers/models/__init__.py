"""What is kept. Rows are written by `numbers.services` only."""

from .buying import Approval, Attempt, Draft, Line, Look, Order
from .changes import Plan, PlanRow, SavedView, Wish
from .figures import Figures
from .gate import Gate, Journal, Price, Reconciliation
from .history import Event, Seal
from .inventory import Agent, Connection, Number, Tag
from .notices import Delivery, Notice, PutAway

__all__ = [
    "Agent",
    "Approval",
    "Attempt",
    "Connection",
    "Delivery",
    "Draft",
    "Event",
    "Figures",
    "Gate",
    "Journal",
    "Line",
    "Look",
    "Notice",
    "Number",
    "Order",
    "Plan",
    "PlanRow",
    "Price",
    "PutAway",
    "Reconciliation",
    "SavedView",
    "Seal",
    "Tag",
    "Wish",
]
