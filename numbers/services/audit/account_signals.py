"""Accounts that Django's own commands make or change are in the history, with before and after.

On pages and in `manage.py people` the services write their events themselves.
"""

import sys
from typing import Any

from django.contrib.auth.models import User
from django.db.models import signals

from .events import Actor, record_event

WAS = "was"  # on an account that is being saved: the row before
COMMANDS = ("createsuperuser", "changepassword")
FIELDS = ("username", "email", "is_active", "is_superuser")


def listen() -> None:
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        signals.pre_save.connect(remember, sender=User)
        signals.post_save.connect(saved, sender=User)


def remember(instance: User, **kwargs: Any) -> None:
    """What the row was."""
    vars(instance)[WAS] = User.objects.filter(pk=instance.pk).first()


def saved(instance: User, created: bool, **kwargs: Any) -> None:
    by = Actor.command()
    facts = {"account": str(instance)} | {name: getattr(instance, name) for name in FIELDS}
    if created:
        record_event(action="account.created", by=by, reason=f"{instance}.", after=facts)
    elif vars(instance)[WAS].password != instance.password:
        record_event(
            action="account.password", by=by, reason=f"{instance}.", after={"account": str(instance)}
        )
