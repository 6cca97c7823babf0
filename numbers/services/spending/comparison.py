"""The send journal against the database: does it know purchases, or a history, that the database does not?

A database that knows the seal in a journal has seen all that was sealed before. So the comparison begins at
the journal's end, and stops at a known seal that is old enough for each purchase before it to be sealed, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched, islice

from django.conf import settings

from numbers.db.clock import JUMP, db_now
from numbers.models import Attempt, Gate, Seal

from . import journal

RECENT = 60  # entries among which there is the last seal, or it is due
HELD_UP = 8  # entries, seals among them, by processes that were held up between the gate and the journal
AT_ONCE = 500
SEAL_EVERY = timedelta(seconds=45)  # with the pause between two rounds of the worker: once a minute at least
LATEST_SEAL = timedelta(minutes=10)  # a purchase is sealed long before; `audit_verify` complains otherwise


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What a journal knows that the database does not."""

    forgotten: list[dict] = field(default_factory=list)  # sends, oldest first
    older: bool = False  # the journal has a seal that the database does not
    unreadable: int = 0  # rows that may be anything
    heard_of: dict[str, dict] = field(default_factory=dict)  # journals that were live afterwards, by id
    complete_at: datetime | None = None  # when the database last knew all that the journal does

    @property
    def agrees(self) -> bool:
        return not (self.forgotten or self.older or self.unreadable)

    def hear_of(self, entry: dict) -> None:
        self.heard_of |= {info["id"]: info for info in entry["live"]}


def agrees_lately() -> bool:
    """Whether the last rows agree, which is cheap enough to ask before each purchase. Raises OSError."""
    last = list(islice(journal.newest_first(), settings.GATE_IN_FLIGHT + HELD_UP))
    if last and last[0] is None:
        return False
    # Each of the sends: as many as are in flight at once may be written down in another order than they
    # passed the gate in. And the newest seal, where it is newer than all of them.
    asked = [entry for entry in last if entry and "key" in entry]
    asked += [entry for entry in last[:1] if entry and "head" in entry]
    unknown = [entry for entry, known in _with_knowledge(asked) if entry and not known]
    return not unknown or all(_is_settled(entry, _settled_at()) for entry in unknown)


def seal_is_due(live: list[dict]) -> bool:
    """Whether nearly a minute has gone by since the journal's last seal, or others are `live` now.

    Raises OSError.
    """
    entries = islice(journal.newest_first(), RECENT)
    last = next((entry for entry in entries if entry and "head" in entry), None)
    if last is None or last["live"] != live:
        return True
    return not -JUMP < db_now() - datetime.fromisoformat(last["at"]) < SEAL_EVERY  # or from a wrong clock


def compare() -> Comparison:
    """Compare this machine's journal with the database, as far back as they can differ. Raises OSError."""
    found, settled_at, tail = Comparison(), _settled_at(), True
    for entry, known in _with_knowledge(journal.newest_first()):
        if not entry:
            found.unreadable += tail or entry == {}  # who writes a seal has told of what is before it
            continue
        if _is_settled(entry, settled_at):
            if _is_settled(entry, settled_at and settled_at - LATEST_SEAL):
                break
            tail = False
            continue  # a row before it may be of a later purchase
        if "key" in entry:
            if not known:
                found.forgotten.append(entry)
                found.hear_of(entry)
        else:
            tail = False
            if _is_end(found, entry, known):
                break
    found.forgotten.reverse()
    return found


def _is_end(found: Comparison, head: dict, known: bool) -> bool:
    """Take `head`, a seal of the history, into account; whether nothing before it can be unknown."""
    at = datetime.fromisoformat(head["at"])
    if found.complete_at:
        return known and at < found.complete_at - LATEST_SEAL
    found.hear_of(head)
    if known:
        found.complete_at = at
    else:
        found.older = True
    return False


def _settled_at() -> datetime | None:
    """When a person last said that books and Fluents were compared."""
    return Gate.objects.values_list("reconciled_at", flat=True).get(pk=Gate.SINGLE)


def _is_settled(entry: dict, settled_at: datetime | None) -> bool:
    return settled_at is not None and datetime.fromisoformat(entry["at"]) <= settled_at


def _with_knowledge(entries: Iterable[dict | None]) -> Iterator[tuple[dict | None, bool]]:
    """Each entry, and whether the database knows its purchase or its seal."""
    for portion in batched(entries, AT_ONCE):
        keys = [entry["key"] for entry in portion if entry and "key" in entry]
        numbers = [int(entry["head"].partition(":")[0]) for entry in portion if entry and "head" in entry]
        known = {journal.NOTHING_SEALED}
        if keys:
            attempts = Attempt.objects.filter(key__in=keys).order_by()
            known |= {str(key) for key in attempts.values_list("key", flat=True)}
        if numbers:
            known |= {str(seal) for seal in Seal.objects.filter(n__in=numbers)}
        for entry in portion:
            yield entry, (entry.get("key") or entry["head"]) in known if entry else False
