import json

from django.conf import settings
from django.http import HttpRequest


def frame(request: HttpRequest) -> dict:
    """What the frame of every page needs of the settings."""
    return {"htmx_config": json.dumps(settings.HTMX_CONFIG), "fluents_live": settings.FLUENTS_LIVE}
