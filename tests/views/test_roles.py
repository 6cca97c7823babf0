"""Every page x method x role against the table, and what the table cannot say by itself."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, URLResolver, resolve, reverse
from django.utils import timezone

from dashboard.urls import urlpatterns as root
from numbers.forms.orders import new_form_token
from numbers.models import (
    Agent,
    Connection,
    Event,
    Gate,
    Invoice,
    Journal,
    Number,
    Order,
    Plan,
    Price,
    Reconciliation,
    SavedView,
)
from numbers.permissions import OWN, PAGES, PUBLIC, RIGHTS, Right, Role, is_guarded, may, methods, rights_of
from numbers.services.orders.typed_forms import keep_typed
from numbers.services.people.groups import make_groups
from numbers.states import Act, LineState, PlanState, RowState
from numbers.urls import urlpatterns
from tests.dashboard.accounts.test_login import PASSWORD, log_in, stale
from tests.support.books import bare_line
from tests.support.people import give, person
from tests.views.upkeep import agent, differing, numbers

pytestmark = pytest.mark.django_db
NAMES = {pattern.name: pattern for pattern in urlpatterns}
METHODS = ("GET", "POST")
OTHERS = ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
E164 = "+14155550100"
#: Each page in the table by GET and POST, for each single role and for none.
CELLS = len(PAGES) * len(METHODS) * (len(Role) + 1)


KEYS: dict[str, int] = {}  # of what the addresses name, by the first word of the page's name


def path_of(name: str) -> str:
    arguments = {"pk": KEYS.get(name.split("-", maxsplit=1)[0], 1), "e164": E164}
    return reverse(name, kwargs={key: arguments[key] for key in NAMES[name].pattern.converters})


@pytest.fixture
def something(monkeypatch):
    """What the addresses name, so that no page is refused for want of a thing to show."""
    Number.objects.create(e164=E164)
    line = bare_line(LineState.REVIEW, phone_number="+14155550101")
    later = timezone.localdate() + timedelta(days=9)
    things = {
        "person": person("someone", Role.VIEWER),
        "price": Price.objects.create(telephony_provider="twilio", monthly=1, valid_from=later),
        "agent": Agent.objects.create(api_id="agent-1", name="Reception"),
        "invoice": Invoice.objects.create(
            telephony_provider="twilio", month=later, currency="USD", state="columns", content=b"Name,Sum\n"
        ),
        "plan": Plan.objects.create(title="A change", act=Act.CHANGE),
        "view": SavedView.objects.create(user=person("owner"), name="Mine"),
        **dict.fromkeys(("line", "review"), line),
        **dict.fromkeys(("order", "receipt"), line.order),
    }
    for word, thing in things.items():
        monkeypatch.setitem(KEYS, word, thing.pk)


def expected(rights: frozenset[Right], name: str, method: str) -> str:
    if method not in methods(name):
        return "no such method"
    return "let in" if methods(name)[method] in rights else "refused"


def seen(client: Client, name: str, method: str) -> str:
    """What happens. A refusal comes with one event, anything else with none."""
    before = Event.objects.filter(action="access.denied").count()
    status = client.generic(method, path_of(name)).status_code
    told = Event.objects.filter(action="access.denied").count() - before
    if (status, told) == (403, 1):
        return "refused"
    if (status, told) == (405, 0):
        return "no such method"
    return "let in" if told == 0 and (status < 400 or status in (404, 422)) else f"{status}, {told} events"


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: role or "none")
def test_every_page_and_method_is_as_the_table_says(client, something, role):
    user = person("vera", *([role] if role else []))
    rights = RIGHTS[role] if role else frozenset()
    client.force_login(user)
    wrong, cells = [], 0
    for name in PAGES:
        for method in METHODS:
            found, right = seen(client, name, method), expected(rights, name, method)
            wrong += [f"{method} {name}: {found}, not {right}"] if found != right else []
            cells += 1
    assert wrong == []
    assert cells == CELLS / (len(Role) + 1)


def test_there_is_no_other_method_but_head_which_is_get(client, something):
    client.force_login(person("ada", Role.ADMIN))
    for name in PAGES:
        for method in OTHERS:
            assert seen(client, name, method) == expected(RIGHTS[Role.ADMIN], name, method), (name, method)


def test_a_stranger_gets_to_the_log_in_only(client, something):
    for name in PAGES:
        for method in (*METHODS, *OTHERS):
            answer = client.generic(method, path_of(name))
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")
    assert not Event.objects.exclude(action="order.placed").exists()


def test_the_table_is_whole_and_names_nothing_else():
    assert set(NAMES) == set(PAGES) | PUBLIC | OWN
    assert not set(PAGES) & PUBLIC
    open_views = {p.name for p in urlpatterns if not getattr(p.callback, "login_required", True)}
    assert open_views == PUBLIC
    assert set(RIGHTS) == set(Role)
    used = {right for pair in PAGES.values() for right in pair if right}
    assert used | {Right.APPROVE, Right.OPEN} == set(Right)


def everywhere(patterns: list, before: str = "") -> dict[str, str]:
    """Every address of the whole product by its name; those of our own pages, and those of accounts."""
    found: dict[str, str] = {}
    for one in patterns:
        route = before + str(one.pattern)
        found |= everywhere(one.url_patterns, route) if isinstance(one, URLResolver) else {one.name: route}
    return found


def test_no_address_of_the_product_is_outside_of_the_table():
    """What is left is one's own log-in, password and second factors, and whether this process answers."""
    others = {name: route for name, route in everywhere(root).items() if name not in NAMES}
    assert others.pop("healthz") == "healthz"
    assert [route for route in others.values() if not route.startswith("accounts/")] == []
    assert not set(others) & set(PAGES)


def test_a_page_that_the_table_does_not_know_is_closed_to_all_but_nobody(client, monkeypatch):
    client.force_login(person("ada", Role.ADMIN))
    monkeypatch.delitem(PAGES, "number-list")
    answer = client.get("/numbers/")
    assert (answer.status_code, "No role allows this." in answer.text) == (403, True)
    assert client.get("/orders/").status_code == 200


def test_rights_add_up_and_end_at_once(client):
    user = person("vera", Role.ASSIGNER, Role.APPROVER)
    assert rights_of(user) == RIGHTS[Role.ASSIGNER] | RIGHTS[Role.APPROVER]
    client.force_login(user)
    assert client.get("/orders/").status_code == 200
    user.groups.clear()
    assert client.get("/orders/").status_code == 403


def test_a_superuser_may_all_and_who_is_switched_off_nothing():
    ada = User.objects.create_superuser("ada")
    assert rights_of(ada) == frozenset(Right)
    ada.is_active = False
    assert rights_of(ada) == frozenset()


@pytest.mark.parametrize("name", ["admin,buyer", "admin buyer", "Admin", " admin", "admins", "staff"])
def test_another_group_gives_no_right(client, name):
    user = person("vera")
    user.groups.add(Group.objects.create(name=name))
    assert not rights_of(user)
    client.force_login(user)
    assert client.get("/").status_code == 403


def test_the_roles_of_an_account_cost_one_query(client):
    user = person("vera", Role.ASSIGNER, Role.APPROVER)
    user.groups.add(Group.objects.create(name="telephony"))
    loaded = User.objects.get(pk=user.pk)
    with CaptureQueriesContext(connection) as queries:
        assert may(loaded, Right.OPEN)
        assert not may(loaded, Right.BUY)
    assert len(queries) == 1


def test_who_has_no_role_is_told_so_and_reaches_the_own_account_only(client):
    client.force_login(person("eve", password="a long password of eve"))
    for path in ("/", "/help/", "/orders/", "/people/", "/prices/"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "Your account has no role yet. Ask your administrator." in answer.text
        assert 'aria-label="Pages"' not in answer.text
        assert "Unassigned" not in answer.text
    for path in ("/account/", "/accounts/2fa/", "/accounts/password/"):
        assert client.get(path, follow=True).status_code == 200
    assert client.post("/accounts/logout/").status_code == 302


def test_a_refusal_says_which_role_it_needs_and_the_history_knows(client):
    vera = person("vera", Role.VIEWER)
    client.force_login(vera)
    answer = client.post("/lines/1/cancel/")
    words = "This requires the role buyer or administrator."
    assert (answer.status_code, words in answer.text) == (403, True)
    event = Event.objects.get()
    assert (event.action, event.actor, event.reason) == ("access.denied", vera, words)
    assert event.after == {"method": "POST", "path": "/lines/1/cancel/"}


def test_htmx_that_is_refused_reloads_its_page_which_says_why(client):
    client.force_login(person("vera", Role.VIEWER))
    answer = client.post("/unassigned/assign/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (403, "true")
    text = client.get("/unassigned/").text
    assert "This requires the role assigner, buyer or administrator. Nothing was changed." in text


def test_opening_the_gate_is_more_than_pausing_it(client):
    for role, word, status in (
        (Role.BUYER, "paused", 302),
        (Role.BUYER, "open", 403),
        (Role.APPROVER, "open", 302),
        (Role.APPROVER, "paused", 302),
        (Role.ADMIN, "open", 302),
        (Role.ASSIGNER, "paused", 403),
    ):
        user, _ = User.objects.get_or_create(username=role)
        give(user, role)
        client.force_login(user)
        before = Gate.objects.get().paused
        assert client.post("/gate/switch/", {"to": word, "reason": "To see"}).status_code == status
        assert Gate.objects.get().paused == ((word == "paused") if status == 302 else before)


#: Whatever the forms ask for that a request is checked for before it asks who sends it.
FILLED = {
    "reason": "To see", "to": "open", "confirmed": "1", "quantity": "1", "area_code": "415", "name": "Mine",
    "telephony_provider": "twilio", "telephony_account_connection": "main", "decision": "theirs",
    "which": "all", "journal": "worker-1", "username": "eve", "monthly": "1", "currency": "USD",
}  # fmt: skip
#: What asks again who it is.
ASKS = {
    *("number-release", "number-detach", "plan-apply", "plan-retry", "plan-prove", "drift-decide"),
    *(
        "order-new",
        "order-approve",
        "gate-switch",
        "gate-accept",
        "gate-retire",
        "gate-baseline",
        "gate-explain",
    ),
    *("person-invite", "person-roles", "person-switch", "person-sessions", "person-factors", "person-link"),
    *("gate-explain", "prices", "price-remove", "budget", "alarms", "number-prove-check"),
}


@pytest.mark.parametrize("name", [name for name, (_, send) in PAGES.items() if send])
def test_no_request_goes_on_after_confirming_without_the_right(client, something, settings, name):
    """The request that comes back has passed no middleware."""
    settings.REAUTH_SECONDS, settings.REAUTH_LINES = 1800, -1
    cache.clear()
    Journal.objects.create(name="worker-1", machine="m1", path="/m1.journal")
    Connection.objects.create(api_id="main", telephony_provider="twilio", synced_at=timezone.now())
    if name == "plan-prove":
        Plan.objects.update(act=Act.RELEASE)
    ada = person("ada", Role.ADMIN, password=PASSWORD)
    log_in(client, "ada")
    stale(client)
    asked = client.post(path_of(name), FILLED | {"form_token": new_form_token(ada.pk)})
    assert (asked.get("Location", "").startswith("/accounts/confirm/")) == (name in ASKS)
    if name in ASKS:
        before = Event.objects.count()
        ada.groups.clear()
        done = client.post(asked["Location"], {"password": PASSWORD})
        refused = Event.objects.filter(action="access.denied").count()
        assert (done.status_code, refused, Event.objects.count() - before) == (403, 1, 1)


def test_migrating_again_changes_nothing():
    before = list(Group.objects.values_list("pk", "name"))
    assert {name for _, name in before} == set(Role.values)
    with CaptureQueriesContext(connection) as queries:
        make_groups("default")
    assert list(Group.objects.values_list("pk", "name")) == before
    assert len(queries) == 1


def test_second_factors_bind_those_who_spend_destroy_or_decide(client, settings):
    settings.REQUIRE_MFA = True
    bound = {role for role in Role if is_guarded(person(f"a {role}", role))}
    assert bound == {Role.BUYER, Role.APPROVER, Role.ADMIN}
    client.force_login(person("vera", Role.VIEWER, Role.ASSIGNER))
    assert client.get("/numbers/").status_code == 200
    for n, role in enumerate(bound):
        client.force_login(person(f"b{n}", Role.VIEWER, role))
        assert client.get("/numbers/")["Location"] == "/account/"
        assert client.post("/orders/new/", {"confirmed": "1"})["Location"] == "/account/"
    assert not Order.objects.exists()


OFFERS = re.compile(r'<form[^>]*>|(href|formaction|hx-get|hx-post)="(/[^"]*)"')


def offered(text: str) -> set[tuple[str, str]]:
    """Every (method, page) that a page of ours links to or sends something to."""
    found = set()
    for match in OFFERS.finditer(text.replace("&amp;", "&")):
        path = match[2] or (re.search(r'\saction="([^"]*)"', match[0]) or [None, ""])[1]
        posts = match[1] in ("formaction", "hx-post") or 'method="post"' in match[0]
        if path and not path.startswith(("/static/", "/accounts/", "/account/")):
            found.add(("POST" if posts else "GET", resolve(path.split("?")[0]).view_name))
    return found


@pytest.fixture
def all_kinds(something):
    """Books in which every button that there is would stand somewhere."""
    gone = agent("Gone", gone_at=timezone.now())
    differing(1, start=5)
    numbers(1, start=6, agent=gone)
    numbers(1, start=7, drift={"appeared": True}, drifted=True)
    kinds = (RowState.READY, RowState.DONE, RowState.FAILED)
    for state in PlanState:
        plan = Plan.objects.create(title=state.label, state=state, act=Act.CHANGE)
        for number, row in zip(Number.objects.order_by("pk"), kinds, strict=False):
            plan.rows.create(number=number, state=row, after={"label": "x"})
    line = bare_line(LineState.PLANNED, area_code="415")
    for position, state in enumerate((LineState.FAILED, LineState.RESERVED, LineState.REVIEW), start=2):
        line.order.lines.create(
            position=position, state=state, connection=line.connection, telephony_provider="twilio",
            area_code="415",
        )  # fmt: skip
    found = [{"kind": kind, "phone_number": "+14155550100", "detail": "x"} for kind in ("given_up", "agent")]
    Reconciliation.objects.create(finished_at=timezone.now(), differences=found)
    Journal.objects.create(name="worker-1", machine="m1", path="/m1.journal")
    for n, drift in enumerate(({}, {"appeared": True})):
        Number.objects.create(e164=f"+1415555098{n}", standing="holds", drift=drift, drifted=bool(drift))
    given_up = bare_line(LineState.FAILED, area_code="907").order
    pages = (*Plan.objects.all(), line.order, given_up, *Number.objects.all())
    return [page.get_absolute_url() for page in pages]


@pytest.mark.parametrize("role", Role)
def test_no_page_offers_what_this_person_may_not_do(client, role, all_kinds):
    client.force_login(vera := person("vera", role))
    keep_typed(owner=vera, values={"area_code": "415"})
    readable = [path_of(name) for name, (read, _) in PAGES.items() if read in RIGHTS[role]]
    pages = [path for path in readable if "." not in path and "give-up" not in path]
    seen: set[tuple[str, str]] = set()
    for path in {*pages, *all_kinds, f"/agents/{Agent.objects.exclude(gone_at=None).get().pk}/"}:
        answer = client.get(path)
        assert answer.status_code == 200, path
        seen |= (now := offered(answer.text))
        assert [found for found in now if methods(found[1]).get(found[0]) not in RIGHTS[role]] == [], path
    may_do = {name for name, (_, send) in PAGES.items() if send in RIGHTS[role]}
    shown = {name for method, name in seen if method == "POST"}
    assert shown >= may_do - ELSEWHERE


#: Forms that stand where these books do not lead: a tab, a saved view, what an order or a sync waits for.
ELSEWHERE = {
    *("attention-snooze", "attention-wake", "view-delete", "agent-acknowledge"),
    *("order-approve", "order-refuse", "person-factors", "person-sessions"),
    *("plan-prove", "tour-end", "order-assign", "plan-take-back"),
    *("gate-accept", "number-prove", "number-prove-check"),
}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ASSIGNER])
def test_empty_pages_offer_nothing_either(client, role):
    client.force_login(person("vera", role))
    for name in ("overview", "number-list", "order-list", "agent-list", "plan-list", "drift", "reconcile",
                 "unassigned", "activity", "review", "gate", "help"):  # fmt: skip
        for method, page in offered(client.get(path_of(name)).text):
            assert methods(page).get(method) in RIGHTS[role], (name, method, page)


def test_a_viewer_sees_what_others_may_change(client):
    (number,) = numbers(1, agent=agent(), label="Front desk", description="By the door", outbound_only=True)
    client.force_login(person("vera", Role.VIEWER))
    text = client.get(number.get_absolute_url()).text
    for words in ("Reception", "Front desk", "By the door", "Outbound only"):
        assert words in text
    row = client.get("/numbers/").text
    assert "Reception" in row
    for absent in ('class="at-tick"', "assign-dialog", 'id="bulk"', "Select all"):
        assert absent not in row
    assert "select the row" not in client.get("/help/").text
    client.force_login(person("ines", Role.ASSIGNER))
    assert "select the row" in client.get("/orders/").text  # the dialog of keys


def test_help_tells_every_role_and_which_is_yours(client):
    client.force_login(person("vera", Role.ASSIGNER))
    text = client.get("/help/").text
    for role in Role:
        assert str(role.label) in text
    assert re.findall(r"<dt>(\w+) <span[^>]*>\(you\)", text) == ["Assigner"]


def test_every_address_of_ours_is_one_that_the_middleware_looks_up():
    for name in PAGES:
        found = resolve(path_of(name))
        assert (found.view_name, found.app_names) == (name, [])
    with pytest.raises(Resolver404):
        resolve("/nothing/here/")
