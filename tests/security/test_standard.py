"""What docs/security.md claims of the whole source, or of the product as it is shipped."""

import ast
import inspect
import re

import pytest
import yaml
from django.conf import global_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hasher

from dashboard import settings as ours
from numbers.forms.orders import new_form_token
from numbers.models import Connection, Draft
from tests.support.stack import ROOT
from tests.views.test_every_page import READABLE

SANDBOX = ROOT / "numbers/sandbox"
SOURCE = [path for app in ("numbers", "dashboard") for path in (ROOT / app).rglob("*.py")]
SHIPPED = [path for path in SOURCE if SANDBOX not in path.parents]
#: Calls that run text as code, hand it to a shell, or make objects of bytes.
RISKY_CALLS = re.compile(
    r"eval|exec|compile|(os\.)?(system|popen)|subprocess\.\w+|Template|from_string|yaml\.\w+|marshal\.\w+"
)
RISKY_IMPORTS = {"pickle", "marshal", "shelve", "xml", "lxml", "yaml", "telnetlib", "ftplib"}
#: Chance that nobody has to be unable to guess: pauses between tries, a choice among offers, made-up data.
BY_CHANCE = {
    "numbers/fluents/transport.py",
    "numbers/management/commands/demo_data.py",
    "numbers/management/commands/seed_numbers.py",
    "numbers/management/demo_history.py",
    "numbers/services/purchasing/selection.py",
}
OWN_OBJECTS = {"numbers/services/inventory/sync.py"}  # in a file without a name, of this process alone
STARTS_PROCESSES = {"numbers/db/backups.py", "numbers/management/commands/demo.py", "numbers/supervisor.py"}


def imports_of(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def name_of(path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_no_text_becomes_code_a_command_or_an_object(path):
    tree = ast.parse(path.read_text())
    assert not imports_of(tree) & RISKY_IMPORTS or name_of(path) in OWN_OBJECTS
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    risky = [name for call in calls if RISKY_CALLS.fullmatch(name := ast.unparse(call.func))]
    assert risky == [] or (
        name_of(path) in STARTS_PROCESSES and set(risky) <= {"subprocess.Popen", "subprocess.run"}
    )
    assert not [call for call in calls if any(keyword.arg == "shell" for keyword in call.keywords)]


def test_whatever_nobody_may_guess_comes_from_secrets():
    drawn = {name_of(path) for path in SHIPPED if "random" in imports_of(ast.parse(path.read_text()))}
    assert drawn == BY_CHANCE


def test_no_broken_digest_protects_anything():
    found = [
        (name_of(path), line.strip())
        for path in SHIPPED
        for line in path.read_text().splitlines()
        if re.search(r"\b(md5|sha1)\(", line) and "usedforsecurity=False" not in line
    ]
    assert found == []


RISKY_SCRIPT = re.compile(
    r"innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function|__proto__"
    r"|postMessage|addEventListener\(.message|indexedDB|localStorage\.\w+\((?!\"theme\")"
    r"|sessionStorage\.\w+\((?!\"ticked\")"
)


def test_our_scripts_put_text_into_pages_as_text_and_keep_nothing():
    """No markup is made of text, no other window is listened to; a browser keeps light or dark, and ticks."""
    scripts = list((ROOT / "static/js").glob("*.js"))
    assert len(scripts) >= 3
    assert [found for path in scripts for found in RISKY_SCRIPT.findall(path.read_text())] == []


def test_passwords_are_kept_by_djangos_first_choice():
    """The tests themselves use a quick one."""
    assert "PASSWORD_HASHERS" not in vars(ours)
    first = get_hasher.__globals__["import_string"](global_settings.PASSWORD_HASHERS[0])
    assert first is PBKDF2PasswordHasher
    assert (first.algorithm, first.iterations >= 600_000) == ("pbkdf2_sha256", True)


@pytest.mark.django_db
def test_a_new_database_knows_no_account():
    assert not get_user_model().objects.exists()


def test_what_we_ship_has_no_password_of_its_own():
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    texts = [
        str(value) for entry in compose["services"].values() for value in entry.get("environment", {}).items()
    ]
    secret = [text for text in texts if re.search(r"PASSWORD|://\w+:", text)]
    assert len(secret) > 4
    assert [text for text in secret if ":?" not in text] == []
    assert not re.search(
        r"(PASSWORD|TOKEN|SECRET|KEY)=\S", (ROOT / "deploy/Dockerfile").read_text().partition("RUN python")[0]
    )


@pytest.mark.django_db
def test_every_answer_says_what_it_is(staff):
    for path in [
        *READABLE,
        "/activity/export.csv",
        "/activity/export.json",
        "/numbers/export.csv",
        "/healthz",
    ]:
        answer = staff.get(path)
        if answer.status_code == 200:
            kind = answer["Content-Type"]
            assert re.fullmatch(r"(text/(html|csv|plain); charset=utf-8)|application/json", kind), path
            assert answer["X-Content-Type-Options"] == "nosniff"
            assert answer["Referrer-Policy"] == "same-origin"
        if "export" in path:
            assert re.fullmatch(r'attachment; filename="[\w.-]+"', answer["Content-Disposition"])


@pytest.mark.django_db
def test_every_page_has_a_way_out(admin_client, bob):
    admin_client.force_login(bob)
    for path in READABLE:
        answer = admin_client.get(path)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            assert 'method="post" action="/accounts/logout/"' in answer.text, path


@pytest.mark.django_db
def test_what_stands_in_the_address_is_no_field_of_a_form(staff, bob):
    """And of a field that is there twice, the last one counts for everything that is done with it."""
    Connection.objects.create(api_id="main", telephony_provider="twilio", synced_at="2026-01-01T00:00Z")
    form = {
        "telephony_provider": "twilio", "telephony_account_connection": "main", "area_code": "415",
        "quantity": ["9", "2"], "form_token": new_form_token(bob.pk),
    }  # fmt: skip
    staff.post("/orders/new/?quantity=7&area_code=907", form)
    (want,) = Draft.objects.get().wants
    assert (want["quantity"], want["area_code"]) == (2, "415")


def test_the_log_goes_to_one_place():
    handlers = ours.LOGGING["handlers"]
    assert {handler["class"] for handler in handlers.values()} == {"logging.StreamHandler"}
    source = "".join(inspect.getsource(__import__("dashboard.logs", fromlist=["x"])))
    assert "FileHandler" not in source
