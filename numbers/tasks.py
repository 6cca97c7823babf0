"""Doorbells: each task rings one service. Arguments are ids only, as they are stored in clear."""

from django.tasks import task


@task
def drive_line(*, line_id: int) -> None:
    from .services.driving import drive  # noqa: PLC0415 -- tasks are a leaf that services ring

    drive(line_id=line_id)


@task
def sync_all() -> None:
    from .services.syncing import sync  # noqa: PLC0415 -- tasks are a leaf that services ring

    sync()


@task
def reconcile_books(*, requested_by: str) -> None:
    from .services.history import By  # noqa: PLC0415 -- tasks are a leaf that services ring
    from .services.reconciling import reconcile  # noqa: PLC0415 -- tasks are a leaf that services ring

    reconcile(by=By(name=requested_by))


@task
def look_again(*, line_id: int) -> None:
    from .services.reviewing import look_again as look  # noqa: PLC0415 -- tasks are a leaf

    look(line_id=line_id)
