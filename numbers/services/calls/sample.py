"""A sample of our lines is called every day, as a test: those first that were not for the longest time.

Each call of a day has a name, made of the day and its place in the sample. So however many workers ask for
it, and however often, it is one call.
"""

from datetime import date, timedelta

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from numbers.db.clock import db_now
from numbers.models import Number, Proof
from numbers.services.spending import gate
from numbers.telephony.area_codes import areas

from . import proofs

PREFIX = "sample"
AS_OLD = timedelta(days=1)  # a line that was tested within a day is none that was not for long


def ask_for_sample() -> int:
    """Ask for what is missing of today's sample and may be called now; how many lines that is."""
    most = settings.PROOF_SAMPLE
    if not most or (room := proofs.room()) <= 0 or was_restored():
        return 0
    keys = {proofs.key_of(f"{PREFIX} {today()} {n}").hex: n for n in range(1, most + 1)}
    for token in Proof.objects.filter(token__in=keys).values_list("token", flat=True):
        del keys[token]
    missing = list(keys.values())[:room]
    if not missing or not (probe := last_probe()):
        return 0
    lines = longest_untested(len(missing), but=probe)
    return sum(ask_for_call(n, number, probe) for n, number in zip(missing, lines, strict=False))


def today() -> date:
    return timezone.localdate()


def was_restored() -> bool:
    """Whether the database may have forgotten calls of today."""
    at = gate.current().reconciled_at
    return at is not None and timezone.localdate(at) == today()


def last_probe() -> Number | None:
    """The line that people have tested from last, if it can still be used."""
    last = Proof.objects.exclude(asked_by="").select_related("probe__agent").first()
    return last.probe if last and not proofs.why_mute(last.probe) else None


def ask_for_call(n: int, number: Number, probe: Number) -> bool:
    try:
        proofs.ask_once(name=f"{PREFIX} {today()} {n}", number=number, probe=probe)
    except proofs.NotTested:
        return False
    return True


def longest_untested(count: int, *, but: Number) -> list[Number]:
    """At most `count` lines that may be called now: never tested ones, then those tested longest ago."""
    calls = Proof.objects.filter(number=OuterRef("pk"))
    lines = callable_now().exclude(pk=but.pk).select_related("agent")
    found = list(lines.filter(~Exists(calls)).order_by("pk")[:count])
    if len(found) < count:
        tested = (
            lines.filter(Exists(calls)).annotate(at=Max("proofs__asked_at")).filter(at__lt=db_now() - AS_OLD)
        )
        found += tested.order_by("at", "pk")[: count - len(found)]
    return found


def callable_now() -> QuerySet[Number]:
    """Our lines that an agent answers, where it is a good time to call."""
    times = {code: proofs.time_in(area) for code, area in areas().items()}
    awake = [code for code, there in times.items() if there and there.hour in proofs.HOURS]
    lines = Number.objects.owned().filter(area_code__in=awake, outbound_only=False)
    return lines.filter(agent__isnull=False, agent__gone_at=None)
