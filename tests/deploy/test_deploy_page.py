"""The commands of docs/deploy.md as they stand, one after the other in a clean directory, to a bought line.

PostgreSQL, the sandbox, web processes, worker and nginx are real, as is TLS. What changes the machine is
played: packages, accounts and units. Addresses and folders of the machine become those of the test.
"""

import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest
import requests

from tests.deploy.visitor import Visitor
from tests.faults.postgres import Cluster, Unavailable
from tests.support.stack import ROOT, free_port, wait_until

pytestmark = pytest.mark.storm
NAME = "numbers.example.com"
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/deploy.md").read_text(), re.DOTALL)
PARTS = (
    "manage.py",
    "gunicorn.conf.py",
    "requirements.txt",
    "dashboard",
    "numbers",
    "templates",
    "static",
    "deploy",
)
UNITS = ("dashboard-web@8001", "dashboard-web@8002", "dashboard-worker")
ANSWERS = (
    *("sandbox", NAME, ""),  # API key, host name, proxy
    *("Europe/Berlin", "", "", ""),  # time zone, limits, mail
    *("1.00", "1.15", "ada", ""),  # prices, administrator
)  # fmt: skip
#: Stand in for programs that change the machine, and show others the way into the test's folder.
PLAYED = {
    "adduser": "",
    "apt-get": "",
    "git": 'shift 2; mkdir -p "$1"; cp -r {sources} "$1"',  # clone REPOSITORY FOLDER
    "install": 'while getopts do:g:m: o; do :; done; shift $((OPTIND - 1)); mkdir -p "$@"',
    "nginx": "sed -i {moves} {etc}/nginx/conf.d/*.conf && exec {nginx} -c {etc}/nginx/nginx.conf -e {errors}",
    "python3": '{python} "$@" && echo {packages} > .venv/{site}/ours.pth && cp {gunicorn} .venv/bin',
    "service": '[ "$1" = postgresql ] || nginx',
    "su": 'PGHOST=127.0.0.1 PGPORT={port} PGUSER=postgres exec sh -c "$3"',
    "systemctl": '[ "$1" = daemon-reload ] || echo "$@" > {folder}/enabled',
}


def tool(name: str) -> str:
    """Where a program is that Debian may keep out of PATH. Raises Unavailable."""
    if found := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
        return found
    raise Unavailable(f"{name} is not installed (Debian: apt install {name})")


class Machine:
    """A folder that stands for a machine of its own."""

    def __init__(self, folder: Path, cluster: Cluster, nginx: str) -> None:
        self.folder, self.cluster, self.nginx = folder, cluster, nginx
        self.ports = {port: free_port() for port in (80, 443, 8001, 8002, 8900)}
        self.processes: list[subprocess.Popen] = []
        self.etc, self.bin = folder / "etc", folder / "bin"
        self.current = folder / "srv/dashboard/current"
        for path in ("bin", "etc/systemd/system", "log/nginx", "srv/dashboard"):
            (folder / path).mkdir(parents=True)
        shutil.copytree("/etc/nginx", self.etc / "nginx", symlinks=True)
        main = self.etc / "nginx/nginx.conf"
        text = self.here(main.read_text()).replace("/run/nginx.pid", str(folder / "nginx.pid"))
        main.write_text(re.sub(r"^user .*", "", text, flags=re.MULTILINE) + "daemon on;\n")
        self.play()

    def play(self) -> None:
        sed = [f"-e 's# {old}# {new}#'" for old, new in self.moves().items()]
        sed += [f"-e 's/listen {port}\\b/listen {self.ports[port]}/'" for port in (80, 443)]
        sed += [f"-e 's/127.0.0.1:{port}/127.0.0.1:{self.ports[port]}/'" for port in (8001, 8002)]
        gunicorn = self.folder / "gunicorn"
        gunicorn.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m gunicorn "$@"\n')
        gunicorn.chmod(0o755)
        values = {
            "sources": shlex.join(str(ROOT / part) for part in PARTS),
            "moves": " ".join(sed),
            "etc": self.etc,
            "errors": self.folder / "log/nginx/error.log",
            "nginx": self.nginx,
            "python": sys.executable,
            "packages": sysconfig.get_path("purelib"),
            "site": Path(sysconfig.get_path("purelib")).relative_to(sys.prefix),
            "gunicorn": gunicorn,
            "port": self.cluster.port,
            "folder": self.folder,
        }
        for name, text in PLAYED.items():
            for key, value in values.items():
                text = text.replace(f"{{{key}}}", str(value))
            more = ' "$@"' if name == "nginx" else ""
            (self.bin / name).write_text(f"#!/bin/sh\nset -e\n{text}{more}\n")
            (self.bin / name).chmod(0o755)

    def moves(self) -> dict[str, str]:
        """What stands in the page and in the files that it installs, and where that is here."""
        paths = ("/etc/nginx", "/etc/systemd", "/srv/dashboard", "/var/lib/dashboard", "/var/log/nginx")
        here = {path: str(self.folder / path.removeprefix("/var/lib/").lstrip("/")) for path in paths}
        return here | {"/var/log/nginx": str(self.folder / "log/nginx")}

    def here(self, text: str) -> str:
        for old, new in self.moves().items():
            text = re.sub(rf"(?<![\w/.]){old}", new, text)
        text = text.replace(":8900", f":{self.ports[8900]}").replace("=8900", f"={self.ports[8900]}")
        database = f"postgres://dashboard@127.0.0.1:{self.cluster.port}/dashboard"
        return text.replace("postgres:///dashboard?host=/var/run/postgresql", database)

    @property
    def env(self) -> dict[str, str]:
        path = f"{self.bin}:{self.cluster.bin}:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", "PIP_NO_INDEX": "1"}

    def run(self, block: str, *, answers: tuple[str, ...] = ()) -> str:
        """A block of the page, ended by its first error; what it says."""
        place = self.current if self.current.exists() else self.folder
        done = subprocess.run(
            ["/bin/sh", "-ec", self.here(block)],
            cwd=place,
            env=self.env,
            input="".join(f"{answer}\n" for answer in answers),
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.status = done.returncode
        assert answers or not self.status, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def start(self, command: str, **env: str) -> None:
        process = subprocess.Popen(
            shlex.split(self.here(command)), cwd=self.current, env=self.env | env, start_new_session=True
        )
        self.processes.append(process)

    def start_units(self) -> None:
        """What systemd would make of the units that the page enables."""
        enabled = (self.folder / "enabled").read_text().split()
        assert enabled[:2] == ["enable", "--now"]
        assert set(UNITS) <= set(enabled)
        for name in UNITS:
            kind, _, port = name.partition("@")
            unit = self.etc / "systemd/system" / f"{kind}{'@' if port else ''}.service"
            [command] = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
            self.start(command.replace("%i", str(self.ports.get(int(port or 0), ""))))

    def stop(self) -> None:
        pid = self.folder / "nginx.pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(60)


@pytest.fixture
def machine(tmp_path):
    """One, or a loud skip. In CI there is no excuse."""
    try:
        tool("openssl")
        nginx, cluster = tool("nginx"), Cluster()
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        warnings.warn(f"docs/deploy.md IS NOT TESTED: {error}", UserWarning, stacklevel=1)
        pytest.skip(f"docs/deploy.md IS NOT TESTED: {error}")
    machine = Machine(tmp_path, cluster, nginx)
    yield machine
    machine.stop()
    cluster.stop()


def test_the_page_leads_to_the_first_bought_line(machine):
    root, clone, certificate, proxy, settings, rehearsal, units, _, doctor, upgrade = BLOCKS
    for block in (root, clone, certificate, proxy):
        machine.run(block)
    write_settings, setup = settings.rsplit("\n.venv", 1)
    sandbox, more_settings = rehearsal.split(" &\n")
    machine.run(write_settings)
    machine.start(sandbox)
    wait_until(lambda: answers(machine.ports[8900]))
    machine.run(more_settings)
    said = machine.run(f".venv{setup}", answers=ANSWERS)
    link = re.search(rf"https://{NAME}/account/link/\S+", said)
    assert link, said
    assert stat.S_IMODE((machine.current / ".env").stat().st_mode) == 0o600

    machine.run(units)
    machine.start_units()
    visitor = Visitor(NAME, machine.ports[443], machine.etc / "nginx/tls/fullchain.pem")
    wait_until(lambda: visitor.session.get(f"https://{NAME}/healthz", timeout=10).ok)
    assert visitor.session.get(f"https://{NAME}/readyz", timeout=10).status_code == 404
    visitor.join(link[0], "ada", "a long passphrase of ada")
    order = visitor.buy(
        telephony_provider="twilio", telephony_account_connection=connection(machine), area_code="415"
    )
    wait_until(lambda: bought(machine, order))
    assert machine.run(".venv/bin/python manage.py reconcile") == "Our records match Fluents.\n"
    assert "No problems found." in machine.run(doctor)
    assert "Backed up to" in machine.run(upgrade)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/_sandbox/health", timeout=10).ok
    except requests.RequestException:
        return False


def connection(machine: Machine) -> str:
    address = f"http://127.0.0.1:{machine.ports[8900]}/v1/account_connections/list"
    told = requests.get(address, headers={"Authorization": "Bearer sandbox"}, timeout=10).json()
    return next(each["id"] for each in told["items"] if each["type"] == "account_connection_twilio")


def bought(machine: Machine, order: int) -> bool:
    lines = machine.run(".venv/bin/python manage.py orders --json")
    return f'"order": {order}' in lines and '"state": "bought"' in lines
