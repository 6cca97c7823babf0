"""Purchases which the provider makes some time after it lost the answer."""

import json
import threading
import time
from contextlib import suppress

from . import purchase
from .store import Store
from .wire import ApiError


class LateCommits(threading.Thread):
    """Makes each late purchase when it is due; those of an earlier run of the process too."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True, name="late-commits")
        self._store = store

    def run(self) -> None:
        added = self._store.late_added
        while True:
            added.clear()  # before looking, so that nothing added from here on is missed
            with self._store.read() as db:
                due = db.execute("SELECT MIN(due) FROM late").fetchone()[0]
            wait = None if due is None else due - time.time()
            if wait is None or wait > 0:
                added.wait(wait)
            else:
                self._commit_first_due()

    def _commit_first_due(self) -> None:
        with self._store.write() as db:
            row = db.execute("SELECT * FROM late ORDER BY due LIMIT 1").fetchone()
            if row is None:  # a reset came first
                return
            db.execute("DELETE FROM late WHERE seq = ?", (row["seq"],))
            # By now the number may be ours or gone; then the purchase is refused, and nobody hears it.
            with suppress(ApiError):
                purchase.buy(db, self._store, json.loads(row["body"]), row["request_id"])
