from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.core.management import call_command
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        from . import checks, middleware  # noqa: F401, PLC0415 -- they need the apps to be there

        post_migrate.connect(make_cache_table, sender=self)
        user_logged_in.connect(middleware.begin_session)


def make_cache_table(using: str, **kwargs) -> None:
    """Where failed log-ins are counted, for all processes together."""
    call_command("createcachetable", database=using, verbosity=0)
