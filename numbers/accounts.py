"""Whoever changes accounts, their roles or their second factors is in the history, with before and after.

Django's admin and its commands write these; their signals are heard here. What a person does with
the own second factors is told by `access`.
"""

import getpass
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from functools import partial

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.db.models import Model, signals
from django.http import HttpRequest

from .services.history import By, record

REQUEST: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
COMMANDS = ("createsuperuser", "changepassword")
FIELDS = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")
HELD = [(User, "groups"), (User, "user_permissions"), (Group, "permissions")]
NAMES = {User: ("account.changed", "Account"), Group: ("account.group", "Group")}


def listen() -> None:
    for kind, heard, gone in ((User, saved, removed), (Group, group_saved, group_gone)):
        signals.pre_save.connect(remember, sender=kind)
        signals.post_save.connect(heard, sender=kind)
        signals.post_delete.connect(gone, sender=kind)
    for kind, name in HELD:
        through = getattr(kind, name).through
        signals.m2m_changed.connect(partial(given, kind, name), sender=through, weak=False)
    signals.post_delete.connect(factor_gone, sender=Authenticator)


def whoever() -> By | None:
    """Who is at work: the person of the request at hand, or of one of Django's own commands."""
    if (request := REQUEST.get()) and request.user.is_authenticated:
        return By.person(request.user, request.id)
    if not request and sys.argv[1:2] and sys.argv[1] in COMMANDS:
        return By(name=f"{getpass.getuser()} (command line)")
    return None  # migrations, and the log-in itself


def tell(action: str, reason: str, before: dict, after: dict) -> None:
    if by := whoever():
        record(action=action, by=by, reason=reason, before=before, after=after)


def facts(user: User) -> dict:
    return {name: getattr(user, name) for name in FIELDS}


def remember(
    sender: type[Model], instance: Model, update_fields: Iterable[str] | None = None, **kwargs
) -> None:
    """What the row was. A log-in, which writes its time alone, changes nothing."""
    changes = update_fields is None or set(update_fields) - {"last_login"}
    instance.was = sender.objects.filter(pk=instance.pk).first() if changes and instance.pk else None


def saved(instance: User, created: bool, **kwargs) -> None:
    if created:
        tell("account.created", f"Account {instance}.", {}, facts(instance))
    if not (was := instance.was) or created:
        return
    old, new = facts(was), facts(instance)
    if changed := [name for name in FIELDS if old[name] != new[name]]:
        before, after = ({name: row[name] for name in changed} for row in (old, new))
        tell("account.changed", f"Account {was}.", before, after)
    if was.password != instance.password:
        tell("account.changed", f"Account {was}: a new password.", {}, {})
    if was.is_active and not instance.is_active:
        from dashboard.door import end_sessions  # noqa: PLC0415 -- it brings all of the log-in along

        end_sessions(instance)  # or they would go on once the account is switched on again


def removed(instance: User, **kwargs) -> None:
    tell("account.removed", f"Account {instance}.", facts(instance), {})


def group_saved(instance: Group, **kwargs) -> None:
    before = {"name": instance.was.name} if instance.was else {}
    if before != {"name": instance.name}:
        tell("account.group", f"Group {instance}.", before, {"name": instance.name})


def group_gone(instance: Group, **kwargs) -> None:
    tell("account.group", f"Group {instance}.", {"name": instance.name}, {})


def given(
    kind: type[Model], what: str, instance: Model, action: str, reverse: bool, pk_set: set | None, **kwargs
) -> None:
    """Rows of KIND hold others of WHAT than before; INSTANCE is one of them, or where REVERSE one of WHAT."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    owners, there = [instance], kind._meta.get_field(what).related_model.objects
    moved = there.filter(pk__in=pk_set or ())
    if reverse:
        owners = kind.objects.filter(**({"pk__in": pk_set} if pk_set is not None else {what: instance}))
        moved = [instance]
    for owner in owners:
        now = {str(row) for row in getattr(owner, what).all()}
        names = now if action == "pre_clear" and not reverse else {str(row) for row in moved}
        was = now | names if action == "post_remove" else now - names if action == "post_add" else now
        now = now - names if action == "pre_clear" else now
        if was != now:
            name, word = NAMES[kind]
            tell(name, f"{word} {owner}.", {what: sorted(was)}, {what: sorted(now)})


def factor_gone(instance: Authenticator, **kwargs) -> None:
    """A second factor that somebody else took away."""
    by = whoever()
    if by and (not by.user or by.user.pk != instance.user_id):
        about = {"factor": str(instance.type)}
        tell("account.changed", f"Account {instance.user}: a second factor was taken away.", about, {})
