"""What is forgotten, and what never is."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session

from numbers.db.clock import db_now
from numbers.models import (
    AgentDay,
    Alarm,
    Attempt,
    Event,
    Invoice,
    Line,
    Look,
    Notice,
    Number,
    NumberDay,
    Order,
    Reconciliation,
    TypedForm,
)
from numbers.services.monitoring.retention import prune
from numbers.services.orders.typed_forms import keep_typed
from numbers.states import LineState
from tests.support.books import bare_line
from tests.support.people import person

pytestmark = pytest.mark.django_db


def evidence(state: str, *, days: float) -> Line:
    line, then = bare_line(state), db_now() - timedelta(days=days)
    Attempt.objects.create(line=line, n=1, generation=1, answer={"number": "x"}, finished_at=then)
    Look.objects.create(line=line, complete=True, found=False, at=then)
    Event.objects.create(action="line.failed", line=line, at=then)
    return line


def test_old_evidence_of_ended_lines_goes_and_the_history_stays():
    now = db_now()
    old, young = evidence(LineState.FAILED, days=200), evidence(LineState.FAILED, days=20)
    asked = evidence(LineState.REVIEW, days=200)
    number = Number.objects.create(e164="+14155550100")
    for days in (200, 399, 401):  # calls are kept for longer
        then = now - timedelta(days=days)
        NumberDay.objects.create(number=number, day=then.date(), last_at=then)
        AgentDay.objects.create(day=then.date(), last_at=then)
    for key, days in (("ended", -1), ("at work", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    for _ in range(2):
        Reconciliation.objects.create(finished_at=now - timedelta(days=200))
    Notice.objects.create(kind="gate.stopped", occasion="then", at=now - timedelta(days=200))
    Notice.objects.create(kind="gate.stopped", occasion="now")
    ada, bea = person("ada"), person("bea")
    keep_typed(owner=bea, values={"area_code": "617"})
    keep_typed(owner=ada, values={"area_code": "415"})
    TypedForm.objects.filter(owner=ada).update(saved_at=now - timedelta(days=15))
    told = {"sessions": 1, "look-ups": 1, "comparisons": 1, "notices": 1, "answers": 1}
    for ended, subject in ((200, "then"), (20, "lately"), (None, "now")):
        at = None if ended is None else now - timedelta(days=ended)
        Alarm.objects.create(kind="sync", subject=subject, text="Late", ended_at=at)
    for state, days in (("columns", 2), ("columns", 0), ("done", 200)):
        about = {"telephony_provider": "twilio", "month": then.date(), "currency": "USD", "state": state}
        Invoice.objects.create(**about, uploaded_at=now - timedelta(days=days))
    told |= {"alarms": 1, "unmatched invoices": 1}
    told |= {"unfinished forms": 1, "days of calls": 1, "agents' days of calls": 1}
    assert prune(days=180, dry_run=True) == told
    assert Look.objects.count() == 3
    assert prune(days=180) == told
    assert prune(days=180) == dict.fromkeys(told, 0)
    assert set(Look.objects.values_list("line", flat=True)) == {young.pk, asked.pk}
    kept = Attempt.objects.filter(answer__isnull=False).values_list("line", flat=True)
    assert set(kept) == {young.pk, asked.pk}
    assert (Attempt.objects.count(), Event.objects.count(), Order.objects.count()) == (3, 6, 3)
    assert (Line.objects.filter(pk=old.pk).count(), Number.objects.count()) == (1, 1)
    assert TypedForm.objects.get().owner == bea
    assert Reconciliation.objects.count() == 1
    assert Session.objects.get().session_key == "at work"
    assert (Alarm.objects.count(), Invoice.objects.count()) == (2, 2)
