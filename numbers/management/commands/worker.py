import time
import uuid
from functools import partial

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connection
from django.tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME
from django_tasks_db.management.commands import db_worker

from numbers.management.commands import sweeper
from numbers.processes import Copy, run
from numbers.services import idling, sweeping
from numbers.services.driving import get_ready
from numbers.services.moves import take_place
from numbers.services.replaying import check_journal


class Command(BaseCommand):
    help = "Buy what was ordered: task workers and the sweeper, kept running. Any number may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--processes", type=int, default=2, help="task workers (default: 2)")

    def handle(self, **options) -> None:
        self.check_journal()
        get_ready()
        count = options["processes"]
        children = [Copy("task worker", partial(work, uuid.uuid4().hex)) for _ in range(count)]
        children.append(Copy("sweeper", partial(call_command, sweeper.Command())))
        self.stdout.write(f"Worker running: {count} task workers and a sweeper.")
        self.stdout.flush()
        # Long enough for a purchase under way to end; what takes longer is looked up later.
        run(children, patience=settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT + 5)

    def check_journal(self) -> None:
        """Before anything is sent: does the database know all that was sent from here?"""
        while True:
            try:
                if not check_journal(whole=True):
                    self.stderr.write("Buying is paused: the send journal and the database disagree.")
                break
            except DatabaseError as error:
                self.stderr.write(f"Waiting for the database: {type(error).__name__}")
                time.sleep(1)
            finally:
                connection.close()


def work(place: str) -> None:
    """A task worker. Whoever was in PLACE before is dead: the supervisor has waited for it."""
    take_place(place)
    sweeping.succeed(place)
    db_worker.Command().configure_logging(0)
    worker = Worker(
        queue_names=[DEFAULT_TASK_QUEUE_NAME],
        interval=0.2,
        batch=True,
        backend_name=DEFAULT_TASK_BACKEND_ALIAS,
        startup_delay=False,
        max_tasks=None,
        worker_id=uuid.uuid4().hex,
        excluded_queue_names=[],
    )
    worker.configure_signals()
    worker.run()


class Worker(db_worker.Worker):
    """The library's, which does what there is and ends; here it waits for more at hardly any cost."""

    def run(self) -> None:
        while self.running:
            close_old_connections()
            if idling.anything_to_run():
                super().run()
            if self.running:
                time.sleep(self.interval)
