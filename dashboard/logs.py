"""How log records are written: for people, or one JSON object per line for machines.

Either way a record stays one record: whatever a name or an answer holds, it cannot forge another.
"""

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

from django.conf import settings

#: The id of the request that this thread is answering, "" outside of any.
request_id: ContextVar[str] = ContextVar("request_id", default="")
#: What a record may be about besides its text; given as `extra`, ids only.
ABOUT = ("request_id", "order_id", "line_id", "plan_id")
SECRETS = (
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "FLUENTS_API_TOKEN", "METRICS_TOKEN", "NOTIFY_WEBHOOK_URL",
    "NOTIFY_WEBHOOK_SECRET", "NOTIFY_SLACK_URL", "OIDC_CLIENT_SECRET", "EMAIL_URL", "EMAIL_PASSWORD",
    "DATABASE_PASSWORD",
)  # fmt: skip
BEARER = re.compile(r"(?i)(bearer\s+|authorization['\"]?[:=]\s*['\"]?)(?!bearer)[^\s'\",]+")
PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
LINK = re.compile(r"(/account/link/)[\w-]+")
NUMBER = re.compile(r"(?<!\w)\+(\d{4})\d{2,9}(\d{2})(?!\d)")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class AddRequestId(logging.Filter):
    """Puts the id of the request under way on every record that names none."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(record, "request_id", "") and (found := request_id.get()):
            record.request_id = found
        return True


class LineFormatter(logging.Formatter):
    """A line for people. Control characters are spelt out, and tracebacks are indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        text = one_line(f"{self.formatTime(record)} {record.levelname} {record.name} {clean(record)}")
        text += "".join(f" {name}={one_line(str(value))}" for name, value in about(record).items())
        if trace := traceback_of(record):
            text += "".join(f"\n    {one_line(line)}" for line in trace.splitlines())
        return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, the ids that are known, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record),
            **about(record),
        }
        if trace := traceback_of(record):
            entry["traceback"] = trace
        return json.dumps(entry, default=str)


FORMATTERS = {"text": "dashboard.logs.LineFormatter", "json": "dashboard.logs.JsonFormatter"}


def about(record: logging.LogRecord) -> dict:
    return {name: value for name in ABOUT if (value := getattr(record, name, None))}


def one_line(text: str) -> str:
    """`text` with its control characters spelt out, as in a Python string."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def traceback_of(record: logging.LogRecord) -> str:
    if not record.exc_info or not record.exc_info[1]:
        return ""
    return redacted("".join(traceback.format_exception(record.exc_info[1])).rstrip())


def clean(record: logging.LogRecord) -> str:
    return redacted(record.getMessage())


def redacted(text: str) -> str:
    """`text` without our secrets, and with phone numbers only as far as one needs to tell them apart."""
    for name in SECRETS:
        found = getattr(settings, name, "")
        for secret in [found] if isinstance(found, str) else found:
            if len(secret) > 5:  # of a shorter one, every word would be full
                text = text.replace(secret, "***")
    text = LINK.sub(r"\1***", PASSWORD_IN_URL.sub(r"\1***@", BEARER.sub(r"\1***", text)))
    return NUMBER.sub(r"+\1…\2", text)
