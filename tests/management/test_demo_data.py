"""The demo's data: rows that the sandbox agrees with."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import Count

from numbers.management.commands import demo
from numbers.models import Attempt, Event, Line, Notice, Number, Order
from numbers.roles import Right, may
from numbers.services import journal, reconciling, syncing
from numbers.services.history import SYSTEM
from numbers.states import LineState

pytestmark = pytest.mark.django_db


def test_a_year_of_data_that_no_sync_takes_back(fluents, bob):
    call_command("demo_data")
    states = dict(Line.objects.order_by().values_list("state").annotate(Count("pk")))
    assert set(states) == {"bought", "failed", "cancelled", "review", "unknown"}
    assert states["bought"] > 150
    assert Number.objects.owned().values("region").distinct().count() > 30
    assert 0 < Number.objects.filter(drifted=True).count() < 10
    assert 0 < Number.objects.unassigned().count() < 30
    owned = set(Number.objects.owned().values_list("e164", flat=True))
    assert set(Line.objects.filter(state=LineState.BOUGHT).values_list("phone_number", flat=True)) <= owned
    assert not set(Line.objects.exclude(number__isnull=False).values_list("phone_number", flat=True)) & owned
    assert Attempt.objects.filter(outcome="bought").count() == states["bought"]
    ids = list(Order.objects.order_by("created_at").values_list("pk", flat=True))
    assert ids == sorted(ids)
    assert Notice.objects.get().user == bob
    assert journal.missing(whole=True) == []
    before = (Number.objects.owned().count(), Number.objects.filter(drifted=True).count())
    syncing.sync()
    assert (Number.objects.owned().count(), Number.objects.filter(drifted=True).count()) == before
    run = reconciling.ask(by=SYSTEM)
    reconciling.run_asked(run_id=run.pk)
    run.refresh_from_db()
    assert run.error == ""
    events = Event.objects.filter(action="line.bought")
    assert events.count() == states["bought"]
    with pytest.raises(CommandError, match="on the books already"):
        call_command("demo_data")


def test_it_is_never_invented_for_the_real_fluents(settings):
    settings.FLUENTS_LIVE = True
    with pytest.raises(CommandError, match="the real Fluents"):
        call_command("demo_data")


def test_its_people_can_do_what_they_are_called(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    logins = demo.Command().people()
    ada, bob = (User.objects.get(username=name) for name in ("ada", "bob"))
    assert all(user.check_password(logins[user.username]) for user in (ada, bob))
    assert (may(bob, Right.BUY), may(bob, Right.APPROVE)) == (True, False)
    assert (may(ada, Right.APPROVE), may(ada, Right.MANAGE)) == (True, True)
    assert demo.Command().people() == logins
