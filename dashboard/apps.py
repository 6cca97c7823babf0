from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        post_migrate.connect(make_cache_table, sender=self)
        from . import checks  # noqa: F401, PLC0415 -- registers the checks once the apps are there


def make_cache_table(using: str, **kwargs) -> None:
    """Where failed log-ins are counted, for all processes together."""
    call_command("createcachetable", database=using, verbosity=0)
