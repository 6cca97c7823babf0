"""Views that are imported late: all of them are there, and the first page does without most of them."""

import subprocess
import sys

from allauth.mfa import urls as mfa_urls
from django.urls import URLPattern, URLResolver, get_resolver

from dashboard import urls
from dashboard.later import LaterView
from tests.stack import ROOT

LATE = {"requests", "cryptography", "fido2", "phonenumbers", "numbers.views.basket", "allauth.mfa.totp.views"}


def patterns(found: list, prefix: str = "") -> dict[str, URLPattern]:
    """All below FOUND by their whole address."""
    known: dict[str, URLPattern] = {}
    for one in found:
        address = prefix + str(one.pattern)
        known |= patterns(one.url_patterns, address) if isinstance(one, URLResolver) else {address: one}
    return known


def test_every_view_is_there():
    found = {address: pattern.callback for address, pattern in patterns(urls.urlpatterns).items()}
    assert {"orders/new/", "accounts/2fa/"} < set(found)
    late = {address: view.view if isinstance(view, LaterView) else view for address, view in found.items()}
    assert [address for address, view in late.items() if not callable(view)] == []


def test_second_factors_have_the_addresses_that_allauth_gives_them():
    theirs, ours = patterns(mfa_urls.urlpatterns), patterns(urls.second_factors)
    assert {a: p.name for a, p in ours.items()} == {a: p.name for a, p in theirs.items()}
    for address, pattern in ours.items():
        assert pattern.callback.view is theirs[address].callback


def test_addresses_are_known_without_the_views():
    code = (
        "import sys; from dashboard.wsgi import application; from django.urls import reverse;"
        "reverse('order-new'), reverse('mfa_index'); print(*sys.modules)"
    )
    env = {"SECRET_KEY": "x" * 50, "DATABASE_URL": "sqlite:///:memory:", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert LATE & set(done.stdout.split()) == set()
    assert get_resolver().reverse_dict
