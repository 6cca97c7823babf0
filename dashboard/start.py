"""What no web process may start with, even if the checks were skipped."""

from django.core import checks
from django.core.exceptions import ImproperlyConfigured


def refuse_to_start() -> None:
    """Raise ImproperlyConfigured where the checks find an error, as commands and the worker do."""
    if found := [message for message in checks.run_checks() if is_fatal(message)]:
        raise ImproperlyConfigured(" ".join(f"{message.msg} {message.hint}" for message in found))


def is_fatal(message: checks.CheckMessage) -> bool:
    return message.is_serious() and not message.is_silenced()
