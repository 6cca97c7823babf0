"""Lines that nobody calls and that call nobody: which they are, and what their provider says about that."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from numbers.models import Number, NumberDay

from .knowledge import Knowledge, knowledge
from .rules import RULES
from .tally import first_day

NEW = timedelta(days=30)  # for which a new line is exempt


def idle_lines(known: Knowledge | None = None) -> QuerySet[Number]:
    """Our lines without a call for IDLE_DAYS, but new ones; none where calls are not known for so long.

    `known`: for who has read it already.
    """
    known = knowledge() if known is None else known
    before = known.before(settings.IDLE_DAYS)
    if not (before and known.until):
        return Number.objects.none()
    new = Q(bought_at__gte=known.until - NEW)
    new |= Q(bought_at=None, last_call_at=None, created_at__gte=known.until - NEW)
    return Number.objects.owned().filter(quiet_since__lt=before).exclude(new)


def why_none(known: Knowledge) -> str:
    """Why nobody knows which lines are idle, or what makes it doubtful; else ""."""
    return known.gap(settings.IDLE_DAYS) or known.doubt


def risks(numbers: list[Number], known: Knowledge) -> dict[int, str]:
    """By key, what the provider of each of `numbers` may do; "" where the line meets its rule."""
    ruled = {row.pk: RULES[row.telephony_provider] for row in numbers if row.telephony_provider in RULES}
    if not (ruled and known.until):
        return {}
    days = NumberDay.objects.filter(number__in=ruled, day__gte=first_day(known.until)).order_by()
    lasting = dict(days.values_list("number").annotate(Sum("lasting")))
    return {pk: rule.broken(lasting.get(pk, 0)) for pk, rule in ruled.items()}
