import random
from argparse import ArgumentTypeError
from datetime import timedelta
from itertools import batched

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from numbers.db.clock import db_now
from numbers.models import Agent, Connection, Number, Price, Tag
from numbers.services.inventory.upsert import describe
from numbers.states import NumberStatus, Origin
from numbers.telephony.area_codes import areas

PORTION = 2000
SEED = 20260101  # the same numbers each time, so that figures can be compared
AGENTS = ("Reception", "Sales", "Support", "Billing", "Night desk", "Returns", "Bookings", "Recruiting",
          "Surveys", "Collections", "Concierge", "Dispatch")  # fmt: skip
TEAMS = ("Clinic", "Store", "Branch", "Warehouse", "Campaign", "Hotline", "Franchise", "Pop-up")
TAGS = ("support", "sales", "spring campaign", "vip", "trial", "partner", "to be released", "24/7")
BUYERS = ("ada", "bob", "chen", "dana")
PRICES = {"twilio": "1.15", "telnyx": "1.00"}


def amount(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise ArgumentTypeError("between 1 and 1000000")
    return int(text)


class Command(BaseCommand):
    help = (
        "Add sample numbers to the local records for trying out and tests. Fluents doesn't know them, so"
        " a sync leaves them alone and changes to them fail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--numbers", type=amount, default=1000, metavar="N", help="default: 1000")

    def handle(self, *, numbers: int, **options) -> None:
        if settings.FLUENTS_LIVE:
            raise CommandError("These settings point to the real Fluents. Sample numbers don't belong there.")
        dice = random.Random(SEED)  # noqa: S311 -- nothing secret
        agents, connections, tags = self.agents(), self.connections(), self.tags()
        taken = set(Number.objects.values_list("e164", flat=True))
        made = 0
        for portion in batched(fresh(dice, taken, numbers), PORTION):
            with transaction.atomic():
                self.keep(portion, dice, agents, connections, tags)
            made += len(portion)
            if self.stdout.isatty():
                self.stdout.write(f"\r{made:,} of {numbers:,}", ending="")
        self.stdout.write(f"\r{made:,} sample numbers created; {len(taken):,} in our records.")

    def agents(self) -> list[Agent]:
        if not Agent.objects.filter(gone_at=None).exists():
            rows = [
                Agent(api_id=f"seed-agent-{n}", name=name, known_as=name) for n, name in enumerate(AGENTS)
            ]
            Agent.objects.bulk_create(rows, ignore_conflicts=True)
        return list(Agent.objects.filter(gone_at=None))

    def connections(self) -> list[Connection]:
        for provider, monthly in PRICES.items():
            Connection.objects.get_or_create(
                api_id=f"seed-{provider}",
                defaults={
                    "telephony_provider": provider,
                    "label": f"{provider.capitalize()} invented",
                },
            )
            Price.objects.get_or_create(
                telephony_provider=provider, connection=None, defaults={"monthly": monthly}
            )
        return list(Connection.objects.filter(gone_at=None, telephony_provider__in=PRICES))

    def tags(self) -> list[Tag]:
        Tag.objects.bulk_create([Tag(name=name) for name in TAGS], ignore_conflicts=True)
        return list(Tag.objects.filter(name__in=TAGS))

    def keep(self, portion, dice, agents, connections, tags) -> None:
        rows, tags_of = [], {}
        for e164 in portion:
            row = invented(e164, dice, agents, connections)
            tags_of[e164] = dice.sample(tags, dice.choice((0, 0, 1, 1, 2)))
            describe(row, [tag.name for tag in tags_of[e164]])
            rows.append(row)
        Number.objects.bulk_create(rows)
        links = [(row.pk, tag.pk) for row in rows for tag in tags_of[row.e164]]
        Number.tags.through.objects.bulk_create(
            [Number.tags.through(number_id=number, tag_id=tag) for number, tag in links]
        )


def fresh(dice: random.Random, taken: set[str], count: int):
    """`count` numbers that are not `taken` yet."""
    codes = sorted(areas())
    for _ in range(count):
        while (e164 := f"+1{dice.choice(codes)}{dice.choice('23456789')}{dice.randrange(10**6):06}") in taken:
            pass
        taken.add(e164)
        yield e164


def invented(e164: str, dice: random.Random, agents: list[Agent], connections: list[Connection]) -> Number:
    connection, now = dice.choice(connections), db_now()
    bought = dice.random() < 0.8
    drifted = dice.random() < 0.01
    return Number(
        e164=e164,
        api_id=f"seed-{e164[1:]}",
        telephony_provider=connection.telephony_provider,
        connection=connection,
        agent=dice.choice(agents) if agents and dice.random() < 0.97 else None,
        label=f"{dice.choice(TEAMS)} {dice.randrange(1, 400)}" if dice.random() < 0.7 else "",
        outbound_only=dice.random() < 0.05,
        status=dice.choices(
            (NumberStatus.ACTIVE, NumberStatus.INACTIVE, NumberStatus.GONE, NumberStatus.RELEASED),
            (960, 20, 10, 10),
        )[0],
        area_code=e164[2:5],
        region=areas()[e164[2:5]].region,
        origin=Origin.BOUGHT if bought else Origin.FOUND,
        drifted=drifted,
        drift={"label": {"ours": "", "theirs": "Front desk"}} if drifted else {},
        bought_at=now - timedelta(minutes=dice.randrange(900 * 24 * 60)) if bought else None,
        bought_by=dice.choice(BUYERS) if bought else "",
    )
