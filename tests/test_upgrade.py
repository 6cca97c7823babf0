"""What an older release's accounts find after the upgrade."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection

from numbers.roles import Role
from tests.people import person

pytestmark = pytest.mark.django_db


def test_accounts_from_before_there_were_roles_go_on_buying():
    bob, gone = person("bob"), person("gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    ada = User.objects.create_superuser("ada")
    vera = person("vera", Role.VIEWER)
    own = Group.objects.create(name="telephony")
    carol = person("carol")
    carol.groups.add(own)
    upgrade = import_module("numbers.migrations.0013_roles")
    assert set(upgrade.ROLES) == set(Role.values)
    for _ in range(2):
        upgrade.keep_people_at_work(apps, SimpleNamespace(connection=connection))
    assert roles(bob) == {"buyer"}
    assert roles(carol) == {"buyer", "telephony"}
    assert roles(vera) == {"viewer"}
    assert roles(gone) == roles(ada) == set()


def roles(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))
