"""One database, one size: CPU per request of the list, of the admin, of raw SQL; search; the status poll.

`python -m tests.bench.lists --numbers N` with DATABASE_URL set; prints one JSON object. Requests go through
the whole of Django in this process, so that nothing but CPU counts: ours, and that of PostgreSQL's process.
"""

import argparse
import gzip
import json
import os
import random
import re
import sys
import time
from io import BytesIO
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from numbers.listing.query import ORDERS  # noqa: E402
from numbers.models import Agent, Connection, Line, Number, Order  # noqa: E402
from numbers.services.monitoring import statistics  # noqa: E402
from numbers.states import LineState  # noqa: E402
from tests.bench.filling import fill  # noqa: E402
from tests.bench.filling_history import fill_history  # noqa: E402
from tests.bench.matrix import matrix  # noqa: E402
from tests.bench.pages import pages  # noqa: E402

ADMIN, TUNED = "/bench/admin/numbers/number/", "/bench/tuned/numbers/number/"
TERMS = 60  # different searches for the 95th percentile


class Caller:
    """Calls the application as a server would, signed in."""

    def __init__(self) -> None:
        self.app = get_wsgi_application()
        user, _ = get_user_model().objects.get_or_create(username="ada", is_staff=True, is_superuser=True)
        client = Client()
        client.force_login(user)
        client.cookies["csrftoken"] = "a" * 32  # which a browser has since its first page
        self.cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        self.backend = None
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET max_parallel_workers_per_gather = 0")  # all of the work in one process
                cursor.execute("SELECT pg_backend_pid()")
                self.backend = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def get(self, url: str, **headers: str) -> tuple[int, bytes]:
        path, _, query = url.partition("?")
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "127.0.0.1",
            "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
            "HTTP_COOKIE": self.cookie, "REMOTE_ADDR": "127.0.0.1", "wsgi.input": BytesIO(),
            "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "wsgi.version": (1, 0),
            "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False, **headers,
        }  # fmt: skip
        told = {}
        answer = self.app(environ, lambda status, headers, exc_info=None: told.update(status=status))
        body = b"".join(answer)
        answer.close()
        return int(told["status"].split()[0]), body

    def page(self, url: str) -> str:
        """The page at URL as a browser unpacks it."""
        body = self.get(url)[1]
        return (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()

    def cpu(self) -> float:
        """Seconds of CPU that this process and its database have used."""
        return time.process_time() + (self.database_cpu() if self.backend else 0)

    def database_cpu(self) -> float:
        """Seconds of CPU of the database, which is this process where SQLite is."""
        return int(self.backend.read_text().split()[0]) / 1e9 if self.backend else time.process_time()

    def cost(self, url: str, seconds: float, *, least: int = 3, **headers: str) -> float:
        """Milliseconds of CPU per request, over at least SECONDS of CPU and LEAST requests."""
        start, count = self.cpu(), 0
        while (used := self.cpu() - start) < seconds or count < least:
            self.get(url, **headers)
            count += 1
        return used / count * 1000


def cells(count: int) -> dict[str, dict[str, str]]:
    """What is compared: the same page by each of them."""
    page = min(5000, count // 200)
    deep = Number.objects.order_by("-pk").values_list("pk", flat=True)[page * 100 - 100]
    by_time = Number.objects.exclude(bought_at=None).order_by("-bought_at", "-pk")
    at = ORDERS["-bought"].key_of(by_time.values("pk", "bought_at")[page * 100 - 100])
    agent = Agent.objects.get(api_id="a3").pk
    admins = {"admin": ADMIN, "tuned": TUNED}
    digits, searches = str(2000000 + count // 2), {}
    for name, text in {"selective": digits, "middling": "clinic 12", "broad": "support"}.items():
        q = text.replace(" ", "+")
        searches[f"search, {name} ({text})"] = {
            "ours": f"/numbers/?size=100&q={q}", "raw": f"/bench/raw/?q={q}",
            **{name: f"{url}?q={q}" for name, url in admins.items()},
        }  # fmt: skip
    return {
        "first page": {"ours": "/numbers/?size=100", **admins, "raw": "/bench/raw/"},
        f"page {page:,}": {
            "ours": f"/numbers/?size=100&before={deep}",
            **{name: f"{url}?p={page}" for name, url in admins.items()},
            "raw": f"/bench/raw/?before={deep}",
        },
        f"by time bought, page {page:,}": {
            "ours": f"/numbers/?{urlencode({'size': 100, 'sort': '-bought', 'before': at})}",
            **{name: f"{url}?o=-7&p={page}" for name, url in admins.items()},
            "raw": f"/bench/raw/?{urlencode({'before_time': at})}",
        },
        "filtered": {
            "ours": "/numbers/?size=100&status=inactive&agent=a3",
            **{
                name: f"{url}?status__exact=inactive&agent__id__exact={agent}" for name, url in admins.items()
            },
            "raw": "/bench/raw/?filtered=1",
        },
        **searches,
    }


def compare(caller: Caller, count: int, rounds: int, seconds: float) -> dict:
    """Medians over ROUNDS, in which the variants take turns in one order and then in the other."""
    found = cells(count)
    taken = {cell: {variant: [] for variant in urls} for cell, urls in found.items()}
    sizes = {}
    for cell, urls in found.items():  # also warms caches
        for variant, url in urls.items():
            status, body = caller.get(url)
            assert status == 200, (url, status)
            sizes.setdefault(cell, {})[variant] = len(body)
    for turn in range(rounds):
        for cell, urls in found.items():
            for variant in list(urls)[:: 1 if turn % 2 == 0 else -1]:
                taken[cell][variant].append(caller.cost(urls[variant], seconds))
    return {
        cell: {variant: round(median(costs), 2) for variant, costs in row.items()} | {"bytes": sizes[cell]}
        for cell, row in taken.items()
    }


def searches(caller: Caller) -> dict:
    """Milliseconds of CPU that the database takes for all statements of a search, over many terms."""
    dice, spent = random.Random(5), []
    words = ["clinic", "store 1", "support", "reception", "night", "zq", "41", "9", "vip", "xyzzy"]
    each = (TERMS - len(words)) // 6
    digits = [str(dice.randrange(10**n)) for n in (2, 3, 4, 5, 6, 7) for _ in range(each)]
    took = [0.0]

    def clock(execute, sql, params, many, context):
        start = caller.database_cpu()
        try:
            return execute(sql, params, many, context)
        finally:
            took[0] += caller.database_cpu() - start

    slowest = (0.0, "")
    with connection.execute_wrapper(clock):
        for term in [*words, *digits]:
            best = min(one_search(caller, term, took) for _ in range(3))  # others use this machine, too
            spent.append(best)
            slowest = max(slowest, (round(best, 1), term))
    spent.sort()
    return {
        "p50": round(median(spent), 1),
        "p95": round(spent[int(len(spent) * 0.95)], 1),
        "slowest": slowest,
    }


def one_search(caller: Caller, term: str, took: list[float]) -> float:
    took[0] = 0.0
    caller.get(f"/numbers/?size=100&q={term.replace(' ', '+')}")
    return took[0] * 1000


def polls(caller: Caller, rounds: int, seconds: float) -> dict:
    """The status poll of an order with one open line and with fifty, against a page that only says hello."""
    urls = {"hello": "/bench/hello/"}
    link = Connection.objects.get(api_id="c1")
    for count in (1, 50):
        order, _ = Order.objects.get_or_create(form_token=f"bench-{count}", defaults={"quantity": count})
        if not order.lines.update(state=LineState.UNKNOWN):
            Line.objects.bulk_create(
                Line(order=order, position=n + 1, state=LineState.UNKNOWN, telephony_provider="twilio",
                     connection=link, area_code="415") for n in range(count)
            )  # fmt: skip
        page = caller.page(f"/orders/{order.pk}/")
        urls[f"poll, {count} open"] = f"/orders/{order.pk}/"
    now = re.search(r'data-seen="([^"~]+)', page)[1]

    def seen() -> dict[str, str]:
        return {"HTTP_X_SEEN": f"{now}~{int(time.time())}"}

    for name, url in urls.items():
        status = caller.get(url, **seen())[0] if name != "hello" else 204
        assert status == 204, (name, status)
    taken = {name: [] for name in urls}
    for turn in range(rounds):
        for name in list(urls)[:: 1 if turn % 2 == 0 else -1]:
            taken[name].append(caller.cost(urls[name], seconds, **(seen() if name != "hello" else {})))
    Line.objects.filter(order__form_token__startswith="bench-").update(state=LineState.CANCELLED)
    return {name: round(median(costs), 2) for name, costs in taken.items()}


def database_version() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {connection.Database.sqlite_version}"
    return "PostgreSQL " + ".".join(map(str, connection.get_database_version()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--numbers", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    if Number.objects.count() != options.numbers:
        fill(options.numbers)
        fill_history(options.numbers)
        statistics.count()  # as a worker does once a minute at most
    caller = Caller()
    found = {
        "numbers": options.numbers,
        "versions": f"Django {django.__version__}, {database_version()}",
        "lists": compare(caller, options.numbers, options.rounds, options.seconds),
        "search": searches(caller),
        "polls": polls(caller, options.rounds, options.seconds),
        "pages": pages(caller, options.seconds),
        "matrix": matrix(caller),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
