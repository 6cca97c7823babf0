import json
import os
import secrets
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from numbers.models import Number
from numbers.processes import Child, manage, run
from numbers.roles import Role

SANDBOX = "http://127.0.0.1:8100"
PEOPLE = {  # chen, who is in the invented past, has left
    "ada": Role.ADMIN,
    "bob": Role.BUYER,
    "ines": Role.ASSIGNER,
    "oleg": Role.APPROVER,
    "vera": Role.VIEWER,
}
ENV_FILE = """# Written by `manage.py demo`: the dashboard on this machine, with the sandbox as its Fluents.
SECRET_KEY={secret_key}
FLUENTS_API_URL={sandbox}
FLUENTS_API_TOKEN=sandbox
SETTLE_WINDOW=60
"""


class Command(BaseCommand):
    help = "Run the demo: sandbox, worker and web together. Ctrl-C ends all of it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the dashboard (default: 8000)")
        parser.add_argument("--numbers", type=int, default=0, help="invent so many numbers")

    def handle(self, **options) -> None:
        self.never_live()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        logins = self.people()
        sandbox = urlsplit(settings.FLUENTS_API_URL)
        api = Child(
            manage(
                "sandbox",
                f"--port={sandbox.port}",
                f"--db={settings.VAR_DIR / 'sandbox.sqlite3'}",
                f"--token={settings.FLUENTS_API_TOKEN}",
                "--latency=200-700",
                "--quiet",
            )
        )
        new = not (settings.VAR_DIR / "sandbox.sqlite3").exists()
        api.keep_running()
        self.wait_until(sandbox.netloc, "/_sandbox/health", api)
        if new and not Number.objects.exists():
            self.stdout.write("Inventing a year of data; this takes a few seconds.")
            call_command("demo_data")
        else:
            call_command("sync", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115 -- ends with us
        if options["numbers"]:
            call_command("seed_numbers", numbers=options["numbers"])
        address = f"127.0.0.1:{options['port']}"
        web = Child(
            [
                *(sys.executable, "-m", "gunicorn", "dashboard.wsgi"),
                *(f"--bind={address}", "--threads=8", "--log-level=warning"),
                "--no-control-socket",
            ]
        )
        web.keep_running()
        self.wait_until(address, "/healthz", web)
        self.stdout.write(f"\nThe demo runs at http://{address}/ with a sandbox in place of Fluents.")
        for name, password in logins.items():
            self.stdout.write(f"  Log in as {name} ({PEOPLE[name].label.lower()}), password {password}")
        self.stdout.write("Nothing here costs money. Ctrl-C ends it.\n")
        self.stdout.flush()
        run([web, Child(manage("worker")), api], patience=10)

    def never_live(self) -> None:
        """Begin again with the demo's settings where there are none, or where they name the real Fluents."""
        file = settings.BASE_DIR / ".env"
        changes = {}
        if not file.exists() and not settings.HAS_SECRET_KEY:
            write_private(file, ENV_FILE.format(secret_key=secrets.token_urlsafe(50), sandbox=SANDBOX))
            changes["DEMO"] = "new"
        elif settings.FLUENTS_LIVE:
            changes = {
                "FLUENTS_API_URL": SANDBOX,
                "FLUENTS_API_TOKEN": "sandbox",
                "DATABASE_URL": f"sqlite:///{settings.VAR_DIR / 'demo.sqlite3'}",
                "JOURNAL_PATH": str(settings.VAR_DIR / "demo.journal"),
                "SECRET_KEY": settings.SECRET_KEY if settings.HAS_SECRET_KEY else secrets.token_urlsafe(50),
            }
            self.stderr.write("The settings name the real Fluents; the demo uses a sandbox and its own data.")
        if changes:
            command = manage(*sys.argv[1:])
            os.execve(sys.executable, command, {**os.environ, **changes})  # noqa: S606 -- ourselves

    def people(self) -> dict[str, str]:
        """The demo's log-ins, with passwords made once for this copy."""
        file = settings.VAR_DIR / "demo-logins.json"
        logins = json.loads(file.read_text()) if file.exists() else {}
        for name, role in PEOPLE.items():
            user, created = get_user_model().objects.get_or_create(
                username=name, defaults={"is_staff": name == "ada", "is_superuser": name == "ada"}
            )
            if created:
                user.groups.add(Group.objects.get(name=role))
            if created or name not in logins:
                logins[name] = secrets.token_urlsafe(9)
                user.set_password(logins[name])
                user.save()
        write_private(file, json.dumps(logins))
        return logins

    def wait_until(self, address: str, path: str, child: Child) -> None:
        """Until PATH answers. Raises CommandError when CHILD ends first: its port may be taken."""
        end = time.monotonic() + 20
        while time.monotonic() < end and child.process.poll() is None:
            try:
                return ask(address, "GET", path)
            except (OSError, HTTPException):
                time.sleep(0.1)
        child.process.terminate()
        raise CommandError(
            f"{address} does not answer. Is its port taken? `make run PORT=...` moves the web."
        )


def ask(address: str, method: str, path: str, body: str | None = None) -> None:
    """Send a request to one of our own processes and wait for its answer."""
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
    finally:
        connection.close()


def write_private(path: Path, text: str) -> None:
    """Write TEXT to a file that only its owner can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
