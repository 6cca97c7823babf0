"""Invented numbers fill the books for trying out, and never those of a live account."""

import pytest
from django.core.management import CommandError, call_command

from numbers.models import Agent, Number
from numbers.services.inventory.upsert import search_text_of

pytestmark = pytest.mark.django_db


def test_it_adds_numbers_that_the_list_can_find(staff):
    call_command("seed_numbers", numbers=30, verbosity=0)
    call_command("seed_numbers", numbers=30, verbosity=0)
    assert Number.objects.count() == 60
    number = Number.objects.exclude(agent=None).exclude(tags=None).exclude(label="").first()
    assert number.search_text == search_text_of(number, number.tags.values_list("name", flat=True))
    assert number.e164 in staff.get("/numbers/", {"q": number.e164, "status": "any"}).content.decode()


def test_a_sync_leaves_them_alone(fluents):
    call_command("seed_numbers", numbers=30)
    before = sorted(Number.objects.values_list("e164", "status"))
    fluents.control("reset", {"numbers": 3})
    call_command("sync")
    assert sorted(Number.objects.filter(e164__in=dict(before)).values_list("e164", "status")) == before
    assert not Agent.objects.filter(api_id__startswith="seed", gone_at__isnull=False).exists()


def test_it_refuses_where_fluents_is_real(settings):
    settings.FLUENTS_LIVE = True
    with pytest.raises(CommandError, match="real Fluents"):
        call_command("seed_numbers", numbers=5)
    assert not Number.objects.exists()


@pytest.mark.parametrize("amount", ["0", "-1", "x", "1000001"])
def test_it_refuses_nonsense(amount):
    with pytest.raises(CommandError):
        call_command("seed_numbers", f"--numbers={amount}")
