"""What holds for every page: log-in, CSRF, methods, headers, queries, hostile input."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from numbers.models import Agent, Connection, Event, Invoice, Line, Number, Plan, SavedView
from numbers.states import Act, LineState
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db
PUBLIC = {
    "/accounts/login/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/accounts/oidc/sso/login/",
    "/accounts/oidc/sso/login/callback/",
    "/account/link/a-token/",
}  # the last by token or address
POST_ONLY = {
    "/numbers/sync/", "/lines/1/cancel/", "/orders/1/cancel/", "/orders/1/again/", "/orders/1/approve/",
    "/orders/1/refuse/", "/orders/1/assign/", "/orders/new/row/",
    "/review/1/look/", "/gate/switch/", "/gate/accept/", "/gate/retire/", "/gate/explain/", "/gate/baseline/",
    "/reconcile/start/", "/numbers/+14155550100/prove/", "/numbers/+14155550100/prove/check/",
    "/reconcile/+14155550100/keep/", "/accounts/logout/", "/accounts/logout/everywhere/",
    "/agents/1/acknowledge/", "/agents/1/replace/", "/drift/decide/", "/unassigned/assign/",
    "/numbers/views/", "/numbers/selected/", "/numbers/views/1/delete/", "/plans/new/", "/plans/give-up/",
    "/people/1/roles/", "/people/1/switch/", "/people/1/sessions/", "/people/1/factors/", "/people/1/link/",
    "/prices/1/remove/", "/costs/budgets/", "/account/sessions/1/end/",
    "/tour/end/", "/attention/snooze/", "/attention/wake/", "/orders/new/typed/", "/orders/new/start-over/",
    "/plans/1/apply/", "/plans/1/discard/", "/plans/1/retry/", "/plans/1/stop/", "/plans/1/undo/",
    "/plans/1/take-back/",
}  # fmt: skip
STREAMED = {
    "/activity/export.csv", "/activity/export.json", "/numbers/export.csv", "/numbers/export.json",
    "/costs/export.csv", "/invoices/1/findings.csv",
    "/orders/new/template.csv", "/orders/1/receipt.csv", "/orders/1/receipt.json",
}  # fmt: skip
# Steps of setting up and using second factors: each leads somewhere else until its time has come.
STEPS = "/accounts/2fa/"
ARGUMENTS = {"pk": "1", "e164": "+14155550100", "token": "a-token", "provider_id": "sso"}


def paths() -> list[str]:
    """Every address of the URLconf, with an id or a number where one belongs."""

    def walk(patterns, before: str):
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern):
                yield "/" + re.sub(r"<\w+:(\w+)>", lambda match: ARGUMENTS[match[1]], route)

    return sorted(walk(get_resolver().url_patterns, ""))


ALL = paths()
READABLE = [path for path in ALL if path not in POST_ONLY | PUBLIC | STREAMED and not path.startswith(STEPS)]
LISTS = [
    "overview",
    "number-list",
    "order-list",
    "activity",
    "review",
    "gate",
    "reconcile",
]


@pytest.fixture
def something(django_user_model):
    """One line under review and one number, at the addresses that `paths` makes."""
    number = Number.objects.create(e164="+14155550100")
    Agent.objects.create(pk=1, api_id="agent-1", name="Reception")
    Plan.objects.create(pk=1, title="Reception answers one number", act=Act.RELEASE)
    SavedView.objects.create(pk=1, user=django_user_model.objects.create_user("vera"), name="Mine")
    found = {"state": "done", "counts": {"numbers": 1, "rows": 1, "right": 1}}
    Invoice.objects.create(pk=1, telephony_provider="twilio", month="2026-01-01", currency="USD", **found)
    line = bare_line(LineState.REVIEW, phone_number="+14155550101")
    assert (line.pk, line.order_id) == (1, 1) or connection.vendor != "sqlite"
    return number, line


def test_the_walk_finds_the_pages():
    assert {"/", "/numbers/", "/numbers/+14155550100/", "/orders/", "/orders/new/", "/orders/1/"} < set(ALL)
    assert {"/review/", "/activity/", "/accounts/login/", "/healthz"} < set(ALL)
    assert set(ALL) > POST_ONLY


def test_a_stranger_is_sent_to_the_log_in_and_back_again(client):
    for path in sorted(set(ALL) - PUBLIC - {"/accounts/logout/"}):
        answer = client.get(path + "?page=2")
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/"), path
        assert client.post(path).status_code == 302, path


def test_htmx_of_a_stranger_moves_the_whole_window_to_the_log_in(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/orders/?before=9"}
    for path in READABLE:
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.get("Location")) == (200, None), path
        assert answer["HX-Redirect"] == "/accounts/login/?next=/orders/%3Fbefore%3D9", path
        assert answer.content == b"", path


def test_another_sites_address_is_not_where_htmx_comes_back_to(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/orders/"}
    assert client.get("/orders/", headers=headers)["HX-Redirect"] == "/accounts/login/?next=/"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/accounts/login/"])
def test_what_is_public_is_public(client, path):
    assert client.get(path).status_code == 200


def test_health_costs_no_query(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/healthz").content == b"ok\n"


def test_a_post_without_a_csrf_token_is_refused(bob, something):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(bob)
    for n, path in enumerate(sorted(POST_ONLY | {"/orders/new/", "/review/1/"}), start=1):
        assert strict.post(path, {"reason": "good enough"}).status_code == 403, path
        assert Event.objects.filter(action="access.denied").count() == n, path
        told = Event.objects.latest("pk")
        assert (told.action, told.actor, told.address) == ("access.denied", bob, "127.0.0.1")
        assert told.after == {"method": "POST", "path": path}
        assert told.reason.startswith("The form was invalid or too old."), path


def test_every_page_answers_a_person(admin_client, something):
    assert [path for path in READABLE if admin_client.get(path).status_code != 200] == []


def test_what_changes_something_is_not_done_by_looking(staff, something):
    assert [path for path in sorted(POST_ONLY) if staff.get(path).status_code != 405] == []


@pytest.mark.parametrize(
    "paths", [READABLE, ["/accounts/login/", "/healthz", "/nothing/here/", "/numbers/+14155559999/"]]
)
def test_every_answer_has_a_strict_policy_an_id_and_stays_private(staff, something, paths):
    for path in paths:
        is_strict_and_private(staff.get(path))


def is_strict_and_private(answer) -> None:
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"]) == ("'self'", "'self'")
    assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
    assert policy["form-action"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-Id"])
    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))
    assert {"HX-Request", "HX-Target"} <= set(answer["Vary"].split(", "))


def test_a_proxys_request_id_is_kept_when_it_looks_like_one(staff):
    assert staff.get("/", headers={"X-Request-Id": "proxy-id-12345"})["X-Request-Id"] == "proxy-id-12345"
    assert staff.get("/", headers={"X-Request-Id": "<script>"})["X-Request-Id"] != "<script>"


STOPPED = re.compile(
    r'<script(?![^>]*\b(?:src=|type="application/json"))[^>]*>|<style\b|\sstyle=|\son[a-z]+=|hx-on|javascript:'
)


def test_no_page_has_anything_that_the_policy_would_stop(staff, something):
    for path in [*READABLE, "/accounts/login/"]:  # the last one is for who has not logged in
        if path == "/accounts/login/":
            staff.logout()
        text = staff.get(path).text
        assert STOPPED.findall(text) == [], path
        assert re.findall(r'(?:src|action)="(?:https?:)?//[^"]*|<(?!a )[^>]*href="(?:https?:)?//', text) == []
        assert re.findall(r'<a href="(?:https?:)?//[^"]*"(?! rel="noreferrer")', text) == [], path


def test_every_id_of_a_page_is_its_only_one(staff, something):
    for path in READABLE:
        ids = re.findall(r'\sid="([^"]+)"', staff.get(path).text)
        assert sorted(ids) == sorted(set(ids)), path


def rows(count: int) -> None:
    """COUNT more orders, numbers and events, each with an agent and a connection of its own."""
    for _ in range(count):
        n = Number.objects.count()
        agent = Agent.objects.create(api_id=f"agent-{n}", name=f"Agent {n}", synced_at=timezone.now())
        own = Connection.objects.create(api_id=f"own-{n}", label=f"Own {n}", synced_at=timezone.now())
        number = Number.objects.create(e164=f"+1415555{n:04}", agent=agent, connection=own)
        line = bare_line(LineState.REVIEW, phone_number=f"+1212555{n:04}", connection=own, agent=agent)
        Event.objects.create(action="line.review", line=line, order=line.order)
        Event.objects.create(action="number.gone", number=number)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_queries_at_one_row_and_at_thirty(staff, name):
    counts = []
    for more in (1, 29):
        rows(more)
        staff.get(reverse(name))  # the session and the like are read once here
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(reverse(name)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_order_costs_the_same_queries_at_one_line_and_at_thirty(staff):
    line = bare_line()
    counts = []
    for last in (1, 30):
        for position in range(line.order.lines.count() + 1, last + 1):
            number = Number.objects.create(
                e164=f"+1415555{position:04}", agent=Agent.objects.create(api_id=f"agent-{position}")
            )
            Line.objects.create(
                order=line.order, position=position, connection=line.connection, telephony_provider="twilio",
                area_code="415", state=LineState.BOUGHT, number=number, agent=number.agent,
            )  # fmt: skip
        staff.get(line.order.get_absolute_url())
        with CaptureQueriesContext(connection) as queries:
            staff.get(line.order.get_absolute_url())
        counts.append(len(queries))
    assert counts[0] == counts[1]


HOSTILE = [
    "%00", "-1", "0", "99999999999999999999999", "1e9", "%27%20OR%201=1--", "%3Cscript%3E", "%F0%9F%98%80",
    "%FF", "%D9%A1", "%C2%B2", "a" * 5000,
]  # fmt: skip
PARAMETERS = [
    "after",
    "before",
    "q",
    "agent",
    "seen",
    "from",
    "page",
    "telephony_provider",
    "find",
    "digits",
    "area_code-2",
    "nobody_knows_this",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_parameter_breaks_a_page(admin_client, something, value):
    htmx = {"HX-Request": "true", "HX-Target": value[:20], "HX-Current-URL": value[:50]}
    for path in READABLE:
        for names, headers in (
            (PARAMETERS, {}),
            (PARAMETERS[1:], htmx),
        ):  # a page has one of before and after
            answer = admin_client.get(
                f"{path}?" + "&".join(f"{name}={value}" for name in names), headers=headers
            )
            assert answer.status_code == 200, (path, value)
            assert "<script>" not in answer.text
    for name in ("draft", "change"):
        assert admin_client.get(f"/orders/new/?{name}={value}").status_code == (
            422 if name == "draft" else 200
        )
    for path in STREAMED:
        query = "&".join(f"{name}={value}" for name in PARAMETERS)
        assert b"".join(admin_client.get(f"{path}?{query}").streaming_content) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/orders/99999999999999999999999/", "/review/99999999999999999999999/", "/orders/0/", "/orders/-1/",
        "/orders/x/", "/numbers/14155550100/", "/numbers/+1/", "/numbers/+14155559999/", "/numbers/%00/",
        "/%FF/",
    ],
)  # fmt: skip
def test_what_is_not_there_is_a_404(staff, path):
    assert staff.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/lines/99999999999999999999999/cancel/", "/review/7/look/", "/reconcile/+14155559999/keep/"]
)
def test_nothing_can_be_done_to_what_is_not_there(staff, path):
    assert staff.post(path).status_code == 404


@pytest.mark.parametrize("value", ["\x00", "a" * 100_000, "<script>alert(1)</script>", "9" * 5000, "😀", ""])
def test_no_posted_value_breaks_a_page(staff, something, value):
    names = [
        "telephony_provider", "telephony_account_connection", "area_code", "phone_number", "inbound_agent",
        "quantity", "form_token", "reason", "decision", "to", "confirmed", "change",
    ]  # fmt: skip
    for path in ("/orders/new/", "/review/1/", "/gate/switch/"):
        answer = staff.post(path, dict.fromkeys(names, value))
        assert answer.status_code in (200, 302, 422), path
        assert "<script>alert" not in answer.text
