import json
from urllib.parse import urlsplit

from django.conf import settings

from . import causes
from .addresses import read_address
from .htmx import Request
from .middleware import polls


def frame(request: Request) -> dict:
    """What the frame of every page needs of the settings."""
    host = request.META.get("HTTP_HOST", "").rsplit(":", 1)[0]
    return {
        "polled": polls(request),
        "htmx_config": json.dumps(settings.HTMX_CONFIG),
        "fluents_live": settings.FLUENTS_LIVE,
        # Whether it costs nothing there is more than we know: the address alone proves no sandbox.
        "fluents_foreign": urlsplit(settings.FLUENTS_API_URL).hostname not in settings.LOOPBACK,
        "no_cookie": causes.of_no_cookie(request) if request.path.startswith("/accounts/") else "",
        "mfa_required": settings.REQUIRE_MFA,
        "sso_name": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        "sso_only": settings.OIDC_ONLY and bool(settings.OIDC_ISSUER),
        "passkeys": not read_address(host.strip("[]")),  # browsers bind them to a name, never to an address
    }
