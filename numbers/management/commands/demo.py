import json
import os
import re
import secrets
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from numbers.management.demo_home import HOME, Ports, forget, take, why_closed
from numbers.models import Number
from numbers.permissions import Role
from numbers.supervisor import Child, manage, run

PATIENCE = 5  # seconds in which what has died gives its port back
MOST_DEATHS = 4  # in a row
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
FLUENTS_LIVE=off
SETTLE_WINDOW=60
"""


class Command(BaseCommand):
    help = "Run the demo: sandbox, worker, and web server together. Ctrl-C stops it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the dashboard (default: 8000)")
        parser.add_argument(
            "--sandbox-port",
            type=int,
            default=os.environ.get("SANDBOX_PORT") or None,
            help="port of the sandbox (default: 100 above the dashboard's)",
        )
        parser.add_argument("--numbers", type=int, default=0, help="create this many sample numbers")
        parser.add_argument("--fresh", action="store_true", help="delete the data of earlier demos first")

    def handle(self, **options) -> None:
        ports = Ports.chosen(options["port"], options["sandbox_port"])
        if HOME not in os.environ:
            ports.check()
            self.move_in(take(ports), ports)
        home = Path(os.environ[HOME])
        if options["fresh"]:
            forget(home)
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        logins = self.people(home)
        web, api = f"127.0.0.1:{ports.web}", f"127.0.0.1:{ports.sandbox}"
        new = not (home / "sandbox.sqlite3").exists()
        sandbox = Child(
            manage(
                "sandbox",
                f"--port={ports.sandbox}",
                f"--db={home / 'sandbox.sqlite3'}",
                f"--token={settings.FLUENTS_API_TOKEN}",
                "--latency=200-700",
                "--quiet",
            )
        )
        sandbox.keep_running()
        self.wait_until(api, "/_sandbox/health", sandbox)
        self.fill(new=new, numbers=options["numbers"])
        serving = Child(
            [
                *(sys.executable, "-m", "gunicorn", "dashboard.wsgi"),
                *(f"--bind={web}", "--threads=8", "--log-level=warning"),
                "--no-control-socket",
            ]
        )
        serving.keep_running()
        self.wait_until(web, "/healthz", serving)
        self.stdout.write(f"\nThe demo runs at http://{web}/ with a sandbox in place of Fluents.")
        for name, password in logins.items():
            self.stdout.write(f"  Log in as {name} ({PEOPLE[name].label.lower()}), password {password}")
        self.stdout.write("Nothing here costs money. Press Ctrl-C to stop.\n")
        self.stdout.flush()
        whose = {serving: ("The dashboard", ports.web), sandbox: ("The sandbox", ports.sandbox)}
        worker = Child(manage("worker"))
        if why := run([serving, worker, sandbox], patience=10, died=lambda child: lost(child, whose)):
            raise CommandError(why)

    def fill(self, *, new: bool, numbers: int) -> None:
        """Invent data where there is none, else take in what the sandbox has."""
        if new and not Number.objects.exists():
            self.stdout.write("Creating a year of sample data. This takes a few seconds.")
            self.stdout.flush()
            call_command("demo_data")
        else:
            with Path(os.devnull).open("w") as nowhere:
                call_command("sync", verbosity=0, stdout=nowhere)
        if numbers:
            call_command("seed_numbers", numbers=numbers)

    def move_in(self, home: Path, ports: Ports) -> NoReturn:
        """Begin again with the settings of the demo in `home`, never with those of the real Fluents."""
        file, sandbox = settings.BASE_DIR / ".env", f"http://127.0.0.1:{ports.sandbox}"
        key = settings.SECRET_KEY if settings.HAS_SECRET_KEY else secrets.token_urlsafe(50)
        changes = {
            HOME: str(home),
            "FLUENTS_API_URL": sandbox,
            "FLUENTS_API_TOKEN": "sandbox",
            "FLUENTS_LIVE": "off",
            "SITE_URL": f"http://127.0.0.1:{ports.web}",
            "SECRET_KEY": key,
        }
        real = settings.FLUENTS_LIVE or urlsplit(settings.FLUENTS_API_URL).hostname not in settings.LOOPBACK
        found = file.exists()
        if home == settings.VAR_DIR and not settings.HAS_SECRET_KEY and not found:
            write_private(file, ENV_FILE.format(secret_key=key, sandbox=sandbox))
        elif home != settings.VAR_DIR or real:
            name = "demo" if home == settings.VAR_DIR else "dashboard"
            changes["DATABASE_URL"] = f"sqlite:///{home / f'{name}.sqlite3'}"
            changes["JOURNAL_PATH"] = str(home / f"{name}.journal")
        if home != settings.VAR_DIR:
            self.stderr.write(f"Another demo of this copy is running. This one has its own data in {home}.")
        elif real and found:
            self.stderr.write(
                "The settings point to the real Fluents. The demo uses a sandbox with its own data."
            )
        elif found and (text := file.read_text()).startswith(ENV_FILE.partition("\n")[0]):
            # Commands in other shells find the sandbox where it is now.
            write_private(
                file, re.sub("^FLUENTS_API_URL=.*$", f"FLUENTS_API_URL={sandbox}", text, flags=re.M)
            )
        command = manage(*sys.argv[1:])
        sys.stderr.flush()
        os.execve(sys.executable, command, {**os.environ, **changes})  # noqa: S606 -- ourselves

    def people(self, home: Path) -> dict[str, str]:
        """The demo's log-ins, with passwords made once for the data in `home`."""
        file = home / "demo-logins.json"
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
        """Until `path` answers. Raises CommandError when `child` ends first, or never answers."""
        end, process = time.monotonic() + 20, child.process
        while time.monotonic() < end and process and process.poll() is None:
            try:
                return ask(address, "GET", path)
            except (OSError, HTTPException):
                time.sleep(0.1)
        if process:
            process.terminate()
        why = why_closed(int(address.rpartition(":")[2])) or "doesn't respond; the reason is above"
        raise CommandError(f"{address} {why}.")


def lost(child: Child, whose: dict[Child, tuple[str, int]]) -> str:
    """Why `child`, which has died, cannot be started again, or ""."""
    name, port = whose.get(child, ("The worker", 0))
    end = time.monotonic() + PATIENCE
    while port and (why := why_closed(port)):
        if time.monotonic() > end:
            return f"{name} has ended, and its port {port} {why} now. The demo ends."
        time.sleep(0.1)
    if child.deaths >= MOST_DEATHS:
        return f"{name} has ended {child.deaths} times, the last with status {child.status}. The demo ends."
    return ""


def ask(address: str, method: str, path: str, body: str | None = None) -> None:
    """Send a request to one of our own processes and wait for its answer."""
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
    finally:
        connection.close()


def write_private(path: Path, text: str) -> None:
    """Write `text` to a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
