"""Who there is: every account with its roles, second factor, sessions and links, as pages show them."""

from dataclasses import dataclass, field
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.db.models import Count, Q

from numbers.db.clock import db_now
from numbers.models import AccountLink, Event
from numbers.permissions import Role

MOST = 500
FACTORS = {"totp": "Authenticator app", "webauthn": "Passkey or security key"}


@dataclass(kw_only=True)
class Person:
    """One account, as the list of people shows it."""

    user: User
    roles: list[Role] = field(default_factory=list)
    factors: list[str] = field(default_factory=list)
    sessions: int = 0
    seen_at: datetime | None = None
    link: AccountLink | None = None
    now: datetime

    @property
    def state(self) -> str:
        """In one word: "off", "invited", "expired" or "active"."""
        if not self.user.is_active:
            return "off"
        if self.user.has_usable_password() or self.user.last_login:
            return "active"
        return "invited" if self.link and self.link.expires_at > self.now else "expired"


def people(*, pk: int | None = None, q: str = "") -> list[Person]:
    """Everybody, those who can log in first; a few queries however many they are. `pk`: this one alone."""
    users = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    users = users.filter(pk=pk) if pk else users
    users = users.filter(Q(username__icontains=q) | Q(email__icontains=q)) if q else users
    now, found = db_now(), {user.pk: user for user in users[:MOST]}
    rows = {key: Person(user=user, now=now, roles=roles(user)) for key, user in found.items()}
    for factor in Authenticator.objects.filter(user__in=found, type__in=FACTORS):
        rows[factor.user_id].factors.append(FACTORS[factor.type])
    for link in AccountLink.objects.filter(user__in=found, used_at=None):
        rows[link.user_id].link = link
    sessions = UserSession.objects.filter(user__in=found)
    for session in sessions:
        person = rows[session.user_id]
        person.seen_at = max(filter(None, (person.seen_at, session.last_seen_at)))
    for key, count in sessions.values_list("user").annotate(Count("pk")):
        rows[key].sessions = count
    for person in rows.values():
        person.seen_at = max(filter(None, (person.seen_at, person.user.last_login)), default=None)
    return list(rows.values())


def roles(user: User) -> list[Role]:
    """The roles of `user` by the groups that were read with the account: no query."""
    named = {group.name for group in user.groups.all()}
    return [role for role in Role if role in named]


def history(user: User, *, most: int = 50) -> list[Event]:
    """What was done to the account of `user`, newest first."""
    events = Event.objects.filter(action__startswith="account.", after__account=user.get_username())
    return list(events.order_by("-pk")[:most])
