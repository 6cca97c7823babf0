"""Sessions as Django keeps them, read by SQL that is worded once: every request begins with one."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from .prepared import Prepared
from .statements import slot

ALIVE = Prepared(
    lambda: Session.objects.filter(session_key=slot("key"), expire_date__gt=slot("now")).values_list(
        "session_data"
    )
)


class SessionStore(db.SessionStore):
    def load(self) -> dict:
        """What the session holds; one that is not there, or has expired, holds nothing."""
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        for (data,) in ALIVE.rows(key=self.session_key, now=now):
            return self.decode(data)
        self._session_key = None
        return {}
