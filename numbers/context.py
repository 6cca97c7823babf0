from django.conf import settings
from django.http import HttpRequest

from .models import Line, Number
from .services import gate
from .states import LineState


def frame(request: HttpRequest) -> dict:
    """What the frame of every page shows: the gate, and what waits for a person."""
    if not getattr(request, "user", None) or not request.user.is_authenticated or request.htmx:
        return {}
    return {
        "gate": gate.current(),
        "token_missing": not settings.FLUENTS_API_TOKEN,
        "review_count": Line.objects.filter(state=LineState.REVIEW).count(),
        "unassigned_count": Number.objects.unassigned().count(),
    }
