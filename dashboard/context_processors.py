import json

from django.conf import settings
from django.http import HttpRequest

from .middleware import is_address


def frame(request: HttpRequest) -> dict:
    """What the frame of every page needs of the settings."""
    host = request.META.get("HTTP_HOST", "").rsplit(":", 1)[0]
    return {
        "htmx_config": json.dumps(settings.HTMX_CONFIG),
        "fluents_live": settings.FLUENTS_LIVE,
        "mfa_required": settings.REQUIRE_MFA,
        "passkeys": not is_address(host.strip("[]")),  # browsers bind them to a name, never to an address
    }
