"""Links with which a person chooses the password of their account: they expire, and work once."""

import hashlib
import logging
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse

from dashboard.accounts.sessions import end_sessions
from numbers.db.clock import db_now, written
from numbers.models import AccountLink
from numbers.services.audit.events import Actor, record_event

log = logging.getLogger(__name__)

LASTS = {
    AccountLink.Purpose.INVITATION: timedelta(days=3),
    AccountLink.Purpose.RESET: timedelta(hours=1),
}
SUBJECTS = {
    AccountLink.Purpose.INVITATION: "Your account at Fluents numbers",
    AccountLink.Purpose.RESET: "A new password for Fluents numbers",
}
MAIL = """{who} {what}. Your username is {name}.

{url}

The link works once, until {until}. If you didn't expect it, tell {who}.
"""


def make(*, user: User, purpose: AccountLink.Purpose, by: Actor) -> str:
    """The token of a new link for `user`, the only one that works from now on; part of a transaction."""
    withdraw(user)
    token = secrets.token_urlsafe(32)
    AccountLink.objects.create(
        user=user,
        purpose=purpose,
        digest=digest(token),
        made_by_name=by.name,
        expires_at=db_now() + LASTS[purpose],
    )
    return token


def withdraw(user: User) -> None:
    """No link of `user` works any more."""
    AccountLink.objects.filter(user=user, used_at=None).delete()


def read(token: str) -> AccountLink | None:
    """The link of `token`, if it still works."""
    links = AccountLink.objects.select_related("user").filter(user__is_active=True, used_at=None)
    return links.filter(digest=digest(token), expires_at__gt=db_now()).first()


def use(*, token: str, password: str, by: Actor) -> User | None:
    """Set the password of the account that `token` is for, and end its sessions; None if it was too late."""
    with transaction.atomic():
        if not (link := read(token)):
            return None
        if not AccountLink.objects.filter(pk=link.pk, used_at=None).update(used_at=db_now()):
            return None  # somebody else was faster
        user = link.user
        user.set_password(password)
        user.save(update_fields=["password"])
        end_sessions(user)
        about = {"account": user.get_username(), "link": link.purpose}
        who = Actor(user=user, name=user.get_username(), request_id=by.request_id, address=by.address)
        record_event(action="account.password", by=who, after=about, reason=f"{user}.")
    return user


def url_of(token: str) -> str:
    return settings.SITE_URL + reverse("account-link", args=[token])


def send(*, user: User, token: str, by: Actor) -> bool:
    """Mail the link to its owner; whether it was sent. It is on no page then, and in no log."""
    link = AccountLink.objects.get(digest=digest(token))
    invited = link.purpose == AccountLink.Purpose.INVITATION
    text = MAIL.format(
        who=by.name,
        what="invites you to Fluents numbers" if invited else "sends you a link for a new password",
        name=user.get_username(),
        url=url_of(token),
        until=written(link.expires_at),
    )
    subject, headers = SUBJECTS[AccountLink.Purpose(link.purpose)], {"Auto-Submitted": "auto-generated"}
    try:
        EmailMessage(subject, text, to=[user.email], headers=headers).send()
    except (OSError, ValueError) as error:
        log.warning("the link for account %s was not sent: %s", user.pk, type(error).__name__)
        return False
    return True


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
