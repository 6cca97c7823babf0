"""Accounts of people: invited, given roles, switched off, helped when a phone is lost.

Each act is one event with before and after, and the person concerned is told. The right of the actor is
read again inside the transaction, in which no two such acts overlap: two administrators who take each
other's role away leave one of them.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet

from dashboard.accounts.sessions import end_session, end_sessions
from numbers.models import AccountLink, Event
from numbers.permissions import Right, Role, may, refusal, roles_of, roles_with
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.notifications.notices import tell_account

from . import links
from .directory import FACTORS

#: Of letters that no other letter looks like, so that nobody is taken for somebody else in the history.
USERNAME = re.compile(r"[A-Za-z0-9.@+_-]*[A-Za-z0-9][A-Za-z0-9.@+_-]*")
ITSELF = "dashboard"  # who did what nobody did, as pages call it
OWN = "You can't change your own account here. Ask another administrator."
ABOVE = "This account was created on the command line. Change it there."
LAST = "{} is the last administrator who can log in. Give the role to someone else first."


@needs(Right.PEOPLE)
def invite(*, by: Actor, username: str, roles: Collection[Role], email: str = "") -> tuple[User, str]:
    """Make an account without a password, and the link with which its owner chooses one.

    Returns both; the link's token is kept nowhere. Raises NotDone where the name cannot be used.
    """
    with one_at_a_time(by):
        if username and not USERNAME.fullmatch(username):
            raise NotDone("Use letters, digits, and @ . + - _ without spaces, such as eve.miller.")
        user = User(username=username, email=email)
        user.set_unusable_password()
        check(user)
        user.save()
        user.groups.set(Group.objects.filter(name__in=roles))
        told(by, "account.invited", user, after={"roles": names(roles), "email": email})
        return user, links.make(user=user, purpose=AccountLink.Purpose.INVITATION, by=by)


def check(user: User) -> None:
    """Raise NotDone for a name or address that is no such thing, or a name that somebody has."""
    try:
        user.clean_fields(exclude=["password"])
        if user.email:
            validate_email(user.email)
    except ValidationError as error:
        raise NotDone(" ".join(error.messages)) from error
    if user.username.casefold() == ITSELF:
        raise NotDone("Choose another username. The history uses this one for what happens automatically.")
    if User.objects.filter(username__iexact=user.username).exists():
        raise NotDone(f"There's already an account named {user.username}.")


@needs(Right.PEOPLE)
def set_roles(*, by: Actor, user_id: int, roles: Collection[Role]) -> bool:
    """Give exactly `roles`; whether that changed anything. Raises NotDone for the last administrator."""
    with changing(user_id, by) as user:
        before, after = names(roles_of(user)), names(roles)
        if before == after:
            return False
        if Role.ADMIN not in roles:
            keep_an_administrator(user)
        apply_roles(user, roles)
        event = told(by, "account.roles", user, before={"roles": before}, after={"roles": after})
        tell(user, by, event, f"changed your roles: {', '.join(after) or 'none'}.")
    return True


def apply_roles(user: User, roles: Collection[Role]) -> None:
    """Put `user` into the groups of `roles` and out of those of all others; other groups stay."""
    user.groups.remove(*user.groups.filter(name__in=set(Role) - set(roles)))
    user.groups.add(*Group.objects.filter(name__in=roles))
    user.__dict__.pop("role_names", None)


@needs(Right.PEOPLE)
def switch(*, by: Actor, user_id: int, on: bool) -> bool:
    """Switch an account on, or off with all of its sessions and links; whether that changed anything."""
    with changing(user_id, by) as user:
        if user.is_active == on:
            return False
        if not on:
            keep_an_administrator(user)
        user.is_active = on
        user.save(update_fields=["is_active"])
        ended = 0 if on else end_sessions(user)  # or they would come back with the account
        if not on:
            links.withdraw(user)
        after = {"active": on} | ({} if on else {"sessions": ended})
        event = told(by, "account.on" if on else "account.off", user, before={"active": not on}, after=after)
        tell(user, by, event, f"{'reactivated' if on else 'deactivated'} your account.")
    return True


@needs(Right.PEOPLE)
def end_all_sessions(*, by: Actor, user_id: int) -> int:
    """Log a person out everywhere; how many sessions that ended."""
    with changing(user_id, by) as user:
        if ended := end_sessions(user):
            event = told(by, "account.sessions", user, before={"sessions": ended}, after={"sessions": 0})
            tell(user, by, event, "ended all your sessions.")
    return ended


def end_own_session(*, user: User, session_id: int, by: Actor) -> bool:
    """End one of the person's own sessions."""
    with transaction.atomic():
        if not (session := end_session(user, session_id)):
            return False
        about = {"account": user.get_username(), "sessions": 1, "address": session.ip}
        record_event(action="account.sessions", by=by, before=about, after=about | {"sessions": 0})
    return True


@needs(Right.PEOPLE)
def remove_factors(*, by: Actor, user_id: int) -> list[str]:
    """Remove every second factor of somebody who has lost theirs, and end their sessions; which they were.

    The password is not enough for spending where REQUIRE_MFA is on: the person sets up a new one first.
    """
    with changing(user_id, by) as user:
        factors = Authenticator.objects.filter(user=user)
        if kinds := sorted({FACTORS.get(factor.type, "Recovery codes") for factor in factors}):
            factors.delete()
            end_sessions(user)
            event = told(by, "account.factors", user, before={"factors": kinds}, after={"factors": []})
            tell(user, by, event, f"removed your second factors ({', '.join(kinds)}). Set up a new one.")
    return kinds


@needs(Right.PEOPLE)
def make_link(*, by: Actor, user_id: int) -> str:
    """The token of a link for a new password; earlier ones stop working. Raises NotDone if it is off."""
    with changing(user_id, by) as user:
        if not user.is_active:
            raise NotDone(f"{user} is deactivated. Reactivate the account first.")
        joined = user.has_usable_password()
        purpose = AccountLink.Purpose.RESET if joined else AccountLink.Purpose.INVITATION
        token = links.make(user=user, purpose=purpose, by=by)
        event = told(by, "account.link", user, after={"purpose": purpose})
        if joined:
            tell(user, by, event, "created a link for you to choose a new password.")
    return token


@contextmanager
def one_at_a_time(by: Actor) -> Iterator[None]:
    """A transaction that waits for its like, in which `by` still has the right to manage people."""
    with transaction.atomic():
        Group.objects.select_for_update().get(name=Role.ADMIN)
        if by.user and not may(actor := User.objects.get(pk=by.user.pk), Right.PEOPLE):
            raise PermissionDenied(refusal(actor, Right.PEOPLE))
        yield


@contextmanager
def changing(user_id: int, by: Actor) -> Iterator[User]:
    """The account of `user_id`, ours until the transaction ends, if `by` may change it."""
    with one_at_a_time(by):
        user = User.objects.select_for_update().get(pk=user_id)
        if by.user and by.user.pk == user.pk:
            raise PermissionDenied(OWN)
        if by.user and user.is_superuser and not by.user.is_superuser:
            raise PermissionDenied(ABOVE)
        yield user


def administrators() -> QuerySet[User]:
    """Everybody who may manage people and can log in."""
    may_manage = Q(groups__name__in=roles_with(Right.PEOPLE)) | Q(is_superuser=True)
    return (
        User.objects.filter(may_manage, is_active=True)
        .exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
        .distinct()
    )


def keep_an_administrator(user: User) -> None:
    """Raise NotDone if nobody but `user` could manage people."""
    if may(user, Right.PEOPLE) and not administrators().exclude(pk=user.pk).exists():
        raise NotDone(LAST.format(user))


def told(by: Actor, action: str, user: User, *, before: dict | None = None, after: dict) -> Event:
    """The event of an act on the account of `user`; part of its transaction."""
    about = {"account": user.get_username()}
    return record_event(
        action=action, by=by, before=about | before if before else {}, after=about | after, reason=f"{user}."
    )


def tell(user: User, by: Actor, event: Event, what: str) -> None:
    """`user` hears of `event`, in the page and by mail."""
    tell_account(user=user, event=event, text=f"{by.name} {what} If that's not right, ask them.")


def names(roles: Collection[Role]) -> list[str]:
    return [str(role) for role in Role if role in roles]
