from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from . import append_only, searching


class NumbersConfig(AppConfig):
    name = "numbers"
    verbose_name = "Phone lines"

    def ready(self) -> None:
        from . import access, accounts  # noqa: PLC0415 -- its models are there only now
        from .services import failpoints  # noqa: F401, PLC0415 -- refuses at the start to work with the live API

        access.listen()
        accounts.listen()
        post_migrate.connect(put_up_the_gate, sender=self)
        post_migrate.connect(guard_the_history, sender=self)
        post_migrate.connect(put_up_the_search, sender=self)
        post_migrate.connect(give_roles_their_groups, sender=self)


def put_up_the_gate(sender: AppConfig, **kwargs) -> None:
    """The gate's one row is there before anybody asks for it."""
    sender.get_model("Gate").objects.get_or_create(pk=1)


def guard_the_history(sender: AppConfig, using: str, **kwargs) -> None:
    append_only.put_up(connections[using])


def give_roles_their_groups(sender: AppConfig, using: str, **kwargs) -> None:
    from . import people  # noqa: PLC0415 -- its models are there only now

    people.make_groups(using)


def put_up_the_search(sender: AppConfig, using: str, **kwargs) -> None:
    searching.put_up(connections[using])
