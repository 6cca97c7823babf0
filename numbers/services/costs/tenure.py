"""Since when and until when numbers were ours, as far as our records tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from numbers.models import Event, Invoice, Number
from numbers.states import AWAY

LEFT = ("number.released", "number.detached", "number.gone")
CAME = ("line.bought", "number.found", "number.linked")
BACK = "number.back"  # Fluents lists again what had seemed to be gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """One time that a number was ours: from CAME to LEFT, which is None while it still is.

    `bought`: it was bought here, so that a setup fee was due.
    """

    came: datetime
    left: datetime | None = None
    bought: bool = False

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether it was ours at any moment from `start` to before `end`."""
        return self.came < end and (self.left is None or self.left > start)


def tenures(numbers: Iterable[Number]) -> dict[int, list[Tenure]]:
    """All times that each of these numbers was ours, oldest first, by its key.

    The history is asked for those that we gave up at least once; for all others their row says it.
    """
    rows = list(numbers)
    moved = [number.pk for number in rows if number.status in AWAY or number.holding > 1]
    told: dict[int, list[tuple[str, datetime]]] = {}
    events = Event.objects.filter(number__in=moved, action__in=[*LEFT, *CAME, BACK]).order_by("pk")
    for pk, action, at in events.values_list("number", "action", "at"):
        told.setdefault(pk, []).append((action, at))
    return {number.pk: tenures_of(number, told.get(number.pk, [])) for number in rows}


def tenures_of(number: Number, told: list[tuple[str, datetime]]) -> list[Tenure]:
    """The times of `number`, of which the history has `told` in its order."""
    alone = number.holding == 1 and number.bought_at
    since: datetime | None = number.bought_at if alone else number.created_at
    bought, found = number.bought_at is not None, list[Tenure]()
    for action, at in told:
        if action == BACK and since is None and found:
            since = found.pop().came
        elif action in CAME and (since is None or not found):
            since, bought = min(since or at, at), action == "line.bought"
        elif action in LEFT and since is not None:
            found.append(Tenure(came=min(since, at), left=at, bought=bought))
            since = None
    if number.status not in AWAY:
        found.append(Tenure(came=since or number.bought_at or number.created_at, bought=bought))
    elif since is not None:  # it went without a word in the history
        found.append(Tenure(came=since, left=max(since, number.synced_at or since), bought=bought))
    return found


def account_of(invoice: Invoice) -> Q:
    """The numbers of the account that `invoice` is for: a connection, or all of a provider's."""
    if invoice.connection_id:
        return Q(connection=invoice.connection_id)
    provider = invoice.telephony_provider
    unsaid = Q(telephony_provider="", connection__telephony_provider=provider)
    return Q(telephony_provider=provider) | unsaid


def is_on(number: Number, invoice: Invoice) -> bool:
    """Whether `number` is one of that account's."""
    if invoice.connection_id:
        return number.connection_id in (None, invoice.connection_id)
    provider = number.telephony_provider or (number.connection and number.connection.telephony_provider)
    return provider in ("", None, invoice.telephony_provider)
