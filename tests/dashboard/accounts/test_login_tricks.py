"""Ways around the door that others have tried elsewhere: replays, stolen forms, cookies, side entrances."""

import json
from datetime import datetime, timedelta

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import is_mfa_enabled
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from numbers.forms.orders import TOKEN_SALT, TOKEN_SECONDS, new_form_token
from numbers.models import Connection, Draft, Event, Order, Price
from numbers.permissions import Role
from numbers.services.orders.items import Want, keep_draft
from tests.dashboard.accounts.test_login import LOGIN, PASSWORD, SECRET, log_in
from tests.support.people import person

pytestmark = pytest.mark.django_db
CODE = "/accounts/2fa/authenticate/"


@pytest.fixture(autouse=True)
def nothing_counted(db):
    cache.clear()


@pytest.fixture
def eve(db):
    """Another buyer."""
    return person("eve", Role.BUYER, password=PASSWORD)


def test_other_names_of_this_host_do_not_start_the_count_anew(bob):
    statuses = []
    for n in range(6):
        client = Client(headers={"host": f"localhost:{8000 + n}"}, REMOTE_ADDR=f"203.0.113.{n}")
        statuses.append(log_in(client, "Bob" if n % 2 else "bob", "wrong and long").status_code)
    assert statuses == [200] * 5 + [429]


def test_who_guesses_at_a_name_does_not_keep_its_owner_out_of_a_known_browser(bob, eve):
    own, stranger, eves = Client(), Client(), Client()
    assert log_in(own).status_code == log_in(eves, "eve").status_code == 302
    own.post("/accounts/logout/")
    eves.post("/accounts/logout/")
    mark = own.cookies["known"]
    assert (mark["httponly"], mark["samesite"], mark["max-age"]) == (True, "Lax", 90 * 24 * 3600)
    forged = Client()
    forged.cookies["known"] = signing.dumps(["bob", "x"], salt="another")
    clients = [stranger, stranger, eves, forged, stranger, Client(), eves, forged]
    for n, client in enumerate(clients):
        client.defaults["REMOTE_ADDR"] = f"203.0.113.{n}"
    assert [log_in(client, password=f"guess {n}").status_code for n, client in enumerate(clients)] == [
        *[200] * 5,
        *[429] * 3,
    ]
    assert log_in(stranger).status_code == 429
    assert log_in(own).status_code == 302
    own.post("/accounts/logout/")
    statuses = [log_in(own, password=f"guess {n}").status_code for n in range(6)]
    assert statuses == [200] * 5 + [429]  # a stolen browser has no more guesses than a stranger


def test_three_hundred_made_up_names_do_not_push_the_count_out(bob):
    for n in range(5):
        assert log_in(Client(REMOTE_ADDR=f"203.0.113.{n}"), password=f"guess {n}").status_code == 200
    for n in range(400):
        cache.set(f"another-count-{n}", [1.0], 300)
    assert log_in(Client(REMOTE_ADDR="203.0.113.99"), password="guess again").status_code == 429


@pytest.mark.parametrize("spelt", ["{}", " {} ", "{0[0]}{0[1]} {0[2]}-{0[3]}{0[4]}{0[5]}"])
def test_a_code_is_taken_once_for_as_long_as_the_clock_may_be_off(bob, spelt):
    TOTP.activate(bob, SECRET)
    *_, ahead = yield_hotp_counters_from_time()  # good for a minute and more from now
    code = format_hotp_value(hotp_value(SECRET, ahead))
    first, again = Client(), Client()
    log_in(first)
    assert first.post(CODE, {"code": code}).status_code == 302
    half_a_minute_passes_for_the_cache()
    log_in(again)
    assert "Wrong or expired code" in again.post(CODE, {"code": spelt.format(code)}).text
    assert again.get("/orders/").status_code == 302


def half_a_minute_passes_for_the_cache() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key, expires FROM dashboard_cache")
        for key, expires in cursor.fetchall():
            moved = datetime.fromisoformat(str(expires)) - timedelta(seconds=31)
            cursor.execute("UPDATE dashboard_cache SET expires = %s WHERE cache_key = %s", [moved, key])


def test_a_code_that_confirmed_somebody_does_not_log_a_thief_in(bob, settings):
    TOTP.activate(bob, SECRET)
    *_, ahead = yield_hotp_counters_from_time()
    before, code = (format_hotp_value(hotp_value(SECRET, n)) for n in (ahead - 1, ahead))
    client, thief = Client(), Client()
    log_in(client)
    client.post(CODE, {"code": before})
    assert client.post("/accounts/2fa/reauthenticate/", {"code": code}).status_code == 302
    log_in(thief)
    assert "Wrong or expired code" in thief.post(CODE, {"code": code}).text


# --- Forms ------------------------------------------------------------------------------------


@pytest.fixture
def want(db):
    now = timezone.now()
    Connection.objects.create(api_id="main", label="Main", telephony_provider="twilio", synced_at=now)
    return {
        "telephony_provider": "twilio", "telephony_account_connection": "main", "area_code": "415",
        "quantity": "1", "confirmed": "1",
    }  # fmt: skip


def test_a_stolen_form_buys_nothing_in_either_name(client, bob, eve, want):
    """Eve sends what bob was about to send, as it is and mixed with her own."""
    token = new_form_token(bob.pk)
    draft = keep_draft(
        owner=bob, form_token=token, telephony_provider="twilio", telephony_account_connection="main",
        wants=[Want(area_code="415")],
    )  # fmt: skip
    client.force_login(eve)
    assert client.post("/orders/new/", want | {"form_token": token}).status_code == 422
    stolen = {"draft": str(draft.pk), "confirmed": "1"}
    for fields in (stolen, stolen | want | {"form_token": new_form_token(eve.pk)}):
        answer = client.post("/orders/new/", fields, follow=True)
        assert (answer.status_code, "no longer exists" in answer.text) == (422, True)
    assert (Order.objects.count(), Draft.objects.get().owner) == (0, bob)


def test_a_form_sent_again_by_its_thief_leads_nowhere(staff, bob, eve, want):
    sent = want | {"form_token": new_form_token(bob.pk)}
    assert staff.post("/orders/new/", sent).status_code == 302
    assert staff.post("/orders/new/", sent)["Location"] == Order.objects.get().get_absolute_url()
    thief = Client()
    thief.force_login(eve)
    assert thief.post("/orders/new/", sent).status_code == 422
    assert Order.objects.get().requested_by == bob


def test_an_old_or_bent_form_buys_nothing(staff, bob, eve, want, monkeypatch):
    token = new_form_token(bob.pk)
    content, at, seal = token.split(":")
    others = new_form_token(eve.pk).split(":")[0]
    bent = [
        f"{others}:{at}:{seal}",
        f"{content}:{at}:{seal[:-1]}",
        f"{content}:1{at}:{seal}",
        f"{content}:{seal}",
    ]
    bent += [signing.dumps([bob.pk, "x"], salt="number-seen"), signing.dumps(bob.pk, salt=TOKEN_SALT)]
    for forged in bent:
        assert staff.post("/orders/new/", want | {"form_token": forged}).status_code == 422, forged
    later = timezone.now().timestamp() + TOKEN_SECONDS + 1
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    answer = staff.post("/orders/new/", want | {"form_token": token})
    if answer.status_code == 302:  # a day is longer than a session
        assert answer["Location"].startswith(LOGIN)
    assert Order.objects.count() == 0


def test_an_old_form_is_refused_by_its_age(staff, bob, want, monkeypatch):
    monkeypatch.setattr("numbers.forms.orders.TOKEN_SECONDS", -1)
    answer = staff.post("/orders/new/", want | {"form_token": new_form_token(bob.pk)})
    assert (answer.status_code, "has expired" in answer.text) == (422, True)


def test_a_cookie_from_before_the_log_out_opens_nothing_even_after_the_next_log_in(client, bob, want):
    log_in(client)
    old = client.cookies["sessionid"].value
    client.post("/accounts/logout/")
    log_in(client)
    thief = Client()
    thief.cookies["sessionid"] = old
    assert thief.get("/orders/new/")["Location"].startswith(LOGIN)
    sent = want | {"form_token": new_form_token(bob.pk)}
    assert thief.post("/orders/new/", sent)["Location"].startswith(LOGIN)
    assert Order.objects.count() == 0


# --- Without a second factor --------------------------------------------------------------------


@pytest.fixture
def guarded(settings, fluents):
    settings.REQUIRE_MFA, settings.REAUTH_SECONDS = True, 1800


def test_a_buyer_without_a_second_factor_spends_through_no_door(guarded, fluents, bob, want):
    want = want | {"telephony_account_connection": fluents.connection}
    Connection.objects.update(api_id=fluents.connection)
    draft = keep_draft(
        owner=bob, form_token=new_form_token(bob.pk), telephony_provider="twilio",
        telephony_account_connection=fluents.connection, wants=[Want(area_code="415")],
    )  # fmt: skip
    bob.is_staff = True
    bob.save()
    client = Client()
    log_in(client)
    client.post(
        "/accounts/confirm/", {"password": PASSWORD}
    )  # proving the password again is no second factor
    forms = [
        want | {"form_token": new_form_token(bob.pk)},
        want | {"form_token": new_form_token(bob.pk), "quantity": "30"},
        {"draft": str(draft.pk), "confirmed": "1"},
    ]
    htmx = {"HX-Request": "true", "HX-Target": "rows", "HX-Current-URL": "http://testserver/accounts/2fa/"}
    for form in forms:
        for path in (
            "/orders/new/",
            "/orders/new/?next=/accounts/2fa/",
            "//orders/new/",
            "/accounts/../orders/new/",
        ):
            for headers in ({}, htmx, {"X-Forwarded-Prefix": "/accounts", "X-Original-URL": "/accounts/"}):
                answer = client.post(path, form, headers=headers)
                refused = answer.get("Location", answer.get("HX-Redirect", ""))
                assert answer.status_code == 404 or refused.startswith("/account/"), (path, headers)
    for path in ("/people/invite/", "/prices/", "/people/1/roles/"):
        assert client.post(path, {"quantity": "1", "monthly": "0"})["Location"] == "/account/"
    for path in ("webauthn/login/", "webauthn/reauthenticate/", "reauthenticate/", "authenticate/"):
        fields = {"credential": json.dumps({"id": "x"}), "code": "000000", "next": "/orders/new/"}
        client.post(f"/accounts/2fa/{path}", fields)
    assert client.get("/orders/new/")["Location"] == "/account/"
    assert (Order.objects.count(), Price.objects.count(), fluents.charges()) == (0, 0, [])


def test_a_half_open_door_is_a_closed_one(guarded, fluents, bob, want):
    """Between password and code nobody is in; and who takes the factor away is out again."""
    TOTP.activate(bob, SECRET)
    codes = RecoveryCodes.activate(bob).get_unused_codes()
    client = Client()
    assert log_in(client)["Location"] == CODE
    sent = want | {"form_token": new_form_token(bob.pk)}
    assert client.post("/orders/new/", sent)["Location"].startswith(LOGIN)
    assert client.post("/accounts/2fa/totp/deactivate/")["Location"].startswith(LOGIN)
    code = format_hotp_value(hotp_value(SECRET, next(iter(yield_hotp_counters_from_time()))))
    client.post(CODE, {"code": code})
    assert client.get("/orders/new/").status_code == 200
    confirming = client.post("/accounts/2fa/totp/deactivate/")["Location"]
    assert confirming.startswith("/accounts/2fa/reauthenticate/")
    client.post(confirming, {"code": codes[0]})
    client.post("/accounts/2fa/totp/deactivate/")
    assert not is_mfa_enabled(bob)
    assert client.post("/orders/new/", sent)["Location"] == "/account/"
    assert (Order.objects.count(), fluents.charges()) == (0, [])


def test_a_session_from_before_the_second_factor_was_asked_for_does_not_spend(settings, fluents, bob, want):
    client = Client()
    log_in(client)
    assert client.get("/orders/new/").status_code == 200
    settings.REQUIRE_MFA = True
    assert (
        client.post("/orders/new/", want | {"form_token": new_form_token(bob.pk)})["Location"] == "/account/"
    )
    assert (Order.objects.count(), Event.objects.filter(action="order.placed").count()) == (0, 0)
