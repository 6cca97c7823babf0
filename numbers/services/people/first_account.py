"""Before there is anybody: a dashboard without a single account."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection

_known: set[bool] = set()  # once there was an account there is one, as accounts are never deleted


def nobody_yet() -> bool:
    """Whether no account exists, and none can come from single sign-on."""
    if _known or settings.OIDC_ISSUER:
        return False
    try:
        found = User.objects.exists()
    except DatabaseError:
        if User._meta.db_table in connection.introspection.table_names():
            raise
        return True  # nor are there tables
    if found:
        _known.add(True)
    return not found
