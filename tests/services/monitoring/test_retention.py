"""What is forgotten, and what never is."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django_tasks_db.models import DBTaskResult

from numbers.models import Attempt, Event, Line, Look, Notice, Number, Order, Reconciliation
from numbers.services.driving import ring
from numbers.services.history import db_now
from numbers.services.pruning import prune
from numbers.states import LineState
from tests.books import bare_line

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
    Number.objects.create(e164="+14155550100")
    ring([young.pk])
    DBTaskResult.objects.update(finished_at=now - timedelta(days=2))
    ring([young.pk])
    for key, days in (("ended", -1), ("at work", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    for _ in range(2):
        Reconciliation.objects.create(finished_at=now - timedelta(days=200))
    Notice.objects.create(kind="gate.stopped", occasion="then", at=now - timedelta(days=200))
    Notice.objects.create(kind="gate.stopped", occasion="now")
    told = {"tasks": 1, "sessions": 1, "look-ups": 1, "comparisons": 1, "notices": 1, "answers": 1}
    assert prune(days=180, dry_run=True) == told
    assert Look.objects.count() == 3
    assert prune(days=180) == told
    assert prune(days=180) == dict.fromkeys(told, 0)
    assert set(Look.objects.values_list("line", flat=True)) == {young.pk, asked.pk}
    kept = Attempt.objects.filter(answer__isnull=False).values_list("line", flat=True)
    assert set(kept) == {young.pk, asked.pk}
    assert (Attempt.objects.count(), Event.objects.count(), Order.objects.count()) == (3, 3, 3)
    assert (Line.objects.filter(pk=old.pk).count(), Number.objects.count()) == (1, 1)
    assert (DBTaskResult.objects.count(), Reconciliation.objects.count()) == (1, 1)
    assert Session.objects.get().session_key == "at work"
