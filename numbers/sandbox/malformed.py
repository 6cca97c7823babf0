"""Answers that nobody can read well: broken HTTP, numbers in other forms, contradictory lists."""

from collections.abc import Callable
from typing import Any

from .wire import Answer

_CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "nested_deep": lambda content: b"[" * 100_000,
    "not_utf8": lambda content: content[:-1] + b',"padding":"\xff\xfe"}',
    "wrapped": lambda content: b'{"data":' + content + b"}",
}
_BYTES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "two_lengths": lambda head, content: head + b"Content-Length: 7\r\n\r\n" + content,
    "many_headers": lambda head, content: head + b"X-Padding: x\r\n" * 200 + b"\r\n" + content,
    "not_http": lambda head, content: b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",
    "bad_gzip": lambda head, content: head + b"Content-Encoding: gzip\r\n\r\n" + content,
    "bad_chunks": lambda head, content: (
        head.replace(b"Content-Length", b"X-Length") + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + content
    ),
}
HOWS = (*_BYTES, *_CONTENTS)


def spoiled(how: str, answer: Answer) -> bytes:
    """Every byte of ``answer`` as it leaves, the head included."""
    content = _CONTENTS.get(how, bytes)(answer.content())
    head = answer.head(len(content), close=True).removesuffix(b"\r\n")
    return _BYTES.get(how, lambda head, content: head + b"\r\n" + content)(head, content)


def _national(number: str) -> str:
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


FORMS: dict[str, Callable[[str], Any]] = {
    "national": _national,
    "digits": lambda number: number[2:],
    "integer": lambda number: int(number[1:]),
    "float": lambda number: float(number[1:]),
    "object": lambda number: {"e164": number},
    "extension": lambda number: f"{number};ext=7",
}


def in_form(form: str, body: Any) -> None:
    """Writes the number of ``body``, or of each of its items, in another form."""
    for item in body.get("items", [body]) if isinstance(body, dict) else []:
        if isinstance(item.get("number"), str):
            item["number"] = FORMS[form](item["number"])


def _without(body: dict) -> None:
    del body["has_more"]


def _in_words(body: dict) -> None:
    body["has_more"] = str(body["has_more"]).lower()


def _too_early(body: dict) -> None:
    body["has_more"], body["total"], body["total_is_estimated"] = False, body["total"] + 1, False


def _never_ends(body: dict) -> None:
    body["has_more"] = True


def _strange_items(body: dict) -> None:
    body["items"][:0] = [{"id": "n-1", "number": {"e164": "+14155550100"}}, 7, None]


LISTS: dict[str, Callable[[dict], None]] = {
    "no_has_more": _without,
    "has_more_text": _in_words,
    "ends_early": _too_early,
    "never_ends": _never_ends,
    "strange_items": _strange_items,
}
