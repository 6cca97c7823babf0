"""The one door: guesses are counted, second factors asked for, sessions end, strangers learn nothing."""

import re

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from numbers.forms.orders import new_form_token
from numbers.models import Connection, Event, Gate, Number, Order

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
PASSWORD = "a long password of bob"
TOKEN = r'(?<="csrfmiddlewaretoken" value=")\w+|(?<="X-CSRFToken": ")\w+'
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def nothing_counted(db):
    cache.clear()


def log_in(client, name="bob", password=PASSWORD, **more):
    return client.post(LOGIN, {"username": name, "password": password, **more})


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


@pytest.fixture
def factor(bob):
    """Bob's authenticator app."""
    TOTP.activate(bob, SECRET)
    RecoveryCodes.activate(bob)
    return bob


def test_a_password_opens_the_door_and_leads_to_where_one_came_from(client, bob):
    answer = log_in(client, next="/orders/?before=9")
    assert (answer.status_code, answer["Location"]) == (302, "/orders/?before=9")
    assert client.get("/orders/").status_code == 200
    assert log_in(Client(), next="https://evil.example/")["Location"] == "/"


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/orders/7/?from=101", "/orders/7/%3Ffrom%3D101"),
        ("https://evil.example/x", "/"),
        ("", "/"),
    ],
)
def test_a_form_that_is_sent_without_a_log_in_is_not_done_and_says_so(client, bob, came_from, leads_to):
    answer = client.post("/orders/7/approve/", headers={"Referer": came_from})
    assert (answer.status_code, answer["Location"]) == (302, f"{LOGIN}?next={leads_to}")
    assert "so nothing was ordered or changed." in client.get(answer["Location"]).text
    assert "nothing was ordered" not in client.get(LOGIN).text


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer_after_the_same_work(
    client, bob, monkeypatch
):
    hashed = []
    original = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *a: hashed.append(1) or original(*a))
    texts = []
    for name in ("bob", "nobody"):
        answer = log_in(Client(), name, "wrong but long enough")
        assert answer.status_code == 200
        texts.append(answer.text.replace(name, "").replace(str(answer.context["csrf_token"]), ""))
    assert re.sub(TOKEN, "", texts[0]) == re.sub(TOKEN, "", texts[1])
    assert "Wrong username or password" in texts[0]
    assert len(hashed) == 2  # one each


def test_a_switched_off_account_looks_like_a_wrong_password(client, bob):
    bob.is_active = False
    bob.save()
    answer = log_in(client)
    assert (answer.status_code, "Wrong username or password" in answer.text) == (200, True)


def test_guesses_at_one_name_are_stopped_and_so_are_guesses_at_many(bob):
    statuses = [log_in(Client(), password=f"guess {n}").status_code for n in range(6)]
    assert statuses == [200] * 5 + [429]
    answer = log_in(Client())
    assert (answer.status_code, "Too many attempts" in answer.text) == (429, True)  # the right one, too
    statuses = [log_in(Client(), f"name-{n}", "x" * 12).status_code for n in range(11)]
    assert (statuses[0], statuses[-1]) == (200, 429)
    other = Client(REMOTE_ADDR="203.0.113.9")
    assert log_in(other, "somebody", "x" * 12).status_code == 200


def test_a_made_up_address_does_not_start_the_count_anew(bob):
    def attempt(n: int) -> int:
        client = Client(headers={"X-Forwarded-For": f"198.51.100.{n}"})
        return log_in(client, f"name-{n}", "x" * 12).status_code

    assert [attempt(n) for n in range(11)][-1] == 429


def test_a_second_factor_is_asked_for_and_a_code_works_once(factor):
    client = Client()
    answer = log_in(client)
    assert answer["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/orders/").status_code == 302  # not yet
    assert "Wrong or expired code" in client.post(answer["Location"], {"code": "000000"}).text
    code = code_of(SECRET)
    assert client.post(answer["Location"], {"code": code})["Location"] == "/"
    assert client.get("/orders/").status_code == 200
    again = Client()
    log_in(again)
    assert "Wrong or expired code" in again.post(answer["Location"], {"code": code}).text
    assert Event.objects.get(action="access.login").after == {"shown": ["password", "totp"]}
    told = Event.objects.order_by("pk").values_list("action", "reason")
    assert ("access.failed", "Wrong two-factor code.") in list(told)


def test_guesses_at_the_code_are_stopped(factor):
    client = Client()
    log_in(client)
    texts = [client.post("/accounts/2fa/authenticate/", {"code": f"{n:06}"}).text for n in range(7)]
    assert "Too many attempts" in texts[-1]
    right = client.post("/accounts/2fa/authenticate/", {"code": code_of(SECRET)})
    assert (right.status_code, "Too many attempts" in right.text) == (200, True)


def test_a_recovery_code_opens_the_door_once(factor):
    codes = Authenticator.objects.get(user=factor, type="recovery_codes").wrap().get_unused_codes()
    for works in (True, False):
        client = Client()
        log_in(client)
        answer = client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert (answer.status_code == 302) is works


def test_the_secret_of_an_app_is_not_in_the_database_in_clear(factor, settings):
    row = Authenticator.objects.get(user=factor, type="totp")
    assert SECRET not in str(row.data)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one, for tests"
    assert get_adapter().decrypt(row.data["secret"]) == SECRET


def test_setting_up_an_app_by_hand(client, bob, django_capture_on_commit_callbacks):
    log_in(client)
    page = client.get("/accounts/2fa/totp/activate/")
    assert page.status_code == 302  # only who has just shown who it is
    client.post(page["Location"].split("?")[0], {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    code = code_of(page.context["form"].secret)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/accounts/2fa/totp/activate/", {"code": code})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/"
    assert client.get(answer["Location"]).text.count("<li>") >= 10
    assert "Two-factor on" in client.get("/account/").text
    told = Event.objects.filter(action="access.changed").values_list("reason", flat=True)
    assert "Added a second factor for login." in told


DOORS = ["/", "/orders/new/", "/gate/", "/people/", "/prices/", "/numbers/"]


def test_with_require_mfa_no_door_opens_without_a_second_factor(admin_client, settings, something_to_buy):
    settings.REQUIRE_MFA = True
    for path in DOORS:
        assert admin_client.get(path)["Location"] == "/account/", path
    for path, form in (
        ("/orders/new/", something_to_buy),
        ("/gate/switch/", {"to": "open", "reason": "Because"}),
    ):
        assert admin_client.post(path, form)["Location"] == "/account/"
    assert admin_client.get("/orders/", headers={"HX-Request": "true"})["HX-Redirect"].startswith("/account/")
    assert (Order.objects.count(), Gate.objects.get().paused) == (0, False)
    assert "needs two-factor login" in admin_client.get("/account/").text


def test_with_require_mfa_a_second_factor_opens_everything(settings, factor):
    settings.REQUIRE_MFA = True
    client = Client()
    log_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": code_of(SECRET)})
    assert client.get("/orders/new/").status_code == 200


@pytest.fixture
def something_to_buy(bob):
    now = timezone.now()
    Connection.objects.create(api_id="main", label="Main", telephony_provider="twilio", synced_at=now)
    return {
        "telephony_provider": "twilio", "telephony_account_connection": "main", "area_code": "415",
        "quantity": "1", "form_token": new_form_token(bob.pk), "confirmed": "1",
    }  # fmt: skip


def test_opening_the_gate_asks_again_who_it_is_and_then_goes_on(client, bob, settings):
    settings.REAUTH_SECONDS = 1800
    log_in(client)
    stale(client)
    form = {"to": "open", "reason": "Reconciled with the books"}
    assert client.post("/gate/switch/", form | {"to": "paused"})["Location"] == "/gate/"
    answer = client.post("/gate/switch/", form)
    assert answer["Location"].startswith("/accounts/confirm/?next=")
    assert Gate.objects.get().paused is True
    assert "not your password" in client.post(answer["Location"], {"password": "wrong and long"}).text
    done = client.post(answer["Location"], {"password": PASSWORD})
    assert (done["Location"], Gate.objects.get().paused) == ("/gate/", False)
    assert Event.objects.get(action="gate.opened").actor == bob
    assert client.post("/gate/switch/", form | {"to": "paused"})["Location"] == "/gate/"
    assert client.post("/gate/switch/", form)["Location"] == "/gate/"  # fresh now


def test_many_lines_ask_again_who_it_is_and_few_do_not(client, bob, settings, something_to_buy):
    settings.REAUTH_SECONDS = 1800
    log_in(client)
    stale(client)
    many = something_to_buy | {"quantity": "21", "form_token": new_form_token(bob.pk)}
    assert client.post("/orders/new/", many)["Location"].startswith("/accounts/confirm/")
    assert Order.objects.count() == 0
    assert client.post("/orders/new/", something_to_buy)["Location"].startswith("/orders/")


def test_releasing_asks_again_who_it_is(client, admin_user, settings):
    settings.REAUTH_SECONDS = 1800
    Number.objects.create(e164="+14155550100")
    client.force_login(admin_user)
    url = "/numbers/+14155550100/release/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"typed": "0100"})["Location"].startswith("/accounts/confirm/")


def stale(client) -> None:
    """Half an hour passes after the log-in."""
    session = client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [row | {"at": row["at"] - 1801} for row in records]
    session.save()


def passes(client, **clocks) -> None:
    session = client.session
    session.update({name: session[name] - seconds for name, seconds in clocks.items()})
    session.save()


def test_a_session_ends_when_nobody_uses_it_and_after_a_day_of_work(client, bob):
    for clock, life in (("seen", 1800), ("began", 12 * 3600)):
        log_in(client)
        assert client.get("/orders/").status_code == 200
        passes(client, **{clock: life - 60})
        assert client.get("/orders/").status_code == 200, clock
        passes(client, **{clock: life + 60})
        assert client.get("/orders/")["Location"].startswith(LOGIN), clock
        assert not Session.objects.filter(pk=client.session.session_key).exists()


def test_a_page_that_polls_is_nobody_who_works(client, bob):
    log_in(client)
    client.get("/orders/")
    passes(client, seen=1700)
    before = client.session["seen"]
    last = UserSession.objects.get().last_seen_at
    for path in ("/orders/", "/gate/"):
        assert client.get(path, headers={"X-Seen": ""}).status_code == 200
    assert (client.session["seen"], UserSession.objects.get().last_seen_at) == (before, last)
    client.get("/orders/")
    assert client.session["seen"] > before


def test_logging_in_changes_the_session_and_logging_out_ends_it(client, bob):
    client.get(LOGIN)
    before = client.cookies.get("sessionid")
    log_in(client)
    key = client.cookies["sessionid"].value
    assert not before or before.value != key
    answer = client.post("/accounts/logout/")
    assert answer["Clear-Site-Data"] == '"cache"'
    stolen = Client()
    stolen.cookies["sessionid"] = key
    assert stolen.get("/orders/").status_code == 302


def test_logging_out_everywhere_ends_all_sessions_of_this_person_alone(client, bob, admin_client):
    other = Client()
    log_in(client)
    log_in(other)
    assert client.post("/accounts/logout/everywhere/")["Location"] == LOGIN
    assert [c.get("/orders/").status_code for c in (client, other, admin_client)] == [302, 302, 200]


def test_switching_an_account_off_ends_its_sessions_at_once(staff, bob):
    bob.is_active = False
    bob.save()
    assert staff.get("/orders/").status_code == 302


def test_a_new_password_must_be_a_good_one_and_ends_all_other_sessions(client, bob):
    other = Client()
    log_in(client)
    log_in(other)
    form = {"oldpassword": PASSWORD, "password1": "password1234", "password2": "password1234"}
    assert "too common" in client.post("/accounts/password/", form).text
    form |= {"password1": "an even longer one of bob", "password2": "an even longer one of bob"}
    assert client.post("/accounts/password/", form)["Location"] == "/account/"
    assert (client.get("/orders/").status_code, other.get("/orders/").status_code) == (200, 302)


def test_nobody_signs_up(client):
    for path in ("/accounts/signup/", "/accounts/password/reset/", "/accounts/email/"):
        assert client.get(path).status_code == 404


def test_an_account_without_a_password_is_told_who_can_give_it_one(client, bob):
    bob.set_unusable_password()
    bob.save()
    client.force_login(bob)
    answer = client.get("/accounts/password/", follow=True)
    assert answer.redirect_chain == [("/account/", 302)]
    assert "Your account has no password." in answer.text
