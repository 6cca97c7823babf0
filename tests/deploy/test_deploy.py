"""What `deploy/` promises, as far as it can be tried without containers: its commands run here, in order."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.db import migrations
from django.db.migrations.loader import MigrationLoader

from dashboard.setting_catalog import SETTINGS, Kind
from tests.faults.postgres import Cluster, Unavailable
from tests.support.stack import ROOT, TOKEN, Stack, free_port, migrate, wait_until

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
ANALYZE, NGINX, OPENSSL = (shutil.which(name) for name in ("systemd-analyze", "nginx", "openssl"))
IMAGE_FOLDERS = ("/app", "/var/lib/dashboard")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), comments and line breaks gone."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [tuple(line.split(None, 1)) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


class Image:
    """The Dockerfile's steps carried out in a folder instead of a container, by the tests' own Python."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.env, self.work = folder, {}, folder
        (folder / "bin").mkdir()
        for name, what in {"python": "", "pip": "-m pip", "gunicorn": "-m gunicorn"}.items():
            (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {sys.executable} {what} "$@"\n')
            (folder / "bin" / name).chmod(0o755)
        self.command: list[str] = []
        self.check: list[str] = []
        for name, rest in instructions():
            getattr(self, f"on_{name.lower()}", self.nothing)(self.inside(rest))

    def inside(self, text: str) -> str:
        for path in IMAGE_FOLDERS:
            text = re.sub(rf"(?<![\w/]){path}(?=[\s/\"]|$)", f"{self.folder}{path}", text)
        return text

    def nothing(self, rest: str) -> None:
        """FROM, USER, VOLUME, EXPOSE: nothing to do here."""

    def on_env(self, rest: str) -> None:
        self.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))

    def on_workdir(self, rest: str) -> None:
        self.work = Path(rest)
        self.work.mkdir(parents=True)

    def on_copy(self, rest: str) -> None:
        *sources, target = rest.split()
        for source in sources:
            assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()
            to = self.work / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, to)

    def on_run(self, rest: str) -> None:
        if os.getuid():
            rest = re.sub(r"&& chown \S+ \S+", "", rest)
        self.call(["sh", "-ec", rest])

    def on_cmd(self, rest: str) -> None:
        self.command = json.loads(rest)

    def on_healthcheck(self, rest: str) -> None:
        self.check = json.loads(rest.split("CMD", 1)[1])

    def surroundings(self, **env: str) -> dict[str, str]:
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **self.env, **env}

    def call(self, command: list[str], **env: str) -> subprocess.CompletedProcess:
        done = subprocess.run(
            command, cwd=self.work, env=self.surroundings(**env), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, command: list[str], **env: str) -> subprocess.Popen:
        return subprocess.Popen(command, cwd=self.work, env=self.surroundings(**env))


def service(name: str) -> dict:
    return COMPOSE["services"][name]


@pytest.mark.storm
def test_the_image_and_the_services_commands_run_in_order(running, tmp_path):
    image = Image(tmp_path)
    assert (tmp_path / "app/collected/staticfiles.json").exists()
    secrets = {}
    for name, value in {"secret_key": "x" * 50, "fluents_token": TOKEN, "metrics_token": "m" * 20}.items():
        (tmp_path / name).write_text(value)
        secrets[f"/run/secrets/{name}"] = str(tmp_path / name)
    given = {
        "ALLOWED_HOSTS": "dashboard.example.com",
        "SITE_URL": "https://dashboard.example.com",
        "FLUENTS_API_URL": running.url,
        "POSTGRES_PASSWORD": "",
    }
    env = {}
    set_there = {name: value for name, value in service("web-1")["environment"].items() if value is not None}
    for name, value in set_there.items():
        for _ in range(2):  # a default may name another one
            value = re.sub(
                r"\$\{(\w+)(?::[-?]([^${}]*))?\}", lambda m: given.get(m[1], m[2] or ""), str(value)
            )
        env[name] = secrets.get(value, value)
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path / 'books.sqlite3'}", "PORT": str(free_port())}
    image.call(service("migrate")["command"], **env)
    processes = [image.start(image.command, **env)]
    try:
        wait_until(lambda: answers(image, env))
        processes.append(image.start(service("worker-1")["command"], **env))
        journal = tmp_path / "var/lib/dashboard/sends.journal"
        wait_until(journal.exists)
        person = "from django.contrib.auth.models import User; User.objects.create_user('ada')"
        image.call(["python", "manage.py", "shell", "-v0", "-c", person], **env)
        image.call(["python", "manage.py", "sync"], **env)
        told = image.call(["python", "manage.py", "doctor"], **env).stdout
        assert "No problems found." in told
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def test_a_worker_is_healthy_while_it_writes_into_its_journal(tmp_path):
    check = service("worker-1")["healthcheck"]["test"]
    journal = tmp_path / "sends.journal"
    told = []
    for age in (None, 10, 600):
        if age is not None:
            journal.touch()
            os.utime(journal, times=(then := time.time() - age, then))
        env = {**os.environ, "JOURNAL_PATH": str(journal)}
        told.append(subprocess.run([sys.executable, *check[2:]], cwd=ROOT, env=env).returncode)
    assert (check[1], told) == ("python", [1, 0, 1])


def test_nginx_in_a_container_logs_where_logs_are_rotated():
    (log,) = re.findall(r"access_log (\S+)", (DEPLOY / "nginx.conf").read_text())
    assert f"ln -sf /dev/stdout {log} && exec nginx" in service("proxy")["command"][-1]


def answers(image: Image, env: dict) -> bool:
    return subprocess.run(image.check, cwd=image.work, env=image.surroundings(**env)).returncode == 0


def test_postgresql_accepts_all_that_webs_and_workers_can_hold():
    services, options = COMPOSE["services"], dict(instructions())["CMD"]
    children, threads, processes, accepted = (
        int(re.search(rf"{name}=(\d+)", text)[1])
        for name, text in {
            "workers": options,
            "threads": options,
            "processes": services["worker-1"]["command"][-1],
            "max_connections": services["database"]["command"][-1],
        }.items()
    )
    held = children * threads + processes * (SETTINGS["DATABASE_POOL"].default + 1)  # and who listens
    assert 2 * held + 10 <= accepted  # two of each; migrations, backups and people


def test_compose_names_only_what_there_is():
    services, settings = COMPOSE["services"], (ROOT / "dashboard/settings.py").read_text()
    for name, entry in services.items():
        assert set(entry.get("depends_on") or {}) <= set(services), name
        for volume in entry.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or source.startswith("./"), name
        assert set(entry.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        if entry.get("command", [])[:2] == ["python", "manage.py"]:
            assert entry["command"][2] in get_commands(), name
    for name in services["web-1"]["environment"]:
        assert f'"{name.removesuffix("_FILE")}"' in settings
    image = shlex.split(dict(instructions())["ENV"])
    handed_on = {name.removesuffix("_FILE") for name in services["web-1"]["environment"]}
    handed_on |= {pair.split("=")[0] for pair in image} | {"DEBUG"}  # never in a container
    assert set(SETTINGS) - handed_on == set()
    for name, setting in SETTINGS.items():
        given = {n for n in setting.names if n in services["web-1"]["environment"]}
        assert setting.kind != Kind.SECRET or any(n.endswith("_FILE") for n in given), name
    assert [n for n in services if n.startswith(("web", "worker"))] == [
        "web-1",
        "web-2",
        "worker-1",
        "worker-2",
    ]
    journals = [services[f"worker-{n}"]["volumes"][0].split(":")[0] for n in (1, 2)]
    assert len(set(journals)) == 2  # two workers that shared one could not tell whose is missing
    for name, entry in services.items():
        options = entry["logging"]["options"]
        assert (options["max-size"], options["max-file"]) == ("10m", "5"), name
        assert name == "migrate" or not entry.get("healthcheck", {}).get("disable"), name
        if name.startswith(("web", "worker")):
            assert (entry["mem_limit"], entry["pids_limit"], entry["read_only"]) == ("1g", 200, True)


def test_compose_trusts_the_network_of_its_proxy_and_gives_the_application_a_role_that_owns_nothing():
    services = COMPOSE["services"]
    subnet = COMPOSE["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert services["web-1"]["environment"]["TRUSTED_PROXIES"] == subnet
    assert services["proxy"]["networks"] == services["web-1"]["networks"] == ["inside"]
    users = {
        name: services[name]["environment"]["DATABASE_URL"].split("//")[1].split(":")[0]
        for name in ("migrate", "web-1", "web-2", "worker-1", "worker-2")
    }
    assert users == {"migrate": "owner", **dict.fromkeys(list(users)[1:], "dashboard")}
    assert services["database"]["environment"]["POSTGRES_USER"] == "owner"


def test_compose_hands_on_whatever_bounds_spending_or_says_who_may():
    bounds = re.compile(r"(MAX|APPROVAL|LIMIT|BUDGET|GATE|BREAKER|REAUTH|SESSION|OIDC|REQUIRE)_")
    wanted = set(filter(bounds.match, SETTINGS))
    for name in ("web-1", "web-2", "worker-1", "worker-2"):
        assert wanted <= set(service(name)["environment"])
        assert not {"POSTGRES_PASSWORD", "POSTGRES_USER"} & set(service(name)["environment"])
    assert len(wanted) > 20


@pytest.mark.storm
def test_the_application_works_with_a_role_that_owns_no_table(running, tmp_path):
    """The script of the container on a server of this machine; a purchase, and attempts to go further."""
    try:
        cluster = Cluster()
    except Unavailable as error:
        pytest.skip(str(error))
    try:
        admin = cluster.create("dashboard")
        at = f"127.0.0.1:{cluster.port}/dashboard"
        psql = [str(cluster.bin / "psql"), admin, "-c", "CREATE ROLE owner SUPERUSER LOGIN"]
        subprocess.run(psql, check=True, capture_output=True)
        env = {
            "PATH": f"{cluster.bin}:{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGPORT": str(cluster.port),
            "POSTGRES_USER": "owner", "POSTGRES_DB": "dashboard", "APPLICATION_PASSWORD": "p'w",
        }  # fmt: skip
        subprocess.run([str(DEPLOY / "postgres/roles.sh")], env=env, check=True, capture_output=True)
        migrate(f"postgres://owner@{at}")
        url = f"postgres://dashboard@{at}"
        with Stack(tmp_path, running.url, database_url=url, TRUSTED_PROXIES="127.0.0.1") as stack:
            stack.add_user("bob", "a long password of bob")
            stack.manage("sync")
            account = ("--telephony-provider", "twilio", "--telephony-account-connection", running.connection)
            stack.start_worker()
            stack.manage("buy", *account, "--area-code", "415", "--wait", "60", "--as", "bob")
            assert "history" in stack.manage("audit_verify", check=False).stdout.lower()
        for statement in (
            "ALTER TABLE numbers_event DISABLE TRIGGER ALL",
            "UPDATE numbers_event SET reason = 'x'", "TRUNCATE numbers_event", "DROP TABLE numbers_line",
        ):  # fmt: skip
            done = subprocess.run([str(cluster.bin / "psql"), url, "-v", "ON_ERROR_STOP=1", "-c", statement])
            assert done.returncode != 0, statement
    finally:
        cluster.stop()


def test_images_of_others_are_named_by_digest():
    images = [entry["image"] for entry in COMPOSE["services"].values()]
    images = [image for image in images if not image.startswith("fluents-dashboard:")]
    images.append(dict(instructions())["FROM"])
    assert len(images) == 3
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image) for image in images)


def test_the_image_runs_as_nobody_in_particular():
    steps = dict(instructions())
    assert steps["USER"].split(":")[0] not in ("0", "root")
    assert not re.search(r"(SECRET_KEY|TOKEN|PASSWORD)\s*=", steps["ENV"])


@pytest.mark.skipif(not ANALYZE, reason="no systemd here")
def test_systemd_takes_the_units_and_finds_them_closed(tmp_path):
    (tmp_path / "current").symlink_to(ROOT)
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/srv/dashboard", str(tmp_path))
        text = text.replace(f"{tmp_path}/current/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / unit.name).write_text(text)
    units = sorted(str(path) for path in tmp_path.glob("dashboard-*"))
    done = subprocess.run([ANALYZE, "verify", *units], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "dashboard-" in line]
    assert (done.returncode, ours) == (0, []), done.stderr
    for unit in units:
        if unit.endswith(".service"):
            assert re.search(r"^MemoryMax=\d", Path(unit).read_text(), re.MULTILINE)
            assert re.search(r"^TasksMax=\d", Path(unit).read_text(), re.MULTILINE)
            check = [ANALYZE, "security", "--offline=true", "--threshold=25", "--no-pager", unit]
            assert subprocess.run(check, capture_output=True).returncode == 0, unit


@pytest.mark.skipif(not (NGINX and OPENSSL), reason="no nginx here")
def test_nginx_takes_the_example_and_answers_no_other_name(tmp_path):
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", tmp_path / "privkey.pem"]
    certificate = ["-nodes", "-subj", "/CN=dashboard.example.com", "-out", tmp_path / "fullchain.pem"]
    subprocess.run([OPENSSL, "req", "-x509", *key, *certificate], check=True, capture_output=True)
    text = (DEPLOY / "nginx.conf").read_text().replace("/etc/nginx/tls", str(tmp_path))
    assert "$uri" not in text.partition("log_format")[2].partition(";")[0]  # links that open accounts
    assert re.findall(r"ssl_protocols (.*);", text) == ["TLSv1.2 TLSv1.3"]
    (suites,) = re.findall(r"ssl_ciphers (.*);\n    ssl_prefer_server_ciphers on;", text)
    assert all(
        re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM|CHACHA20)-\w+", s) for s in suites.split(":")
    )
    (in_clear,) = re.findall(r"server \{\s+listen 80;\s+server_name [\w.]+;\s+([^}]*?)\s+\}", text)
    assert in_clear == "return 301 https://$host$request_uri;"
    text = re.sub(r"web-[12]:8000", "127.0.0.1:8001", text).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "site.conf").write_text(text)
    text = text.replace("/etc/nginx/dashboard-proxy.conf", str(DEPLOY / "nginx-proxy.conf"))
    (tmp_path / "site.conf").write_text(text)
    whole = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(whole)
    done = subprocess.run([NGINX, "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["README.md", "docs/operations.md", "docs/deploy.md"])
def test_the_documents_name_only_commands_that_there_are(name):
    named = set(re.findall(r"manage\.py (\w+)", (ROOT / name).read_text()))
    assert named
    assert named <= set(get_commands())


# What an old release, still at work, can live with. Anything else waits for the release after the next, and
# then stands here with the reason why nobody reads it any more.
CONTRACTED: dict[str, str] = {}


def test_every_migration_leaves_the_old_release_at_work():
    for name, migration in sorted(numbers_migrations().items()):
        made = [o.name_lower for o in migration.operations if isinstance(o, migrations.CreateModel)]
        for operation in migration.operations:
            if getattr(operation, "model_name_lower", "") in made:
                continue  # a table that the old release does not know
            if isinstance(operation, migrations.AddField):
                field = operation.field
                fills_itself = field.null or field.has_db_default() or field.many_to_many
                assert fills_itself or name in CONTRACTED, f"{name}: {operation.describe()}"
            else:
                assert not isinstance(operation, TAKES_AWAY) or name in CONTRACTED, f"{name}: {operation}"


TAKES_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.DeleteModel,
    migrations.RenameModel,
    migrations.AlterModelTable,
)


def numbers_migrations() -> dict:
    """Those that may meet an old release: all but the first two, which came before any release."""
    found = MigrationLoader(None).disk_migrations
    return {name: found[app, name] for app, name in found if app == "numbers" and name > "0003"}
