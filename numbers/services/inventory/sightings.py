"""When Fluents last listed each number.

A sync that finds all numbers there keeps its moment once: PostgreSQL would write a row, and its place in each
index, anew. What a row says itself counts where it is later, and alone for what is no longer ours.
"""

from django.db.models import Case, F, Min, Q, Subquery, When
from django.db.models.functions import Coalesce, Greatest

from numbers.models import Number, SyncState
from numbers.states import AWAY

_OWN = F("synced_at")
_ALL = Coalesce(Subquery(SyncState.objects.values("seen_at")), _OWN)
LAST_SEEN = Case(When(Q(synced_at=None) | Q(status__in=AWAY), then=_OWN), default=Greatest(_OWN, _ALL))


def can_share() -> bool:
    """Whether one moment may stand for what the rows of all our numbers say.

    The list sorts by these rows, so no number that was given up may stand between them.
    """
    oldest = Number.objects.owned().aggregate(oldest=Min("synced_at"))["oldest"]
    return not (oldest and Number.objects.filter(status__in=AWAY, synced_at__gt=oldest).exists())
