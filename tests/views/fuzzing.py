"""Requests that nobody sends by accident: every address, with the forms of its pages bent here and there.

All of it comes from a seed, so what was found once is found again.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from random import Random
from urllib.parse import quote, quote_from_bytes, urlencode

from django.urls import URLPattern, URLResolver, get_resolver

LONG = "A" * 4096
WORDS = [
    "", " ", "\x00", "a\x00b", "0", "-1", "1", "2", "7", "00", "1e309", "nan", "Infinity", "9" * 19,
    "9" * 400, str(2**31), str(2**63), str(-(2**63) - 1), "\u0663", "\xb2", LONG, "\U0001f418" * 100, "'",
    '"', "' OR 1=1--", "'; DROP TABLE numbers_number; --", "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "{% debug %}", "%s%s%n", "%", "%25", "${jndi:ldap://x}",
    "../../../etc/passwd", "\\", "\r\nSet-Cookie: a=b", "\u202e", "\u2028", "\ufeff", "=1+1",
    "+14155550100", "+99999999999999", "415", "911", "None", "null", "[]", "{}", "true", "2026-13-45",
    "0000-00-00", "9999-12-31", "2026-02-30T25:61", "1~", "1~\x00", "~", "1~9999-99-99",
    "1~2026-01-01T00:00:00+00:00", "0~0001-01-01T00:00:00+14:00", "9999999999999999999~x", "a,b;c",
    "00000000-0000-0000-0000-000000000000", "https://evil.example/", "//evil.example", "/\\evil.example",
    "javascript:alert(1)", "number", "-number", "bought", "-bought", "label", "open", "all", "assign",
    "release",
]  # fmt: skip
RAW = [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\x00", b"\xf0\x9f", "\u0663".encode(), b"%zz", b"a" * 4096]
QUERIES = [
    "after", "before", "q", "agent", "seen", "from", "to", "page", "per", "size", "sort",
    "telephony_provider", "telephony_account_connection", "find", "digits", "area_code", "area_code-2",
    "phone_number", "quantity-2", "provider", "connection", "region", "status", "tag", "bought_from",
    "bought_to", "drifted", "silent", "wrong", "columns", "cols", "draft", "change", "focus", "kind", "late",
    "at", "state", "action", "person", "number", "order", "plan", "next", "user", "id", "form_token",
    "nobody_knows_this", "o", "p", "all", "_popup", "_to_field", "e", "e164__contains", "state__exact",
    "order__id", "app_label", "model_name", "field_name", "_changelist_filters",
]  # fmt: skip
EXTRA = [
    "state", "price", "user", "id", "pk", "is_superuser", "is_staff", "order", "requested_by", "generation",
    "lease_until", "confirmed", "draft", "pick", "add", "remove", "providers", "shown", "next", "back",
    "action", "_selected_action", "ticked", "all", "which", "one", "decision", "to", "reason", "code",
    "credential",
]  # fmt: skip
TARGETS = [
    "rows", "found", "connection-field", "inbox", "sync-state", "changing", "events", "number-rows",
    "queue",
]  # fmt: skip
METHODS = ["GET"] * 9 + ["POST"] * 9 + ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"]
FILES = [
    b"", b"\x00" * 100, b"\xff\xfe\x00n", b"number\n" + b"+14155550100\n" * 3, b"number,number\n1,2\n",
    b'number,label\n"+14155550100', b"number,label,tags\n+14155550100,\x00,=1+1\n", b"," * 5000, b"\n" * 5000,
    b"area_code,quantity\n415,99999999999999999999\n", b"phone_number\n" + "\u0663".encode() * 11,
    b'"' * 9999, b"number;label\r+14155550100;x\r", b"area_code,tags\n415," + b"t," * 3000, b"\xef\xbb\xbf",
    b"number,label\n+14155550100," + b"x" * 200_000,
]  # fmt: skip


@dataclass(slots=True)
class Sent:
    """One request."""

    method: str
    path: str
    who: str
    body: bytes = b""
    content_type: str = "application/x-www-form-urlencoded"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        about = f"{self.headers} {self.content_type} {self.body[:500]}"
        return f"{self.method} {self.path[:300]} as {self.who or 'nobody'} {about}"


def routes() -> list[str]:
    """Every pattern of the URLconf."""

    def walk(patterns, before: str) -> Iterator[str]:
        for pattern in patterns:
            route = before + re.sub(r"^\^|\$$", "", str(pattern.pattern))
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern):
                yield re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route)

    return sorted(set(walk(get_resolver().url_patterns, "/")))


class Forms(HTMLParser):
    """The forms of a page that are sent by POST: their fields by their addresses."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.here, self.found, self.fields, self.file = path.split("?", maxsplit=1)[0], {}, None, False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        about = dict(attrs)
        if tag == "form":
            where = (about.get("action") or self.here).split("?")[0]
            post = about.get("method", "").lower() == "post"
            self.fields = self.found.setdefault(where, {}) if post else None
        elif (
            self.fields is not None
            and (name := about.get("name"))
            and tag in ("input", "select", "textarea", "button")
        ):
            if about.get("type") == "file":
                self.fields[name] = FILES[3]
            elif about.get("type") != "radio" or "checked" in about or name not in self.fields:
                self.fields[name] = about.get("value") or ""
        elif self.fields and tag == "option" and about.get("value"):
            last = list(self.fields)[-1]
            self.fields[last] = self.fields[last] or about["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.fields = None


class Fuzzer:
    """Makes requests: KNOWN are values that fit into addresses, FORMS what pages would send to them."""

    def __init__(self, seed: int, *, known: dict[str, list[str]], forms: dict[str, dict]) -> None:
        self.random, self.known, self.forms = Random(seed), known, forms
        self.routes = routes()

    def requests(self, count: int) -> Iterator[Sent]:
        """COUNT requests, the addresses in turn."""
        for n in range(count):
            yield self.one(self.routes[n % len(self.routes)])

    def one(self, route: str) -> Sent:
        random = self.random
        path = re.sub(r"<(?:\w+:)?(\w+)>", self.part, route)
        sent = Sent(
            method=random.choice(METHODS), path=path, who=random.choice(["ada", "ada", "ada", "bob", ""])
        )
        if random.random() < 0.7:
            sent.path += "?" + self.query()
        if sent.method not in ("GET", "HEAD", "OPTIONS"):
            self.fill(sent, path)
        if random.random() < 0.5:
            sent.headers = self.headers()
        if random.random() < 0.1:
            sent.cookies = {random.choice(["sessionid", "csrftoken", "messages", "x"]): self.cookie()}
        return sent

    def part(self, match: re.Match) -> str:
        """A part of an address: one that is there, or one that cannot be."""
        random = self.random
        if random.random() < 0.7 and (known := self.known.get(match[1])):
            return random.choice(known)
        if random.random() < 0.3:
            return quote_from_bytes(random.choice(RAW))
        return quote(random.choice(WORDS), safe="") or "0"

    def query(self) -> str:
        random = self.random
        names = random.choices(QUERIES, k=random.choice([1, 1, 2, 3, 12]))
        pairs = []
        for name in names:
            raw = random.random() < 0.2
            value = quote_from_bytes(random.choice(RAW)) if raw else quote(random.choice(WORDS), safe="")
            pairs.append(
                random.choice(["{}={}", "{}={}", "{}={}", "{}[]={}", "{0}={1}&{0}={1}", "{0}"]).format(
                    name, value
                )
            )
        return random.choice(["&", "&", "&", "&&", ";"]).join(pairs)

    def fill(self, sent: Sent, path: str) -> None:
        """A body: the form that a page would send there with something wrong in it, or no form at all."""
        random = self.random
        fields = dict(self.forms.get(path, {}))
        if not fields and random.random() < 0.7:
            fields = dict(random.choice(list(self.forms.values())))
        for name in random.sample(list(fields), k=min(len(fields), random.choice([0, 1, 1, 2, 4, 30]))):
            fields[name] = random.choice(FILES) if isinstance(fields[name], bytes) else random.choice(WORDS)
        for name in random.sample(EXTRA, k=random.choice([0, 0, 1, 3])):
            fields[name] = random.choice(WORDS)
        for name in random.sample(list(fields), k=min(len(fields), random.choice([0, 0, 0, 1]))):
            del fields[name]
        kind = random.random()
        if kind < 0.55 and not any(isinstance(value, bytes) for value in fields.values()):
            pairs = [pair for pair in fields.items() for _ in range(random.choice([1, 1, 1, 1, 2]))]
            sent.body = urlencode(pairs, errors="replace").encode()
        elif kind < 0.85:
            sent.body, sent.content_type = multipart(fields), "multipart/form-data; boundary=edge"
        else:
            sent.body, sent.content_type = self.nonsense(fields)

    def nonsense(self, fields: dict) -> tuple[bytes, str]:
        form, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=edge"
        whole = multipart(fields)
        return self.random.choice([
            (json.dumps({name: str(value) for name, value in fields.items()}).encode(), "application/json"),
            (b'{"a":', "application/json"), (b"[" * 5000, "application/json"), (b"<a>", "text/xml"),
            (b"\xff\x00\xfe", "text/plain; charset=utf-9"), (b"a=%ff%fe&b=%00&%zz", form),
            (b"a=\xff\xfe", form + "; charset=utf-16"), (b"a=1", form + "; charset=nonsense"),
            (b"&".join(b"f%d=1" % n for n in range(1500)), form), (b"", parts), (b"", form),
            (whole[: len(whole) // 2], parts), (whole, "multipart/form-data"), (whole, parts + "\x00"),
            (whole.replace(b"name=", b"nam="), parts), (whole.replace(b'"', b""), parts), 
            (whole, "multipart/form-data; boundary=" + "x" * 300),
            (whole.replace(b"form-data", b"form-data; filename*=UTF-8''%ff"), parts),
            (whole.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n*"), parts),
            (b"a" * 2_700_000, form),
        ])  # fmt: skip

    def headers(self) -> dict[str, str]:
        random = self.random
        htmx = {
            "HX-Request": random.choice(["true", "false", "x"]),
            "HX-Target": random.choice([*TARGETS, *TARGETS, *WORDS]),
            "HX-Trigger": random.choice(["filters", *WORDS]),
            "HX-Trigger-Name": random.choice(WORDS),
            "HX-Current-URL": random.choice([
                "http://testserver/orders/", "http://[", "http://testserver:x/", "http://testserver/%ff?a=%00",
                *WORDS,
            ]),
            "HX-Current-URL-URI-AutoEncoded": random.choice(["true", "false"]),
            "HX-Prompt": random.choice(WORDS), "HX-Boosted": "true",
        }  # fmt: skip
        others = {
            "Referer": random.choice(["http://evil.example/", "http://[", *WORDS]),
            "Origin": random.choice(["null", "https://evil.example", "http://[", *WORDS]),
            "X-Forwarded-For": random.choice(["1.2.3.4, ::1", "1.2.3.4," * 300, "::ffff:1.2.3.4%e", *WORDS]),
            "X-Forwarded-Proto": random.choice(["https", *WORDS]),
            "X-Forwarded-Host": "evil.example",
            "X-Request-Id": random.choice(["a" * 64, "a" * 65, *WORDS]),
            "X-Requested-With": "XMLHttpRequest",
            "Accept": random.choice(["application/json", "text/html;q=x", "*/" * 200, *WORDS]),
            "Accept-Encoding": random.choice(["gzip", "gzip;q=nan", *WORDS]),
            "Accept-Language": random.choice(["xx" * 300, "de;q=9", *WORDS]),
            "If-Modified-Since": random.choice(["Thu, 99 Foo 99999 99:99:99 GMT", *WORDS]),
            "If-None-Match": random.choice(["*", 'W/"x', *WORDS]),
            "Range": random.choice(["bytes=-1", "bytes=9-1,2-", *WORDS]),
            "Authorization": random.choice(["Bearer", "Bearer \xff", "Basic x", *WORDS]),
            "Host": random.choice(["testserver", "localhost:x", "evil.example", "[::1", "a b", "x:99999"]),
            "Content-Length": random.choice(["-1", "x", "0", "7"]),
        }  # fmt: skip
        chosen = htmx if random.random() < 0.5 else {}
        return chosen | {
            name: others[name] for name in random.sample(list(others), k=random.choice([0, 1, 2]))
        }

    def cookie(self) -> str:
        return self.random.choice(["x", "a" * 32, "a" * 4000, '"', "..", "a:b:c", "0" * 64, "W10:x:y", "'--"])


def multipart(fields: dict) -> bytes:
    parts = []
    for name, value in fields.items():
        file = isinstance(value, bytes)
        head = f'form-data; name="{name}"' + ('; filename="a/../\u0663b.csv"' if file else "")
        content = value if file else value.encode(errors="replace")
        parts.append(f"--edge\r\nContent-Disposition: {head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + b"--edge--\r\n"
