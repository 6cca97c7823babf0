import os
import signal
import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection

from numbers.db.wake import stir
from numbers.services.purchasing.expiry import succeed
from numbers.services.purchasing.transitions import take_place
from numbers.services.worker import Worker
from numbers.supervisor import ENDINGS, SUCCEEDS, SUPERVISED, beat, until_parent_is_gone


class Command(BaseCommand):
    help = "One worker process, started by `worker`."
    requires_system_checks = []  # `worker` has made them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--in-flight", type=int, required=True)
        parser.add_argument("--keeper", action="store_true", help="also keep this machine's send journal")

    def handle(self, **options) -> None:
        worker = Worker(in_flight=options["in_flight"], keeper=options["keeper"], beat=beat)
        for signum in ENDINGS:
            signal.signal(signum, lambda signum, _: self.end(worker, signum))
        until_parent_is_gone(worker.end, heard=self.succeed)
        take_place(os.environ.get(SUPERVISED, ""))
        while not worker.asked_to_end and not self.succeed(os.environ.get(SUCCEEDS, "")):
            time.sleep(1)
        worker.run()
        worker.finish(settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT)

    def end(self, worker: Worker, signum: int) -> None:
        """Once: finish what is under way. Twice: at once; what was sent is looked up."""
        signal.signal(signum, signal.SIG_DFL)
        worker.end()

    def succeed(self, name: str) -> bool:
        """Free what the dead process of that `name` held. False while the database is away."""
        beat()
        try:
            if name and succeed(name):
                stir("lines")
            return True
        except DatabaseError as error:
            self.stderr.write(f"Waiting for the database: {type(error).__name__}")
            return False
        finally:
            connection.close()
