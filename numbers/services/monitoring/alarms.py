"""Alarms: a fixed set, each told once when it begins and once when it ends, whatever restarts in between.

What is open is a row, unique by kind and subject: the process that writes it tells of it,
in the same transaction.
The bell rings at once; mail, webhook and Slack wait for the end of the quiet hours.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, Min, OuterRef, QuerySet, Sum

from numbers.db.clock import db_now
from numbers.models import (
    Alarm,
    AlarmRule,
    CallReading,
    Figures,
    Line,
    Notice,
    NumberDay,
    SeenCall,
    SyncState,
)
from numbers.models.gate import Breaker
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.calls.idle import idle_lines
from numbers.services.errors import NotDone
from numbers.services.notifications.notices import tell
from numbers.services.orders.budgets import standings_at
from numbers.services.spending import gate
from numbers.states import LineState
from numbers.telephony.phone import pretty

from .attention import alarming_agents

Kind = AlarmRule.Kind
#: The threshold of a kind where nobody has chosen another one, and what it is of; others have none.
THRESHOLDS = {
    Kind.UNANSWERED: (60, "minutes"),
    Kind.REVIEW: (60, "minutes"),
    Kind.SYNC: (60, "minutes"),
    Kind.BUDGET: (80, "percent"),
}
MOST = 20  # subjects of one kind
MANY = 1000  # lines; beyond, they are not counted
DAY = timedelta(days=1)


class WrongRule(NotDone):
    """A rule that cannot be set; the text says why, for people."""


# --- What is not as it should be ----------------------------------------------------------------


def unanswered(threshold: int) -> dict[str, str]:
    """Lines whose calls of that many minutes were not answered, as far as calls were read; two or more."""
    until = CallReading.objects.values_list("until", flat=True).get()
    if not until:
        return {}
    later = SeenCall.objects.filter(
        number=OuterRef("number"), answered=True, start_at__gte=OuterRef("start_at")
    )
    missed = SeenCall.objects.filter(~Exists(later), answered=False).order_by("number_id")
    rows = missed.values("number__e164").annotate(count=Count("pk"), first=Min("start_at"))
    rows = rows.filter(count__gt=1, first__lte=until - timedelta(minutes=threshold))
    return {
        e164: f"{pretty(e164)}: none of the last {count:,} calls was answered, for over {threshold} minutes."
        for e164, count in rows.values_list("number__e164", "count")[:MOST]
    }


def wrong(_threshold: int) -> dict[str, str]:
    rows = calls_today().annotate(wrong=Sum("wrong")).filter(wrong__gt=0)
    return {
        e164: f"{pretty(e164)}: the wrong agent answered today."
        for e164 in rows.values_list("number__e164", flat=True)[:MOST]
    }


def calls_today() -> QuerySet:
    today = db_now().astimezone(UTC).date()
    return NumberDay.objects.filter(day=today).order_by("number").values("number")


def silent(_threshold: int) -> dict[str, str]:
    count = idle_lines()[: MANY + 1].count()
    many = f"More than {MANY:,}" if count > MANY else f"{count:,}"
    lines = f"line{'' if count == 1 else 's'} had"
    return {"": f"{many} {lines} no call for {settings.IDLE_DAYS} days."} if count else {}


def agent(_threshold: int) -> dict[str, str]:
    gone = [(row, count) for row, count in alarming_agents() if row.gone_at]
    return {
        row.api_id: f"The agent {row} was deleted. Numbers that still use it: {count:,}."
        for row, count in gone
    }


def review(threshold: int) -> dict[str, str]:
    before = db_now() - timedelta(minutes=threshold)
    late = Line.objects.filter(state=LineState.REVIEW, changed_at__lt=before)
    count = late[: MANY + 1].count()
    one = f"purchase{' has' if count == 1 else 's have'}"
    return {"": f"{count:,} {one} waited for a person for over {threshold} minutes."} if count else {}


def breaker(_threshold: int) -> dict[str, str]:
    row = gate.current()
    return {"": f"Buying has stopped. {row.breaker_reason}"} if row.breaker == Breaker.OPEN else {}


def sync(threshold: int) -> dict[str, str]:
    synced = SyncState.objects.values_list("synced_at", flat=True).get()
    late = synced and db_now() - synced > timedelta(minutes=threshold)
    return {"": f"The last sync was over {threshold} minutes ago."} if late and settings.SYNC_SECONDS else {}


def budget(threshold: int) -> dict[str, str]:
    row = Figures.objects.filter(pk=Figures.SINGLE).first()
    found = standings_at(row.counts.get("budgets", {}) if row else {})
    return {one.tag: f"{one.words}." for one in found if one.percent >= threshold}


CHECKS: dict[str, Callable[[int], dict[str, str]]] = {
    Kind.UNANSWERED: unanswered,
    Kind.WRONG: wrong,
    Kind.SILENT: silent,
    Kind.AGENT: agent,
    Kind.REVIEW: review,
    Kind.BREAKER: breaker,
    Kind.SYNC: sync,
    Kind.BUDGET: budget,
}


# --- Telling ----------------------------------------------------------------------------------


def look() -> int:
    """Begin what is wrong now, end what is not any more, and send the day's digest; how much that was."""
    done = 0
    rules = list(AlarmRule.objects.filter(on=True).prefetch_related("people"))
    for rule in rules:
        found = CHECKS[rule.kind](threshold_of(rule))
        there = {row.subject: row for row in Alarm.objects.filter(kind=rule.kind, ended_at=None)}
        done += sum([begin(rule, subject, found[subject]) for subject in found.keys() - there.keys()])
        done += sum([end(rule, there[subject]) for subject in there.keys() - found.keys()])
    return done + send_digest(rules)


def threshold_of(rule: AlarmRule) -> int:
    return rule.threshold or THRESHOLDS.get(Kind(rule.kind), (0, ""))[0]


def begin(rule: AlarmRule, subject: str, text: str) -> bool:
    """Open an alarm and tell of it; False where somebody else just has."""
    try:
        with transaction.atomic():
            row = Alarm.objects.create(
                kind=rule.kind, subject=subject[:200], text=text[:300], began_at=db_now()
            )
            announce(rule, row, kind=Notice.Kind.ALARM, text=row.text)
    except IntegrityError:
        return False
    return True


def end(rule: AlarmRule, row: Alarm) -> bool:
    """Close an alarm and tell of it; False where somebody else just has."""
    with transaction.atomic():
        if not Alarm.objects.filter(pk=row.pk, ended_at=None).update(ended_at=db_now()):
            return False
        announce(rule, row, kind=Notice.Kind.ALARM_END, text=f"No longer: {row.text}")
    return True


def announce(rule: AlarmRule, row: Alarm, *, kind: str, text: str) -> None:
    """Tell everybody whom the rule names, and once the webhook and Slack."""
    about = {"alarm": rule.kind, "subject": row.subject}
    people: list[User | None] = list(rule.people.filter(is_active=True).order_by("pk")) or [None]
    for n, person in enumerate(people):
        notice = Notice(
            kind=kind,
            occasion=f"{kind}:{row.pk}:{person.pk if person else 0}",
            user=person,
            text=text[:500],
            about=about,
        )
        first = n == 0
        tell(notice, everywhere=first and rule.webhook, slack=first and rule.slack, due_at=after_quiet())


def after_quiet() -> datetime:
    """Now, or the end of the quiet hours."""
    now, first, last = db_now(), settings.ALARM_QUIET_FROM, settings.ALARM_QUIET_TO
    hour = now.astimezone(UTC).hour
    if (hour - first) % 24 >= (last - first) % 24:
        return now
    until = now.astimezone(UTC).replace(hour=last, minute=0, second=0, microsecond=0)
    return until if until > now else until + DAY


def send_digest(rules: Iterable[AlarmRule]) -> int:
    """Once a day, from ALARM_DIGEST on: what is open and what ended, to everybody who hears of alarms."""
    now = db_now().astimezone(UTC)
    if settings.ALARM_DIGEST < 0 or now.hour < settings.ALARM_DIGEST:
        return 0
    people = {person.pk: person for rule in rules for person in rule.people.all() if person.is_active}
    occasions = {f"{Notice.Kind.DIGEST}:{now:%Y-%m-%d}:{pk}": person for pk, person in people.items()}
    told = set(Notice.objects.filter(occasion__in=occasions).values_list("occasion", flat=True))
    if not (occasions.keys() - told) or not (text := digest_of(now)):
        return 0
    for occasion in occasions.keys() - told:
        notice = Notice(kind=Notice.Kind.DIGEST, occasion=occasion, user=occasions[occasion], text=text)
        try:
            with transaction.atomic():
                tell(notice, everywhere=False)
        except IntegrityError:  # another process was faster
            continue
    return len(occasions.keys() - told)


def digest_of(now: datetime) -> str:
    """The alarms that are open, and how many ended within a day; "" where there was none."""
    there = list(Alarm.objects.filter(ended_at=None).order_by("pk").values_list("text", flat=True)[:5])
    count = Alarm.objects.filter(ended_at=None).count()
    ended = Alarm.objects.filter(ended_at__gt=now - DAY).count()
    if not (count or ended):
        return ""
    said = f"{count} alarm{'' if count == 1 else 's'} open, {ended} ended in the last 24 hours."
    return " ".join([said, *there])[:500]


# --- Rules ------------------------------------------------------------------------------------


def rules() -> list[AlarmRule]:
    """A rule for every kind, in their order; one that nobody has set is off."""
    kept = {rule.kind: rule for rule in AlarmRule.objects.prefetch_related("people")}
    return [kept.get(kind) or AlarmRule(kind=kind) for kind in Kind]


@needs(Right.PEOPLE)
def set_rule(
    *,
    by: Actor,
    kind: str,
    on: bool,
    threshold: int | None,
    people: Iterable[User],
    webhook: bool,
    slack: bool,
) -> AlarmRule:
    """Set one kind of alarm. Switched off, what is open ends without a word. Raises WrongRule."""
    if kind not in THRESHOLDS:
        threshold = None
    elif threshold is not None and not 1 <= threshold <= 1_000_000:
        raise WrongRule("Enter a threshold of 1 or more.")
    people = list(people)
    with transaction.atomic():
        about = {"on": on, "threshold": threshold, "webhook": webhook, "slack": slack}
        kept = about | {"set_by_name": by.name, "set_at": db_now()}
        rule, _ = AlarmRule.objects.update_or_create(kind=kind, defaults=kept)
        rule.people.set(people)
        if not on:
            Alarm.objects.filter(kind=kind, ended_at=None).update(ended_at=db_now())
        names = sorted(person.get_username() for person in people)
        record_event(action="alarm.changed", by=by, after={"alarm": kind, **about, "people": names})
    return rule
