from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db import connections
from django.db.models.signals import post_migrate

from .db import append_only, news
from .listing import search


class NumbersConfig(AppConfig):
    name = "numbers"
    verbose_name = "Phone lines"

    def ready(self) -> None:
        from . import checks  # noqa: F401, PLC0415 -- they register themselves
        from .services import failpoints  # noqa: F401, PLC0415 -- refuses at the start to work with the live API
        from .services.audit import account_signals, login_signals  # noqa: PLC0415 -- models are there now
        from .services.people.logins import ask_whether_it_was_you  # noqa: PLC0415 -- the same

        login_signals.listen()
        account_signals.listen()
        user_logged_in.connect(ask_whether_it_was_you)  # after its event is written
        post_migrate.connect(make_the_single_rows, sender=self)
        post_migrate.connect(guard_the_history, sender=self)
        post_migrate.connect(put_up_the_search, sender=self)
        post_migrate.connect(watch_for_news, sender=self)
        post_migrate.connect(give_roles_their_groups, sender=self)


def make_the_single_rows(sender: AppConfig, **kwargs) -> None:
    from .models import CallReading, Gate, SyncState  # noqa: PLC0415 -- models are there now

    Gate.objects.get_or_create(pk=Gate.SINGLE)
    SyncState.objects.get_or_create(pk=SyncState.SINGLE)
    CallReading.objects.get_or_create(pk=CallReading.SINGLE)


def guard_the_history(sender: AppConfig, using: str, **kwargs) -> None:
    append_only.put_up(connections[using])


def give_roles_their_groups(sender: AppConfig, using: str, **kwargs) -> None:
    from .services.people.groups import make_groups  # noqa: PLC0415 -- its models are there only now

    make_groups(using)


def put_up_the_search(sender: AppConfig, using: str, **kwargs) -> None:
    search.put_up(connections[using])


def watch_for_news(sender: AppConfig, using: str, **kwargs) -> None:
    news.put_up(connections[using])
