"""Every page x method x role against the table, and what the table cannot say by itself."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from numbers import people
from numbers.models import Agent, Event, Gate, Number, Order, Plan, Reconciliation, SavedView
from numbers.roles import PAGES, PUBLIC, RIGHTS, Right, Role, is_guarded, may, methods, rights_of
from numbers.states import Act, LineState, PlanState, RowState
from numbers.urls import urlpatterns
from tests.books import bare_line
from tests.pages.upkeep import agent, differing, numbers
from tests.people import give, person

pytestmark = pytest.mark.django_db
NAMES = {pattern.name: pattern for pattern in urlpatterns}
METHODS = ("GET", "POST")
OTHERS = ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")
E164 = "+14155550100"
ROOMS = ["/admin/", "/admin/numbers/price/", "/admin/auth/user/", "/admin/nothing/here/"]
#: Each page in the table by GET and POST, for each single role and for none.
CELLS = len(PAGES) * len(METHODS) * (len(Role) + 1)


KEYS: dict[str, int] = {}  # of what the addresses name, by the first word of the page's name


def path_of(name: str) -> str:
    arguments = {"pk": KEYS.get(name.split("-")[0], 1), "e164": E164}
    return reverse(name, kwargs={key: arguments[key] for key in NAMES[name].pattern.converters})


@pytest.fixture
def something(monkeypatch):
    """What the addresses name, so that no page is refused for want of a thing to show."""
    Number.objects.create(e164=E164)
    line = bare_line(LineState.REVIEW, phone_number="+14155550101")
    things = {
        "agent": Agent.objects.create(api_id="agent-1", name="Reception"),
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
    assert not Event.objects.exists()


def test_the_table_is_whole_and_names_nothing_else():
    assert set(NAMES) == set(PAGES) | PUBLIC
    assert not set(PAGES) & PUBLIC
    open_views = {p.name for p in urlpatterns if not getattr(p.callback, "login_required", True)}
    assert open_views == PUBLIC
    assert set(RIGHTS) == set(Role)
    used = {right for pair in PAGES.values() for right in pair if right}
    assert used | {Right.APPROVE, Right.OPEN, Right.MANAGE} == set(Right)


def test_a_page_that_the_table_does_not_know_is_closed_to_all_but_nobody(client, monkeypatch):
    client.force_login(person("ada", Role.ADMIN))
    monkeypatch.delitem(PAGES, "number-list")
    answer = client.get("/numbers/")
    assert (answer.status_code, "Nobody may do this." in answer.text) == (403, True)
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


def test_roles_come_with_the_account_in_one_query(client):
    user = person("vera", Role.ASSIGNER, Role.APPROVER)
    user.groups.add(Group.objects.create(name="telephony"))
    with CaptureQueriesContext(connection) as queries:
        loaded = people.Backend().get_user(user.pk)
        assert may(loaded, Right.OPEN)
        assert not may(loaded, Right.BUY)
    assert len(queries) == 1
    assert sorted(loaded.role_names.split()) == ["approver", "assigner"]


def test_a_session_from_before_there_were_roles_goes_on(client):
    user = person("bob", Role.BUYER)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/orders/new/").status_code == 200
    assert client.get("/numbers/+14155550100/release/").status_code == 403


def test_who_has_no_role_is_told_so_and_reaches_the_own_account_only(client):
    client.force_login(person("eve", password="a long password of eve"))
    for path in ("/", "/help/", "/orders/", "/admin/"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "Your account has no role yet. Ask the person who runs this dashboard." in answer.text
        assert 'aria-label="Pages"' not in answer.text
        assert "Unassigned" not in answer.text
    for path in ("/accounts/2fa/", "/accounts/password/"):
        assert client.get(path, follow=True).status_code == 200
    assert client.post("/accounts/logout/").status_code == 302


def test_a_refusal_says_which_role_it_needs_and_the_history_knows(client):
    vera = person("vera", Role.VIEWER)
    client.force_login(vera)
    answer = client.post("/lines/1/cancel/")
    words = "This needs the role buyer or administrator."
    assert (answer.status_code, words in answer.text) == (403, True)
    event = Event.objects.get()
    assert (event.action, event.actor, event.reason) == ("access.denied", vera, words)
    assert event.after == {"method": "POST", "path": "/lines/1/cancel/"}


def test_htmx_that_is_refused_reloads_its_page_which_says_why(client):
    client.force_login(person("vera", Role.VIEWER))
    answer = client.post("/unassigned/assign/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (403, "true")
    text = client.get("/unassigned/").text
    assert "This needs the role assigner, buyer or administrator. Nothing was changed." in text


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


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: role or "none")
def test_djangos_own_rooms_open_for_admins_alone(client, role):
    user = person("vera", *([role] if role else []))
    user.is_staff = True  # no longer enough
    user.save()
    client.force_login(user)
    assert {client.get(path).status_code for path in ROOMS[:3]} == {200 if role == Role.ADMIN else 403}
    assert client.get(ROOMS[3]).status_code == (404 if role == Role.ADMIN else 403)


def test_an_admin_gives_roles_and_cannot_make_itself_more(client):
    ada, eve, root = person("ada", Role.ADMIN), person("eve"), User.objects.create_superuser("root")
    client.force_login(ada)
    path = f"/admin/auth/user/{eve.pk}/change/"
    fields = re.findall(r'<(?:input|select)[^>]* name="(\w+)"', client.get(path).text)
    assert "groups" in fields
    assert not {"is_superuser", "is_staff", "user_permissions"} & set(fields)
    buyers = Group.objects.get(name="buyer").pk
    form = {"username": "eve", "is_active": "on", "groups": [buyers], "is_superuser": "on"}
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert client.post(path, form | joined).status_code == 302
    eve.refresh_from_db()
    assert (set(eve.groups.values_list("name", flat=True)), eve.is_superuser) == ({"buyer"}, False)
    for forbidden in (
        f"/admin/auth/user/{root.pk}/password/",
        f"/admin/auth/group/{buyers}/delete/",
        "/admin/auth/group/add/",
        "/admin/numbers/line/add/",
    ):
        assert client.get(forbidden).status_code == 403, forbidden
        assert client.post(forbidden, {"password1": "x" * 20, "password2": "x" * 20}).status_code == 403
    assert client.post(f"/admin/auth/user/{root.pk}/change/", form | joined).status_code == 403
    assert "Manage accounts" in client.get("/accounts/2fa/").text


def test_an_admin_takes_a_lost_second_factor_away_but_not_that_of_a_superuser(client):
    eve, root = person("eve"), User.objects.create_superuser("root")
    lost, other = (
        Authenticator.objects.create(user=user, type="totp", data={"secret": "sealed"})
        for user in (eve, root)
    )
    client.force_login(person("ada", Role.ADMIN))
    assert "sealed" not in client.get(f"/admin/mfa/authenticator/{lost.pk}/change/").text
    assert client.post(f"/admin/mfa/authenticator/{other.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/mfa/authenticator/{lost.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Authenticator.objects.get() == other


def test_migrating_again_changes_nothing():
    before = list(Group.objects.values_list("pk", "name"))
    assert {name for _, name in before} == set(Role.values)
    with CaptureQueriesContext(connection) as queries:
        people.make_groups("default")
    assert list(Group.objects.values_list("pk", "name")) == before
    assert len(queries) == 3


def test_second_factors_bind_those_who_spend_destroy_or_decide(client, settings):
    settings.REQUIRE_MFA = True
    bound = {role for role in Role if is_guarded(person(f"a {role}", role))}
    assert bound == {Role.BUYER, Role.APPROVER, Role.ADMIN}
    client.force_login(person("vera", Role.VIEWER, Role.ASSIGNER))
    assert client.get("/numbers/").status_code == 200
    for n, role in enumerate(bound):
        client.force_login(person(f"b{n}", Role.VIEWER, role))
        assert client.get("/numbers/")["Location"] == "/accounts/2fa/"
        assert client.post("/orders/new/", {"confirmed": "1"})["Location"] == "/accounts/2fa/"
    assert not Order.objects.exists()


OFFERS = re.compile(r'<form[^>]*>|(href|formaction|hx-get|hx-post)="(/[^"]*)"')


def offered(text: str) -> set[tuple[str, str]]:
    """Every (method, page) that a page of ours links to or sends something to."""
    found = set()
    for match in OFFERS.finditer(text.replace("&amp;", "&")):
        path = match[2] or (re.search(r'\saction="([^"]*)"', match[0]) or [None, ""])[1]
        posts = match[1] in ("formaction", "hx-post") or 'method="post"' in match[0]
        if path and not path.startswith(("/static/", "/accounts/")):
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
    given_up = bare_line(LineState.FAILED, area_code="907").order
    pages = (*Plan.objects.all(), line.order, given_up, *Number.objects.all())
    return [page.get_absolute_url() for page in pages]


@pytest.mark.parametrize("role", Role)
def test_no_page_offers_what_this_person_may_not_do(client, role, all_kinds):
    client.force_login(person("vera", role))
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


#: Forms that stand where these books do not lead: a notice, a saved view, what an order waits for.
ELSEWHERE = {
    *("notice-seen", "view-delete", "agent-acknowledge", "order-approve", "order-refuse"),
    *("plan-prove", "tour-end"),
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
    for absent in ('class="at-tick"', "assign-dialog", 'id="bulk"', "Choose all"):
        assert absent not in row
    assert "tick the row" not in client.get("/help/").text
    client.force_login(person("ines", Role.ASSIGNER))
    assert "tick the row" in client.get("/orders/").text  # the dialog of keys


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
