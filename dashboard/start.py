"""What no web process may start with, even if the checks were skipped."""

from django.core import checks
from django.core.exceptions import ImproperlyConfigured


def refuse_to_start() -> None:
    """Raise ImproperlyConfigured where the checks find an error, as commands and the worker do.

    The checks leave the database alone: children that are forked later would all talk through the one
    connection that was opened here, and none of them could open another.
    """
    if found := [message for message in checks.run_checks(databases=[]) if is_fatal(message)]:
        raise ImproperlyConfigured(" ".join(f"{message.msg} {message.hint}" for message in found))


def is_fatal(message: checks.CheckMessage) -> bool:
    return message.is_serious() and not message.is_silenced()
