from django.apps import AppConfig
from django.db.models.signals import post_migrate


class NumbersConfig(AppConfig):
    name = "numbers"
    verbose_name = "Phone lines"

    def ready(self) -> None:
        post_migrate.connect(put_up_the_gate, sender=self)


def put_up_the_gate(sender: AppConfig, **kwargs) -> None:
    """The gate's one row is there before anybody asks for it."""
    sender.get_model("Gate").objects.get_or_create(pk=1)
