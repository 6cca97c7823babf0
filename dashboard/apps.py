from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        from . import checks  # noqa: F401, PLC0415 -- registers the checks once the apps are there
