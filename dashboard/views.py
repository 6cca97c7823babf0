from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.template import loader
from django.views import csrf
from django.views.decorators.http import require_safe


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's own answer; the history is told why."""
    request.denied = f"The form was not one of ours, or too old. {reason}"
    return csrf.csrf_failure(request, reason)


def server_error(request: HttpRequest) -> HttpResponse:
    """Nothing of what went wrong but the id under which the log has it."""
    text = loader.get_template("500.html").render({"request_id": getattr(request, "id", "")})
    return HttpResponseServerError(text)
