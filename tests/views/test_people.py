"""People, prices and one's own account, as somebody with a browser uses them."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from numbers.models import AccountLink, Connection, Event, Notice, Price
from numbers.permissions import Role, roles_of
from numbers.services.orders.prices import price_of, price_table
from tests.support.people import person

pytestmark = pytest.mark.django_db
PASSWORD = "a long password of eve"
LOGIN = "/accounts/login/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"


def log_in(client: Client, name: str, password: str = PASSWORD):
    return client.post(LOGIN, {"username": name, "password": password})


@pytest.fixture
def ada(client):
    """An administrator who has just logged in."""
    user = person("ada", Role.ADMIN, password=PASSWORD)
    log_in(client, "ada")
    return user


@pytest.fixture
def eve():
    return person("eve", Role.VIEWER, password=PASSWORD)


def test_somebody_is_invited_by_a_link_that_is_shown_once(client, ada):
    answer = client.post("/people/invite/", {"username": "eve", "roles": ["buyer", "viewer"]})
    (link,) = re.findall(r"http://127.0.0.1:8000(/account/link/[^<\s]+/)<", answer.text)
    eve = User.objects.get(username="eve")
    assert (answer.status_code, roles_of(eve)) == (200, [Role.VIEWER, Role.BUYER])
    assert link not in client.get(f"/people/{eve.pk}/").text
    hers = Client()
    assert "ada invites you" in hers.get(link).text
    weak = hers.post(link, {"new_password1": "password1234", "new_password2": "password1234"})
    assert (weak.status_code, "too common" in weak.text) == (422, True)
    chosen = hers.post(link, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert chosen["Location"] == LOGIN
    assert (hers.get(link).status_code, hers.post(link).status_code) == (410, 410)
    assert log_in(hers, "eve")["Location"] == "/"
    assert hers.get("/orders/new/").status_code == 200


def test_an_invitation_goes_out_by_mail_and_is_on_no_page(client, ada, settings):
    settings.NOTIFY_BY_MAIL = True
    form = {"username": "eve", "email": "eve@example.com", "by_mail": "on", "roles": ["viewer"]}
    answer = client.post("/people/invite/", form)
    (sent,) = mail.outbox
    (link,) = re.findall(r"/account/link/\S+", sent.body)
    assert "Sent to eve@example.com" in answer.text
    assert link not in answer.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"username": "ada"}, "already"),
        ({"username": ""}, "This field is required."),
        ({"username": "\u0430da"}, "Use letters, digits"),  # a Cyrillic a, which looks like ada
        ({"username": "eve miller"}, "Use letters, digits"),
        ({"username": "-"}, "Use letters, digits"),  # the filter's word for what nobody did
        ({"username": "Dashboard"}, "Choose another username"),  # the history's
        ({"username": "eve", "email": "eve"}, "valid email"),
        ({"username": "eve", "by_mail": "on", "email": "e@example.com"}, "send email"),
        ({"username": "eve", "roles": ["king"]}, "king is not one of the available choices"),
    ],
)
def test_mistakes_invite_nobody_and_are_told(client, ada, fields, words):
    answer = client.post("/people/invite/", fields)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert (User.objects.count(), AccountLink.objects.count()) == (1, 0)


def test_a_role_taken_away_while_somebody_works_is_gone_at_once(client, ada, eve):
    hers = Client()
    log_in(hers, "eve")
    assert client.post(f"/people/{eve.pk}/roles/", {"roles": ["buyer"]})["Location"] == f"/people/{eve.pk}/"
    assert hers.get("/orders/new/").status_code == 200
    client.post(f"/people/{eve.pk}/roles/", {"roles": ["viewer"]})
    assert hers.get("/orders/new/").status_code == 403
    assert 'aria-label="Notices: 2 new"' in hers.get("/").text
    assert "ada changed your roles: viewer." in hers.get("/account/").text
    history = re.sub(r"<[^>]+>", "", client.get(f"/people/{eve.pk}/").text)
    assert "Roles before: viewer → after: buyer" in history


def test_nobody_lifts_themselves_and_the_refusal_is_in_the_history(client, ada):
    page = client.get(f"/people/{ada.pk}/").text
    for word in ("roles", "switch", "sessions", "factors", "link"):
        path = f"/people/{ada.pk}/{word}/"
        assert f'action="{path}"' not in page
        answer = client.post(path, {"roles": ["admin", "buyer"], "to": "off"})
        assert (answer.status_code, "change your own account here" in answer.text) == (403, True)
    assert Event.objects.filter(action="access.denied").count() == 5
    assert roles_of(User.objects.get(pk=ada.pk)) == [Role.ADMIN]


@pytest.mark.parametrize(
    "path",
    ["/people/invite/", "/people/{}/roles/", "/people/{}/switch/", "/people/{}/sessions/",
     "/people/{}/factors/", "/people/{}/link/", "/prices/"],
)  # fmt: skip
def test_whatever_changes_people_or_prices_asks_again_who_it_is(client, ada, eve, settings, path):
    settings.REAUTH_SECONDS = 1800
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    form = {"username": "new", "to": "off", "account": "twilio ", "monthly": "1", "currency": "USD"}
    answer = client.post(path.format(eve.pk), form | {"valid_from": timezone.localdate()})
    assert answer["Location"].startswith("/accounts/confirm/")
    assert not Event.objects.exclude(action="access.login").exists()
    assert not User.objects.filter(username="new").exists()
    assert not Price.objects.exists()
    client.post(answer["Location"], {"password": PASSWORD})  # resumes what was asked for
    assert (
        Event.objects.exclude(action__startswith="access.").exists()
        or "sessions" in path
        or ("factors" in path or "roles" in path)
    )


def test_a_lost_phone_ends_with_a_new_one(client, ada, eve, settings):
    TOTP.activate(eve, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    assert "Authenticator app" in client.get(f"/people/{eve.pk}/").text
    client.post(f"/people/{eve.pk}/factors/")
    hers = Client()
    assert log_in(hers, "eve")["Location"] == "/"
    assert "removed your second factors" in hers.get("/notices/").text


def test_the_list_shows_everybody_with_sessions_and_costs_the_same_queries(client, ada, eve):
    log_in(Client(HTTP_USER_AGENT=FIREFOX), "eve")
    counts = []
    for more in (1, 20):
        for _ in range(more):
            person(f"p{User.objects.count()}", Role.BUYER)
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/people/").text
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert page.count("data-person=") == 23
    assert "No people match" in client.get("/people/?q=zzz").text
    assert client.get("/people/?q=EVE").text.count("data-person=") == 1


def test_ones_own_sessions_are_shown_with_device_and_address_and_each_can_be_ended(client, eve):
    phone, laptop = Client(HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="203.0.113.9"), Client(HTTP_USER_AGENT=FIREFOX)
    log_in(phone, "eve")
    log_in(laptop, "eve")
    text = laptop.get("/account/").text
    for words in ("Safari on iPhone", "203.0.113.9", "Firefox on Linux", "This session"):
        assert words in text
    other = person("bob", Role.VIEWER, password=PASSWORD)
    log_in(client, "bob")
    stolen = UserSession.objects.get(ip="203.0.113.9")
    client.post(f"/account/sessions/{stolen.pk}/end/")  # not bob's to end
    assert phone.get("/orders/").status_code == 200
    assert laptop.post(f"/account/sessions/{stolen.pk}/end/")["Location"] == "/account/"
    assert phone.get("/orders/").status_code == 302
    event = Event.objects.get(action="account.sessions")
    assert (event.actor, event.before["address"]) == (eve, "203.0.113.9")
    assert other.pk != eve.pk


def test_a_log_in_from_a_new_browser_asks_its_owner_whether_it_was_them(eve):
    laptop = Client(HTTP_USER_AGENT=FIREFOX)
    log_in(laptop, "eve")
    laptop.post("/accounts/logout/")
    log_in(laptop, "eve")
    assert not Notice.objects.exists()  # the first one ever, and a browser that is known
    thief = Client(HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="203.0.113.9")
    log_in(thief, "eve")
    words = "New login: Safari on iPhone, from 203.0.113.9. Was this you?"
    for path in ("/account/", "/notices/"):  # the thief neither sees it nor puts it away
        assert words not in thief.get(path).text
    assert 'aria-label="Notices: 1 new"' in laptop.get("/orders/").text
    assert words in laptop.get("/account/").text
    assert 'aria-label="Notices"' in laptop.get("/orders/").text


def test_a_price_is_set_for_a_day_on_and_the_one_before_ends_with_it(client, ada):
    Connection.objects.create(
        api_id="main", label="Main", telephony_provider="twilio", synced_at=timezone.now()
    )
    today, later = timezone.localdate(), timezone.localdate() + timedelta(days=30)
    form = {"account": "twilio ", "monthly": "1.15", "currency": "USD", "valid_from": today}
    assert client.post("/prices/", form)["Location"] == "/prices/"
    assert "Price saved: $1.15 a month (Twilio)." in client.get("/prices/").text
    client.post("/prices/", form | {"monthly": "2", "valid_from": later})
    client.post("/prices/", form | {"account": "twilio main", "monthly": "3"})
    text = client.get("/prices/").text
    for words in ("Current", "Upcoming", "$1.15", "$2.00", "Main", "ada"):
        assert words in text
    own = price_of(telephony_provider="twilio", telephony_account_connection="main")
    other = price_of(telephony_provider="twilio", telephony_account_connection="else")
    assert (str(own.monthly), str(other.monthly)) == ("3.00", "1.15")
    assert len(price_table()) == 2
    coming = Price.objects.get(valid_from=later)
    begun = Price.objects.get(monthly="1.15")
    client.post(f"/prices/{coming.pk}/remove/")
    client.post(f"/prices/{begun.pk}/remove/")
    assert [str(price.monthly) for price in Price.objects.order_by("pk")] == ["1.15", "3.00"]
    events = Event.objects.filter(action="price.changed").order_by("pk")
    assert {event.actor for event in events} == {ada}
    assert [bool(event.after) for event in events] == [True, True, True, False]
    assert events[0].after["valid_from"] == today.isoformat()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"monthly": "-1"}, "monthly"),
        ({"monthly": "NaN"}, "monthly"),
        ({"monthly": "1.234"}, "monthly"),
        ({"account": "acme "}, "account"),
        ({"currency": "XXX"}, "currency"),
        ({"valid_from": "2026-01-01"}, "valid_from"),
        ({"valid_from": "soon"}, "valid_from"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused_beside_its_field(client, ada, fields, field):
    form = {"account": "twilio ", "monthly": "1", "currency": "USD", "valid_from": timezone.localdate()}
    answer = client.post("/prices/", form | fields)
    assert (answer.status_code, f'id="id_{field}_error"' in answer.text) == (422, True)
    assert not Price.objects.exists()
