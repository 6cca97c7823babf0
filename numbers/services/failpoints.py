"""Points where tests let a process be killed: FAILPOINT=name in the environment. Never with the live API."""

import os
import signal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

FAILPOINT = os.environ.get("FAILPOINT", "")
if FAILPOINT and settings.FLUENTS_LIVE:
    raise ImproperlyConfigured("FAILPOINT is for tests. Don't set it where lines cost money.")


def reached(name: str) -> None:
    """Die here, like a kill -9, if the environment says so."""
    if name == FAILPOINT:
        os.kill(os.getpid(), signal.SIGKILL)
