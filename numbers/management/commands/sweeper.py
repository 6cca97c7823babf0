import logging
import time

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from numbers.services import counting, history, idling, journal, sealing, sweeping
from numbers.tasks import count_figures, sync_all

log = logging.getLogger("numbers.sweeper")

EVERY = 0.5  # seconds
TIDY_EVERY = 20  # a whole round comes with it, whatever was asked
AFTERWARDS = 5  # whole rounds go on for so long: an event may have been written late, with an older id
SEAL_ALL_EVERY = 3600


class Command(BaseCommand):
    help = "Expire leases and ring due lines; a part of `worker`."

    def handle(self, **options) -> None:
        tidy_at = sync_at = seal_at = quiet_at = 0.0
        while True:
            now = time.monotonic()
            try:
                if idling.anything_to_sweep():
                    quiet_at = now + AFTERWARDS
                if now < quiet_at or now >= tidy_at:
                    sweeping.sweep()
                    sealing.seal()
                if now >= tidy_at:
                    sweeping.tidy_tasks()
                    journal.beat()
                    if counting.is_due(history.db_now()):
                        count_figures.enqueue()
                    tidy_at = now + TIDY_EVERY
                if now >= seal_at:
                    sealing.seal_all()
                    seal_at = now + SEAL_ALL_EVERY
                if settings.SYNC_SECONDS and settings.FLUENTS_API_TOKEN and now >= sync_at:
                    sync_all.enqueue()
                    sync_at = now + settings.SYNC_SECONDS
            except (DatabaseError, OSError) as error:  # the next round is as good as this one
                log.warning("This round of the sweeper was cut short: %s", type(error).__name__)
                connection.close()
            time.sleep(EVERY)
