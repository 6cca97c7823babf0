"""The last requests that were received, in memory only: it must cost a request next to nothing."""

import time
from collections import deque
from typing import Any

from .wire import Request

#: Stands in ``status`` when the connection ended without an answer.
NO_ANSWER = 0


class RequestLog:
    """Headers are never kept, and with them the token."""

    def __init__(self, kept: int) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=kept)

    def add(self, request: Request) -> dict[str, Any]:
        """Opens an entry. The caller sets ``fault`` and ``status`` in it."""
        entry = {
            "n": request.n,
            "at": time.time(),
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "body": request.body,
            "fault": None,
            "status": None,
        }
        self._entries.append(entry)
        return entry

    def entries(self, path: str | None = None, method: str | None = None) -> list[dict[str, Any]]:
        return [
            entry.copy()
            for entry in self._entries.copy()
            if path in (None, "", entry["path"]) and method in (None, "", entry["method"])
        ]

    def keep(self, count: int) -> None:
        if count != self._entries.maxlen:
            self._entries = deque(self._entries, maxlen=count)

    def clear(self) -> None:
        self._entries.clear()
