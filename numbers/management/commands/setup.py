import getpass
import json
import os
import re
import secrets
import sys
import uuid
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandParser

from dashboard import env_file, setting_catalog
from dashboard.mailer import mailer
from numbers import fluents
from numbers.management import setup_state
from numbers.management.help import ExplainedCommand
from numbers.models import Connection, Price
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.errors import NotDone
from numbers.services.inventory.sync import sync
from numbers.services.orders.prices import WrongPrice, set_price
from numbers.services.people import accounts, links
from numbers.services.people.first_account import nobody_yet
from numbers.supervisor import manage

ASKED = "SETUP_ASKED"  # in the environment, after the questions about settings
HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})+", re.IGNORECASE)
PROPOSED = {"MAX_LINES_PER_DAY": 50, "MAX_LINES_PER_ORDER": 20}  # for the first weeks
EXAMPLES = """
  manage.py setup             asks for what is missing; run it again at any time
  manage.py setup --check     says what is missing, for scripts
"""


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = "0 ready, 1 something required is missing"
    help = "Set up this deployment: ask for what is missing, check it, and write .env."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say what is missing")
        parser.add_argument("--json", action="store_true", help="with --check: one JSON object per step")

    def handle(self, **options) -> None:
        if options["check"]:
            self.report(as_json=options["json"])
        try:
            if ASKED not in os.environ:
                self.ask_for_settings()
            self.fill_database()
        except (EOFError, KeyboardInterrupt):
            self.stderr.write("\nStopped. What was written stays. Run `manage.py setup` again to continue.")
            sys.exit(1)
        self.stdout.write("")
        self.report(as_json=False)

    def report(self, *, as_json: bool) -> NoReturn:
        """Every step and how it stands; ends the command."""
        missing = set()
        for sight in setup_state.everything():
            missing |= {sight.step} if sight.state == setup_state.MISSING else set()
            row = json.dumps(asdict(sight)) if as_json else f"{sight.state:<9}{sight.step:<14}{sight.said}"
            self.stdout.write(row)
        if not as_json:
            start = "Start the web server and the worker (docs/deploy.md)"
            if not missing:
                self.stdout.write(f"Ready. {start}.")
            elif missing == {"administrator"} and not nobody_yet():
                self.stdout.write(f"{start}, then open the administrator's link.")
            else:
                self.stdout.write("Something is missing: run `manage.py setup`.")
        sys.exit(1 if missing else 0)

    # --- Settings ---------------------------------------------------------------------------

    def ask_for_settings(self) -> None:
        """Ask for what has no value; then begin again with what was written."""
        values: dict[str, str] = {}
        if not settings.HAS_SECRET_KEY:
            values["SECRET_KEY"] = secrets.token_urlsafe(50)
            self.stdout.write("Created a secret key.")
        for step in (self.token, self.host_name, self.time_zone, self.limits, self.mail):
            values |= step()
        environment = {name: v for name, v in os.environ.items() if name not in setting_catalog.from_file}
        if values:
            file = settings.BASE_DIR / ".env"
            env_file.write(file, values)
            self.stdout.write(f"Wrote {', '.join(values)} to {file} (readable by its owner only).")
        self.stdout.flush()
        os.execve(sys.executable, manage("setup"), environment | {ASKED: "yes"})  # noqa: S606 -- ourselves

    def token(self) -> dict[str, str]:
        if settings.FLUENTS_API_TOKEN:
            self.stdout.write(f"Token: {setup_state.token().said}")
            return {}
        while token := self.ask(
            "Fluents API key (Settings > Environments in the Fluents app; blank for later): ", hidden=True
        ):
            try:
                said, sandbox = setup_state.what_it_sees(token)
            except fluents.FluentsError as error:
                self.stdout.write(error.user_message)
                continue
            self.stdout.write(said)
            if sandbox:
                self.stdout.write("This is the sandbox, so FLUENTS_LIVE is off: nothing costs money.")
                return {"FLUENTS_API_TOKEN": token, "FLUENTS_LIVE": "off"}
            if settings.FLUENTS_LIVE:
                self.stdout.write("FLUENTS_LIVE is on: purchases will cost real money.")
            return {"FLUENTS_API_TOKEN": token}
        return {}

    def host_name(self) -> dict[str, str]:
        if not settings.LOCAL_ONLY:
            self.stdout.write(f"Host name: {setup_state.public_name().said}")
            return {}
        while host := self.ask(
            "Host name for staff, such as numbers.example.com (blank: this machine only): "
        ):
            if not HOST.fullmatch(host):
                self.stdout.write(f"{host} isn't a host name. Enter it without https:// and slashes.")
                continue
            if why := setup_state.why_no_tls(host):
                self.stdout.write(
                    f"https://{host} isn't reachable yet: {why}. deploy/nginx.conf is an example."
                )
            proxy = self.ask("Address of the proxy that does TLS [127.0.0.1]: ") or "127.0.0.1"
            url = f"https://{host.lower()}"
            return {
                "ALLOWED_HOSTS": host.lower(),
                "CSRF_TRUSTED_ORIGINS": url,
                "SITE_URL": url,
                "TRUSTED_PROXIES": proxy,
            }
        return {}

    def time_zone(self) -> dict[str, str]:
        if setting_catalog.source_of("TIME_ZONE"):
            return {}
        proposed = setup_state.zone_of_machine()
        while True:
            name = self.ask(f"Time zone in which your days begin [{proposed}]: ") or proposed
            try:
                return {"TIME_ZONE": setting_catalog.zone(name)}
            except ValueError:
                self.stdout.write(f"{name} isn't a time zone. Enter one such as America/New_York.")

    def limits(self) -> dict[str, str]:
        questions = {
            "MAX_LINES_PER_DAY": "Most lines in 24 hours (0: no limit)",
            "MAX_LINES_PER_ORDER": "Most lines in one order",
        }
        return {
            name: str(self.number(f"{words} [{PROPOSED[name]}]: ", PROPOSED[name], name))
            for name, words in questions.items()
            if not setting_catalog.source_of(name)
        }

    def number(self, words: str, proposed: int, name: str) -> int:
        while True:
            text = self.ask(words) or str(proposed)
            why = "Enter a whole number."
            if text.isdecimal() and not (why := setting_catalog.SETTINGS[name].why_wrong(int(text))):
                return int(text)
            self.stdout.write(why)

    def mail(self) -> dict[str, str]:
        if settings.NOTIFY_BY_MAIL:
            return {}
        while url := self.ask(
            "Mail server, such as smtp+tls://name:password@mail.example.com:587 (blank: no mail): ",
            hidden=True,
        ):
            try:
                mailer(url)
                env_file.quoted(url)
            except (ImproperlyConfigured, ValueError) as error:
                self.stdout.write(str(error))
                continue
            sender = self.ask("Sender of these mails, such as numbers@example.com: ")
            return {"EMAIL_URL": url} | ({"MAIL_FROM": sender} if sender else {})
        return {}

    # --- The database -----------------------------------------------------------------------

    def fill_database(self) -> None:
        self.stdout.write("Preparing the database and static files.")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", interactive=False, verbosity=0)
        if settings.FLUENTS_API_TOKEN:
            try:
                counts = sync()
                self.stdout.write(
                    f"Read {counts.numbers:,} numbers and {counts.agents:,} agents from Fluents."
                )
            except fluents.FluentsError as error:
                self.stdout.write(f"Nothing was read from Fluents: {error.user_message}")
        by = Actor.command(uuid.uuid4().hex)
        self.prices(by)
        if nobody_yet():
            self.first_administrator(by)

    def prices(self, by: Actor) -> None:
        providers = Connection.objects.filter(gone_at=None).order_by("telephony_provider")
        for provider in providers.values_list("telephony_provider", flat=True).distinct():
            if Price.objects.filter(telephony_provider=provider).exists():
                continue
            words = f"Monthly price of a {provider} number in {settings.LIMIT_CURRENCY} (blank: not known): "
            while text := self.ask(words):
                try:
                    price = amount(text)
                    set_price(
                        by=by, telephony_provider=provider, monthly=price, currency=settings.LIMIT_CURRENCY
                    )
                except (InvalidOperation, ValueError, WrongPrice):
                    self.stdout.write(f"{text} isn't an amount. Enter it like 1.15.")
                else:
                    break

    def first_administrator(self, by: Actor) -> None:
        while name := self.ask("Username of the first administrator (blank: later): "):
            email = self.ask("Their email (blank: none): ")
            try:
                roles = [Role.ADMIN, Role.BUYER]
                _, token = accounts.invite(by=by, username=name, roles=roles, email=email)
            except NotDone as error:
                self.stdout.write(str(error))
                continue
            factor = ", then to set up a second factor" if settings.REQUIRE_MFA else ""
            self.stdout.write(f"Open this link to choose a password{factor}:\n  {links.url_of(token)}")
            return

    # --- Asking -----------------------------------------------------------------------------

    def ask(self, words: str, *, hidden: bool = False) -> str:
        """One line of an answer, trimmed. Raises EOFError where there are no more."""
        self.stdout.flush()
        if sys.stdin.isatty():
            return (getpass.getpass(words) if hidden else input(words)).strip()
        self.stdout.write(words)
        line = b""
        while not line.endswith(b"\n"):  # nothing beyond it: we begin again in between
            if not (byte := os.read(sys.stdin.fileno(), 1)):
                raise EOFError
            line += byte
        return line.decode(errors="replace").strip()


def amount(text: str) -> Decimal:
    found = Decimal(text.replace(",", "."))
    if not found.is_finite() or found < 0:
        raise ValueError
    return found
