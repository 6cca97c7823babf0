"""What EMAIL_URL may look like."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashboard.mailer import mailer


@pytest.mark.parametrize("password", ["pa#ss", "pa?ss", "pa/ss", "pa@ss", "pa:ss", "pa%23ss", "p%2Fa"])
def test_a_password_may_hold_any_sign(password):
    found = mailer(f"smtp+tls://staff%40example.com:{password}@mail.example.com:587")["OPTIONS"]
    assert found["password"] == password.replace("%23", "#").replace("%2F", "/")
    assert (found["username"], found["host"], found["port"]) == (
        "staff@example.com",
        "mail.example.com",
        587,
    )


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://localhost:25", 25, False, False),
        ("smtp://name:secret@mail.example.com:587", 587, True, False),
        ("smtp+tls://name:secret@mail.example.com", 587, True, False),
        ("smtps://name:secret@mail.example.com:465", 465, False, True),
        ("smtps://name:secret@mail.example.com/", 465, False, True),
        ("smtp+ssl://name:secret@mail.example.com:465", 465, False, True),
    ],
)
def test_each_way_to_speak_tls(url, port, tls, ssl):
    found = mailer(url)["OPTIONS"]
    assert (found["port"], found["use_tls"], found["use_ssl"]) == (port, tls, ssl)


@pytest.mark.parametrize(
    "url",
    [
        "smtp+tls:name:secret@mail.example.com",
        "mail://name:secret@mail.example.com",
        "smtp+tls://name:secret@",
        "smtp+tls://name:secret@mail.example.com:port",
        "smtp+tls://name:secret@mail example.com:587",
        "name:secret@mail.example.com",
    ],
)
def test_what_is_no_such_address_names_the_setting_and_quotes_nothing(url):
    with pytest.raises(ImproperlyConfigured) as error:
        mailer(url)
    assert str(error.value).startswith("EMAIL_URL must look like")
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
