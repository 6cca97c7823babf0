import json
import random
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from time import time
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from numbers.db.clock import db_now
from numbers.management.demo_history import write_past
from numbers.models import Agent, Line, Number, Order, Price
from numbers.services.audit.events import Actor
from numbers.services.calls import reader
from numbers.services.inventory import sync
from numbers.services.monitoring import statistics
from numbers.services.notifications import notices
from numbers.services.plans.lifecycle import plan_change
from numbers.services.purchasing import recovery
from numbers.states import LineState

PAST = timedelta(days=400)  # for which prices are known
SEED = 20260401  # the same demo each time
OWNED = 320
CALLS = {"count": 12_000, "days": 60, "seed": SEED}
PRICES = {"twilio": "1.15", "telnyx": "1.00"}  # a month and line, so that the pages can show estimates
# How likely each area code is: a business from California that has grown east and north.
AREAS = {
    "415": 30, "916": 9, "619": 12, "310": 3, "206": 14, "503": 12, "702": 7, "602": 9, "303": 13,
    "801": 5, "505": 3, "214": 16, "713": 14, "512": 10, "210": 6, "816": 5, "612": 7, "312": 18,
    "313": 6, "317": 4, "614": 6, "615": 7, "901": 3, "404": 12, "704": 7, "305": 13, "813": 8,
    "504": 4, "215": 10, "646": 20, "617": 12, "808": 2, "416": 13, "613": 4, "514": 8, "604": 9,
    "403": 5, "902": 2, "204": 2, "907": 1, "208": 2, "402": 2, "515": 2, "414": 3, "203": 3,
    "410": 4, "804": 3, "501": 1, "405": 2, "406": 1,
}  # fmt: skip
LEAVING = "Holiday hotline"  # an agent that is gone at Fluents before anybody looks


class Command(BaseCommand):
    help = (
        "Fill an empty sandbox and empty records with a year of sample data: numbers, orders in every"
        " state, and a few problems. `demo` does this on its first start."
    )

    def handle(self, **options) -> None:
        if settings.FLUENTS_LIVE:
            raise CommandError("These settings point to the real Fluents. Sample data doesn't belong there.")
        if Order.objects.exists() or Number.objects.exists():
            raise CommandError("The records aren't empty. Use this command only with empty records.")
        latency = self.ask("GET", "/_sandbox/config")["latency_ms"]
        self.ask("POST", "/_sandbox/reset", {"numbers": OWNED, "areas": AREAS})
        self.ask("POST", "/_sandbox/config", {"latency_ms": [0, 0]})
        try:
            self.fill()
        finally:
            self.ask("POST", "/_sandbox/config", {"latency_ms": latency})

    def fill(self) -> None:
        """A year ago, since then, and what is odd today."""
        dice = random.Random(SEED)  # noqa: S311 -- nothing secret
        leaving = self.ask("POST", "/_sandbox/agents", {"name": LEAVING, "language": "en"})["id"]
        for area_code in ("415", "206", "646"):
            self.ask("POST", "/_sandbox/numbers", {"area_code": area_code, "inbound_agent": leaving})
        recovery.check_journal(whole=True)  # begun before there is a send to remember
        since = (db_now() - PAST).date()
        for provider, monthly in PRICES.items():
            price = {"monthly": monthly, "valid_from": since}
            Price.objects.get_or_create(telephony_provider=provider, defaults=price)
        sync.sync()
        numbers = list(Number.objects.select_related("agent", "connection").order_by("pk"))
        odd = dice.sample(numbers, 2)
        for_sale = {area_code: self.for_sale(area_code) for area_code in ("503", "416")}
        write_past(numbers, now=db_now(), dice=dice, for_sale=for_sale)
        self.ask("DELETE", f"/_sandbox/agents?{urlencode({'id': leaving})}")
        self.change(odd[0], label="Summer campaign, second wave")
        self.change(odd[1], outbound_only=True, description="Changed in Fluents, not here")
        self.ask("POST", "/_sandbox/numbers", {"area_code": "312", "label": "Bought elsewhere"})
        sync.sync()
        self.call(odd[0])
        self.go_on()
        statistics.count()

    def call(self, astray: Number) -> None:
        """Two months of calls, three of which the wrong agent has answered; then read them all."""
        self.ask("POST", "/_sandbox/calls", CALLS)
        other = Agent.objects.filter(gone_at=None).exclude(numbers=astray)[0]
        wrong = {"number": astray.e164, "seconds": 80, "agent": other.api_id}
        ago = [{**wrong, "at": time() - hours * 3600} for hours in (3, 22, 27)]
        self.ask("POST", "/_sandbox/calls", {"calls": ago})
        while reading := reader.claim(limit=1):
            reader.run(reading[0])

    def go_on(self) -> None:
        """What waits for bob: a line that needs him, and a plan that he has not applied yet."""
        line = Line.objects.select_related("order").get(state=LineState.REVIEW)
        notices.tell_review(line=line, event=line.events.get(action="line.review"))
        agent = Agent.objects.get(name="Appointment booking")
        bob = get_user_model().objects.filter(username="bob").first()
        chosen = Number.objects.owned().filter(region="GA").exclude(agent=agent)
        plan_change(
            by=Actor.person(bob) if bob else Actor(name="bob"),
            numbers=chosen,
            changes={"agent": agent.api_id},
        )

    def for_sale(self, area_code: str) -> str:
        query = urlencode({"filters": json.dumps({"area_code": area_code}), "limit": 1})
        return self.ask("GET", f"/v1/numbers/available?{query}")["items"][0]["number"]

    def change(self, number: Number, **fields) -> None:
        """Change `number` at Fluents behind our back."""
        self.ask("PATCH", f"/_sandbox/numbers?{urlencode({'phone_number': number.e164})}", fields)

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        """The sandbox's answer. Raises CommandError when it has none."""
        connection = HTTPConnection(urlsplit(settings.FLUENTS_API_URL).netloc, timeout=10)
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {settings.FLUENTS_API_TOKEN}",
        }
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            raise CommandError("The sandbox isn't responding. Check that it's running.") from error
        finally:
            connection.close()
        if answer.status >= 300:
            raise CommandError(f"{method} {path.partition('?')[0]} returned status {answer.status}.")
        return json.loads(content)
