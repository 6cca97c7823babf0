"""Whose records these are: one API host and one account at Fluents.

A wrong token shows another account: its numbers would come onto our books, ours would go, and every
purchase that got lost would count as not made. So where the account is another one, or suspiciously much is
gone, nothing is changed, buying is paused, and a person is asked.
"""

from itertools import islice

from django.db import transaction

from numbers import fluents
from numbers.db.clock import db_now
from numbers.models import Gate, Number, SyncState
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.fluents_client import WrongAccount, api_host, client
from numbers.services.notifications.notices import tell_gate

FEW = 10  # numbers that may be gone at once
SHARE = 10  # one in so many may be gone at once, where that is more


class NothingToAccept(NotDone):
    """Nobody is asked about anything; the text says so, for people."""


class TooManyGone(fluents.FluentsError):
    """A sync would mark suspiciously many numbers as gone."""

    def __init__(self, count: int, owned: int) -> None:
        super().__init__(request="GET /v1/numbers/list")
        self.count = count
        self.say = f"Fluents lists {count} of our {owned} numbers as gone. Nothing was changed."


def believable(unlisted: list[tuple[int, str]]) -> list[int]:
    """The keys of those of `unlisted` that are gone; each is asked for, as lists shift between two pages.

    Raises TooManyGone where these are suspiciously many, FluentsError.
    """
    owned = Number.objects.owned().count()
    accepted = SyncState.objects.values_list("gone_accepted", flat=True).get()
    asked = (key for key, e164 in unlisted if client().find_number(e164) is None)
    gone = list(islice(asked, FEW + 1))
    if len(gone) > FEW and len(unlisted) > max(owned // SHARE, accepted):
        raise TooManyGone(len(unlisted), owned)
    return [*gone, *asked]


def ask_about(error: fluents.FluentsError) -> None:
    """Pause buying until a person has decided what `error` tells, if it is such a one."""
    if isinstance(error, WrongAccount):
        doubt: dict[str, str | int] = {"kind": "account", "host": error.host, "user_id": error.user_id}
    elif isinstance(error, TooManyGone):
        doubt = {"kind": "gone", "count": error.count}
    else:
        return
    with transaction.atomic():
        gate = Gate.objects.select_for_update().get()  # keeps it from being opened meanwhile
        SyncState.objects.update(doubt=doubt | {"text": error.user_message})
        if not gate.paused:
            gate.paused, gate.paused_by, gate.paused_at = True, "", db_now()
            gate.pause_reason = error.user_message[:500]
            gate.save(update_fields=["paused", "paused_by", "paused_at", "pause_reason"])
            tell_gate(event=record_event(action="gate.paused", reason=error.user_message))


def claim(api: fluents.Client) -> None:
    """From the first reading on the records are of the account that it read. Raises FluentsError."""
    SyncState.objects.update(api_host=api_host())
    unclaimed = SyncState.objects.filter(user_id="")
    if unclaimed.exists() and (owners := api.owners()):
        unclaimed.update(user_id=min(owners))


def no_doubt() -> None:
    """A whole sync has gone well: there is nothing to ask about any more."""
    SyncState.objects.update(doubt={}, gone_accepted=0)


@needs(Right.OPEN)
def accept(*, by: Actor, reason: str) -> None:
    """A person says that it is right: the records are of that account now, or the numbers are gone.

    The next sync goes by that. Buying stays paused. Raises NothingToAccept.
    """
    with transaction.atomic():
        state = SyncState.objects.select_for_update().get()
        if not (doubt := state.doubt):
            raise NothingToAccept("There's nothing to accept. The last sync raised no questions.")
        before = {"host": state.api_host, "account": state.user_id}
        if doubt["kind"] == "account":
            state.api_host, state.user_id = doubt["host"], doubt["user_id"]
        else:
            state.gone_accepted = doubt["count"]
        state.doubt = {}
        state.save(update_fields=["api_host", "user_id", "gone_accepted", "doubt"])
        record_event(action="sync.accepted", by=by, reason=reason, before=before, after=doubt)
