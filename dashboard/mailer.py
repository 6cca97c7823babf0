"""What EMAIL_URL means to Django."""

from urllib.parse import unquote

import environ
from django.core.exceptions import ImproperlyConfigured

#: Each scheme with whether it speaks TLS from the start, after STARTTLS, and its port.
SCHEMES = {
    "smtp": (False, False, 25),
    "smtp+tls": (False, True, 587),
    "smtps": (True, False, 465),
    "smtp+ssl": (True, False, 465),
}
FORM = "EMAIL_URL must look like smtp+tls://name:password@host:587 or smtps://name:password@host:465."


def mailer(url: str) -> dict:
    """Django's entry of MAILERS for `url`. A password may hold any sign, as it is or as %23.

    Raises ImproperlyConfigured, which names the setting and quotes nothing of it.
    """
    scheme, marked, rest = url.partition("://")
    if scheme not in SCHEMES:
        if not marked or "@" in rest:
            raise ImproperlyConfigured(FORM)
        return {"BACKEND": environ.Env.email_url_config(url)["EMAIL_BACKEND"]}
    credentials, _, place = rest.rpartition("@")
    user, _, password = credentials.partition(":")
    host, _, port = place.rstrip("/").partition(":")
    use_ssl, use_tls, usual = SCHEMES[scheme]
    if not host or not set(host) <= HOST or not (port.isdigit() or not port):
        raise ImproperlyConfigured(FORM)
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": host,
            "port": int(port or usual),
            "username": unquote(user),
            "password": unquote(password),
            "use_tls": use_tls or port == "587",
            "use_ssl": use_ssl,
            "timeout": 20,
        },
    }


HOST = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
