"""Alarms: each is told once when it begins and once when it ends, however often everything restarts."""

import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.core.management import call_command

from numbers.db.clock import db_now
from numbers.models import (
    Agent,
    Alarm,
    AlarmRule,
    CallReading,
    Connection,
    Delivery,
    Gate,
    Line,
    Notice,
    Number,
    NumberDay,
    Price,
    SeenCall,
    SyncState,
)
from numbers.permissions import Role
from numbers.services.monitoring import alarms, statistics
from numbers.services.notifications import delivery
from numbers.services.scheduler import Scheduler
from numbers.states import LineState
from tests.services.notifications.test_notices import Receiver
from tests.support.books import PERSON, bare_line
from tests.support.people import person

pytestmark = pytest.mark.django_db
Kind = AlarmRule.Kind


@pytest.fixture(autouse=True)
def quiet(settings):
    settings.ALARM_DIGEST, settings.SYNC_SECONDS = -1, 600
    settings.ALARM_QUIET_FROM = settings.ALARM_QUIET_TO = 0


@pytest.fixture
def ada():
    user = person("ada", Role.ADMIN)
    user.email = "ada@example.com"
    user.save()
    return user


@pytest.fixture
def slack(settings):
    receiver = Receiver()
    settings.NOTIFY_SLACK_URL = receiver.url
    yield receiver
    receiver.shutdown()
    receiver.server_close()


def rule(kind: str, *people, threshold: int | None = None, on: bool = True) -> AlarmRule:
    return alarms.set_rule(
        by=PERSON, kind=kind, on=on, threshold=threshold, people=people, webhook=True, slack=True
    )


def restart() -> None:
    """A worker begins anew, and its first round looks."""
    Scheduler(keeper=False).round()


def told() -> list[str]:
    return list(
        Notice.objects.filter(kind__startswith="alarm.").order_by("pk").values_list("kind", flat=True)
    )


def number(n: int, **fields) -> Number:
    return Number.objects.create(e164=f"+1415555{n:04}", **fields)


def called(row: Number, **counts) -> NumberDay:
    now = db_now()
    return NumberDay.objects.create(number=row, day=now.astimezone(UTC).date(), last_at=now, **counts)


def missed(row: Number, *ago: int, answered: bool | None = False) -> None:
    """Calls of so many minutes ago, which all were read."""
    CallReading.objects.update(until=db_now())
    for minutes in ago:
        at = db_now() - timedelta(minutes=minutes)
        SeenCall.objects.create(call_id=uuid.uuid4().hex, start_at=at, number=row, answered=answered)


def begin_unanswered(settings):
    missed(number(1), 61, 20, 5)


def begin_wrong(settings):
    called(number(1), incoming=1, answered=1, wrong=1)


def begin_silent(settings):
    settings.CALLS_SECONDS = 600
    CallReading.objects.update(since=db_now() - timedelta(days=400), until=db_now(), supported=True)
    number(1, bought_at=db_now() - timedelta(days=300))


def begin_agent(settings):
    number(1, agent=Agent.objects.create(api_id="a", name="Reception", gone_at=db_now()))


def begin_review(settings):
    line = bare_line(LineState.REVIEW)
    Line.objects.filter(pk=line.pk).update(changed_at=db_now() - timedelta(minutes=61))


def begin_breaker(settings):
    Gate.objects.update(breaker="open", breaker_reason="Three purchases got no answer.", breaker_at=db_now())


def begin_sync(settings):
    SyncState.objects.update(synced_at=db_now() - timedelta(minutes=61))


def begin_budget(settings):
    settings.BUDGET_MONTH = 10
    own = Connection.objects.create(api_id="c", telephony_provider="twilio")
    Price.objects.create(telephony_provider="twilio", monthly=8)
    number(1, connection=own, telephony_provider="twilio")
    statistics.count()


def end_of(kind: str) -> None:
    NumberDay.objects.update(answered=1, wrong=0)
    SeenCall.objects.update(answered=True)
    Number.objects.update(agent=None, last_call_at=db_now())
    Line.objects.update(state=LineState.FAILED)
    Gate.objects.update(breaker="closed")
    SyncState.objects.update(synced_at=db_now())
    if kind == Kind.BUDGET:
        Price.objects.update(monthly=Decimal("7.99"))
        statistics.count()


SAYS = {
    Kind.UNANSWERED: "+1 415 555 0001: none of the last 3 calls was answered, for over 60 minutes.",
    Kind.WRONG: "+1 415 555 0001: the wrong agent answered today.",
    Kind.SILENT: "1 line had no call for 90 days.",
    Kind.AGENT: "The agent Reception was deleted. Numbers that still use it: 1.",
    Kind.REVIEW: "1 purchase has waited for a person for over 60 minutes.",
    Kind.BREAKER: "Buying has stopped. Three purchases got no answer.",
    Kind.SYNC: "The last sync was over 60 minutes ago.",
    Kind.BUDGET: "80% of the monthly budget: $8.00 of $10.00.",
}


@pytest.mark.parametrize("kind", Kind)
def test_each_is_told_once_when_it_begins_and_once_when_it_ends_over_three_restarts(settings, ada, kind):
    settings.IDLE_DAYS = 90
    rule(kind, ada)
    restart()
    assert told() == []
    globals()[f"begin_{kind}"](settings)
    for _ in range(3):
        restart()
    assert told() == ["alarm.began"]
    assert Notice.objects.get(user=ada).text == SAYS[kind]
    end_of(kind)
    for _ in range(3):
        restart()
    assert told() == ["alarm.began", "alarm.ended"]
    assert Alarm.objects.get().ended_at
    globals()[f"begin_{kind}"](settings) if kind in (Kind.SYNC, Kind.BREAKER) else None
    restart()
    assert len(told()) == (3 if kind in (Kind.SYNC, Kind.BREAKER) else 2)  # a new one is another one


def test_just_below_its_threshold_nothing_is_told(settings, ada):
    for kind in Kind:
        rule(kind, ada)
    missed(number(1), 59, 5)
    missed(number(2), 90)  # one call tells little
    missed(answers := number(3), 90, 80)
    missed(answers, 20, answered=True)
    missed(number(4), 90, 80, answered=None)  # these went out
    line = bare_line(LineState.REVIEW)
    Line.objects.filter(pk=line.pk).update(changed_at=db_now() - timedelta(minutes=59))
    SyncState.objects.update(synced_at=db_now() - timedelta(minutes=59))
    restart()
    assert told() == []


def test_a_rule_that_is_off_tells_nothing_and_ends_what_is_open_without_a_word(settings, ada):
    begin_sync(settings)
    restart()
    assert told() == []
    rule(Kind.SYNC, ada)
    restart()
    rule(Kind.SYNC, ada, on=False)
    restart()
    assert (told(), Alarm.objects.filter(ended_at=None).count()) == (["alarm.began"], 0)


def test_it_rings_mails_and_tells_webhook_and_slack_once_whoever_hears_of_it(settings, ada, slack):
    settings.NOTIFY_BY_MAIL = True
    begin_breaker(settings)
    Gate.objects.update(breaker_reason="<!channel> & more")
    rule(Kind.BREAKER, ada, person("bob", Role.BUYER))
    restart()
    for job in delivery.claim(limit=9):
        delivery.run(job)
    assert [(notice.user.username, notice.kind) for notice in Notice.objects.order_by("pk")] == [
        ("ada", "alarm.began"),
        ("bob", "alarm.began"),
    ]
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]
    [(_, body)] = slack.got
    assert set(json.loads(body)) == {"text"}
    assert json.loads(body)["text"].startswith("Buying has stopped. &lt;!channel&gt; &amp; more http")
    assert json.loads(body)["text"].endswith("/alarms/")


def test_slacks_address_is_in_no_error_and_no_row(settings, ada, slack):
    slack.status = 500
    begin_breaker(settings)
    rule(Kind.BREAKER, ada)
    restart()
    for job in delivery.claim(limit=9):
        delivery.run(job)
    row = Delivery.objects.get(channel="slack")
    assert (row.error, row.to) == ("The Slack address returned status 500.", "")
    slack.status = 302
    with pytest.raises(delivery.webhook.Failed, match="status 302"):  # no redirect is followed
        delivery.send(row)


@pytest.mark.parametrize(
    ("hour", "first", "last", "waits"),
    [
        (23, 22, 7, 8),
        (3, 22, 7, 4),
        (7, 22, 7, 0),
        (12, 22, 7, 0),
        (22, 22, 7, 9),
        (3, 0, 0, 0),
        (9, 8, 17, 8),
    ],
)
def test_in_quiet_hours_only_the_bell_rings(settings, monkeypatch, hour, first, last, waits):
    now = datetime(2026, 3, 5, hour, 0, tzinfo=UTC)
    settings.ALARM_QUIET_FROM, settings.ALARM_QUIET_TO = first, last
    monkeypatch.setattr(alarms, "db_now", lambda: now)
    assert alarms.after_quiet() == now + timedelta(hours=waits)


def test_deliveries_wait_for_the_end_of_the_quiet_hours(settings, ada, slack):
    hour = db_now().astimezone(UTC).hour
    settings.ALARM_QUIET_FROM, settings.ALARM_QUIET_TO = hour, (hour + 2) % 24
    begin_breaker(settings)
    rule(Kind.BREAKER, ada)
    restart()
    assert Notice.objects.filter(user=ada).exists()
    assert delivery.claim(limit=9) == []
    assert Delivery.objects.get().due_at > db_now()


def test_the_digest_comes_once_a_day_to_each_and_not_on_a_day_without_an_alarm(settings, ada):
    settings.ALARM_DIGEST = 0
    bob = person("bob", Role.BUYER)
    rule(Kind.SYNC, ada, bob)
    rule(Kind.BREAKER, ada)
    SyncState.objects.update(synced_at=db_now())
    restart()
    assert told() == []
    begin_sync(settings)
    for _ in range(3):
        restart()
    digests = Notice.objects.filter(kind="alarm.digest").order_by("user__username")
    assert [(row.user.username, row.text) for row in digests] == [
        (name, "1 alarm open, 0 ended in the last 24 hours. The last sync was over 60 minutes ago.")
        for name in ("ada", "bob")
    ]


def test_two_that_look_at_once_tell_it_once(settings, ada):
    begin_breaker(settings)
    kept = rule(Kind.BREAKER, ada)
    assert alarms.begin(kept, "", "Buying has stopped.")
    assert not alarms.begin(kept, "", "Buying has stopped.")
    row = Alarm.objects.get()
    assert [alarms.end(kept, row), alarms.end(kept, row)] == [True, False]
    assert told() == ["alarm.began", "alarm.ended"]


def test_the_page_shows_what_is_open_and_sets_a_rule(client, settings, ada):
    settings.REAUTH_SECONDS = 0
    client.force_login(ada)
    form = {"kind": "sync", "on": "on", "threshold": "45", "people": [ada.pk], "slack": "on"}
    assert client.post("/alarms/", form).status_code == 302
    kept = AlarmRule.objects.get()
    assert (kept.on, kept.threshold, kept.webhook, kept.slack) == (True, 45, False, True)
    assert list(kept.people.all()) == [ada]
    assert client.post("/alarms/", form | {"threshold": "0"}).status_code == 422
    begin_sync(settings)
    restart()
    text = client.get("/alarms/").text
    assert "The last sync was over 45 minutes ago." in text
    assert client.get("/notices/").text.count('href="/alarms/"') == 2  # the button and the notice
    client.force_login(person("vera", Role.VIEWER))
    text = client.get("/alarms/").text
    assert "An administrator can change this." in text
    assert 'name="threshold"' not in text
    assert client.post("/alarms/", form).status_code == 403


def test_the_command_does_the_same(settings, ada):
    def run(*arguments: str) -> list[dict]:
        out = io.StringIO()
        call_command("alarms", *arguments, "--json", stdout=out, stderr=io.StringIO())
        return [json.loads(line) for line in out.getvalue().splitlines()]

    assert run("set", "--kind", "sync", "--on", "--threshold", "90", "--to", "ada") == [
        {"kind": "sync", "on": "on"}
    ]
    shown = next(row for row in run("rules") if row["kind"] == "sync")
    assert shown == {"kind": "sync", "on": "on", "threshold": 90, "people": ["ada"]}
    SyncState.objects.update(synced_at=db_now() - timedelta(minutes=91))
    restart()
    assert [row["text"] for row in run()] == ["The last sync was over 90 minutes ago."]
    for wrong in (["--to", "nobody"], ["--threshold", "0"]):
        with pytest.raises(SystemExit):
            run("set", "--kind", "sync", "--on", *wrong)
