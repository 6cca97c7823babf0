"""Messages in a cookie that browsers take from this host alone."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookies(CookieStorage):
    cookie_name = "messages" if settings.LOCAL_ONLY else "__Host-messages"


class Messages(FallbackStorage):
    """Django's own: in a cookie, and where that gets too long in the session."""

    storage_classes = (HostCookies, SessionStorage)
