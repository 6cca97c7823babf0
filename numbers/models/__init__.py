"""What is kept. Rows are written by `numbers.services` only."""

from .buying import Attempt, Line, Look, Order
from .changes import Plan, PlanRow, SavedView
from .gate import Gate, Journal, Price, Reconciliation
from .history import Event, Seal
from .inventory import Agent, Connection, Number, Tag

__all__ = [
    "Agent",
    "Attempt",
    "Connection",
    "Event",
    "Gate",
    "Journal",
    "Line",
    "Look",
    "Number",
    "Order",
    "Plan",
    "PlanRow",
    "Price",
    "Reconciliation",
    "SavedView",
    "Seal",
    "Tag",
]
