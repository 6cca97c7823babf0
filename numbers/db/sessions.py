"""Who is logged in, which every page and every poll asks first: Django's sessions and users, prepared.

Django puts the same two statements together anew for each request, which takes longer than answering them.
"""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.db import connection
from django.utils import timezone

from .prepared import Prepared, columns_of, read
from .sql import slot


class SessionStore(db.SessionStore):
    """Django's sessions in the database (SESSION_ENGINE)."""

    def __init__(self, session_key: str | None = None) -> None:
        possible = session_key and session_key.isalnum()  # PostgreSQL stops at a NUL, which cookies can spell
        super().__init__(session_key if possible else None)

    def load(self) -> dict:
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        found = SESSION.rows(key=self.session_key, now=now)
        return self.decode(found[0][0]) if found else super().load()  # which forgets the key of an ended one


class UserBackend(ModelBackend):
    """Django's users and passwords (AUTHENTICATION_BACKENDS)."""

    def get_user(self, user_id: int) -> User | None:
        for row in USER.rows(pk=user_id):
            if self.user_can_authenticate(user := read(User, row)):
                return user
        return None


SESSION = Prepared(
    lambda: (
        SessionStore.get_model_class()
        .objects.filter(session_key=slot("key"), expire_date__gt=slot("now"))
        .values_list("session_data")
    )
)
USER = Prepared(lambda: User.objects.filter(pk=slot("pk")).values_list(*columns_of(User)))
