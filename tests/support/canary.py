"""Secrets with names that one recognizes, looked for in all that the whole suite writes, shows and says.

Every secret that the sandbox nests in its answers holds CANARY, and our own token is one of a kind. What our
processes write to a database, answer, log or print passes one of the places below.
"""

import base64
import json
import logging
import re
import zlib

from django.core.management.base import OutputWrapper
from django.db.backends.signals import connection_created
from django.test.client import ClientHandler

from dashboard.logs import JsonFormatter
from numbers.fluents import FluentsError
from tests.support.stack import SECRETS

WORDS = tuple(word.decode() for word in SECRETS)
PACKED = re.compile("dashboard_cache|django_session")
FOUND: list[str] = []


def look(where: str, text: str | bytes) -> None:
    """Remember what is found in TEXT."""
    for word in SECRETS if isinstance(text, bytes) else WORDS:
        if (at := text.find(word)) >= 0:
            FOUND.append(f"{where}: {text[max(0, at - 80) : at + 80]!r}")


def taken() -> list[str]:
    """What was found so far, which is forgotten by that."""
    found, FOUND[:] = FOUND[:], []
    return found


class Ears(logging.Handler):
    """Reads each record as our own log would have it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        look("a log record", self.format(record))


def written(execute, sql, params, many, context):
    """Reads what goes into a database, from any thread."""
    if sql[:6] in ("INSERT", "UPDATE", "REPLAC") and params:
        packed = PACKED.search(sql)  # once: the statement for a thousand rows is long
        for row in params if many else [params]:
            for value in row.values() if isinstance(row, dict) else row:
                if isinstance(value, str | bytes):
                    look(sql[:60], value)
                    look(sql[:60], unpacked(value) if packed else b"")
                elif value is not None and not isinstance(value, int | float):
                    look(sql[:60], str(getattr(value, "adapted", getattr(value, "obj", value))))
    return execute(sql, params, many, context)


def unpacked(value: str) -> bytes:
    """What the cache and sessions keep in base64, the latter signed and maybe compressed."""
    text = value.lstrip(".").split(":")[0]
    try:
        data = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "===")
        return zlib.decompress(data) if value.startswith(".") else data
    except (ValueError, zlib.error):
        return b""


def connected(connection, **kwargs) -> None:
    if written not in connection.execute_wrappers:
        connection.execute_wrappers.append(written)


def listen() -> None:
    """From now on."""
    for name in ("", "django"):
        logging.getLogger(name).addHandler(Ears())
    connection_created.connect(connected)
    answer, write, error = ClientHandler.__call__, OutputWrapper.write, FluentsError.__init__

    def answered(self, environ):
        response = answer(self, environ)
        look("the headers of an answer", json.dumps(dict(response.headers)))
        if response.streaming:
            response.streaming_content = map(looked_at, response.streaming_content)
        else:
            look(f"the answer to {environ.get('PATH_INFO')}", response.content)
        return response

    def printed(self, msg="", *args, **kwargs):
        look("the output of a command", str(msg))
        return write(self, msg, *args, **kwargs)

    def raised(self, *args, **kwargs):
        error(self, *args, **kwargs)
        look("an error", f"{self} {self!r}")

    ClientHandler.__call__, OutputWrapper.write, FluentsError.__init__ = answered, printed, raised


def looked_at(part: bytes) -> bytes:
    look("an export", part)
    return part
