"""Doorbells: each task rings one service. Arguments are ids only, as they are stored in clear."""

from django.tasks import task


@task
def drive_line(*, line_id: int) -> None:
    from .services.driving import drive  # noqa: PLC0415 -- tasks are a leaf that services ring

    drive(line_id=line_id)


@task
def drive_lines(*, line_ids: list[int]) -> None:
    from .services.driving import drive_all  # noqa: PLC0415 -- tasks are a leaf that services ring

    drive_all(line_ids=line_ids)


@task
def sync_all(*, asked_by: int | None = None, request_id: str = "") -> None:
    from .services.asking import run_asked  # noqa: PLC0415 -- tasks are a leaf that services ring

    run_asked(user_id=asked_by, request_id=request_id)


@task
def reconcile_books(*, run_id: int) -> None:
    from .services.reconciling import run_asked  # noqa: PLC0415 -- tasks are a leaf that services ring

    run_asked(run_id=run_id)


@task
def look_again(*, line_id: int) -> None:
    from .services.reviewing import look_again as look  # noqa: PLC0415 -- tasks are a leaf

    look(line_id=line_id)


@task
def carry_on_plan(*, plan_id: int) -> None:
    from .services.carrying import carry_on  # noqa: PLC0415 -- tasks are a leaf that services ring

    carry_on(plan_id=plan_id)


@task
def count_figures() -> None:
    from .services.counting import count  # noqa: PLC0415 -- tasks are a leaf that services ring

    count()


@task
def deliver_notice(*, delivery_id: int) -> None:
    from .services.delivering import deliver  # noqa: PLC0415 -- tasks are a leaf that services ring

    deliver(delivery_id=delivery_id)
