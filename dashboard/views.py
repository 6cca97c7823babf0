from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template import loader
from django.views import csrf
from django.views.decorators.http import require_safe


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Says why, as far as whoever refused has said so; the history is told the same.

    An htmx request reloads its page, which shows the reason and what may still be done.
    """
    request.denied = str(exception) or "The account has no permission for this."
    response = render(request, "403.html", {"reason": request.denied}, status=403)
    if request.htmx:
        messages.error(request, f"{request.denied} Nothing was changed.", fail_silently=True)
        response["HX-Refresh"] = "true"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's own answer; the history is told why."""
    request.denied = f"The form was not one of ours, or too old. {reason}"
    return csrf.csrf_failure(request, reason)


def server_error(request: HttpRequest) -> HttpResponse:
    """Nothing of what went wrong but the id under which the log has it."""
    text = loader.get_template("500.html").render({"request_id": getattr(request, "id", "")})
    return HttpResponseServerError(text)
