"""The way to the first line after setup: steps that are checked off automatically."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Exists, Q

from numbers.db.clock import db_now
from numbers.models import Line, Number, Price, Reconciliation, SyncState
from numbers.states import LineState

BEGINNING = timedelta(days=7)  # after the first line was bought


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what to do, why, the name of the page where it is done, and whether it is."""

    what: str
    why: str
    page: str
    done: bool


def steps(*, user_id: int) -> list[Step]:
    """All steps while one of them is left and the first line isn't long ago; else none. One query."""
    bought = Line.objects.filter(state=LineState.BOUGHT)
    agreed = Reconciliation.objects.filter(finished_at__isnull=False, error="", differences=[])
    row = SyncState.objects.filter(pk=SyncState.SINGLE).annotate(
        priced=Exists(Price.objects.all()),
        others=Exists(User.objects.filter(~Q(pk=user_id), is_active=True)),
        bought=Exists(bought),
        answered=Exists(Number.objects.filter(lines__state=LineState.BOUGHT, agent__isnull=False)),
        agreed=Exists(agreed),
        long_ago=Exists(bought.filter(changed_at__lt=db_now() - BEGINNING)),
    )
    names = ("synced_at", "priced", "others", "bought", "answered", "agreed", "long_ago")
    *done, long_ago = row.values_list(*names).get()
    found = [
        Step(what, why, page, bool(is_done)) for (what, why, page), is_done in zip(WAY, done, strict=True)
    ]
    return [] if long_ago or all(step.done for step in found) else found


WAY = (
    ("Sync.", "Read connections, agents, and numbers from Fluents.", "number-list"),
    ("Set prices.", "Orders then show their cost, and cost limits work.", "prices"),
    ("Invite people.", "Give each person only the roles they need.", "people"),
    ("Buy one line.", "Watch it go through before you buy more.", "order-new"),
    ("Choose who answers.", "Call the number to hear it.", "unassigned"),
    ("Reconcile.", "Check that our records and Fluents agree.", "reconcile"),
)
