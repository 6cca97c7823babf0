"""The Fluents client of this process, made from the settings."""

import threading
import time

from django.conf import settings

from .. import fluents

_local = threading.local()
PROBE_SECONDS = 60.0


def client() -> "fluents.Client":
    """One client a thread: sessions are not made for sharing. Made anew when the settings change."""
    key = (
        settings.FLUENTS_API_URL,
        settings.FLUENTS_API_TOKEN,
        settings.FLUENTS_CONNECT_TIMEOUT,
        settings.FLUENTS_READ_TIMEOUT,
    )
    if getattr(_local, "key", None) != key:
        url, token, connect, read = key
        _local.client = fluents.Client(base_url=url, token=token, timeout=(connect, read))
        _local.key, _local.probed = key, None
    return _local.client


def hasty_client() -> "fluents.Client":
    """A client for a page that somebody waits for: it gives up soon and tries nothing twice."""
    return fluents.Client(
        base_url=settings.FLUENTS_API_URL,
        token=settings.FLUENTS_API_TOKEN,
        timeout=(min(1.0, settings.FLUENTS_CONNECT_TIMEOUT), min(2.0, settings.FLUENTS_READ_TIMEOUT)),
        retries=0,
    )


def can_look_up() -> bool:
    """Whether owned numbers can be listed here; asked again after a minute. Raises FluentsError."""
    api = client()
    if not _local.probed or time.monotonic() - _local.probed[0] > PROBE_SECONDS:
        _local.probed = (time.monotonic(), api.has_list())
    return _local.probed[1]
