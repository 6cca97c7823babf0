from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseServerError
from django.shortcuts import render
from django.template import loader
from django.views.decorators.http import require_safe

from . import causes
from .htmx import Request


@require_safe
@login_not_required
def healthz(request: Request) -> HttpResponse:
    """200 while this process answers."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def denied(request: Request, exception: Exception) -> HttpResponse:
    """Says why, as far as the refusal said so; the history is told the same.

    An htmx request reloads its page, which shows the reason and what may still be done.
    """
    request.denied = str(exception) or "The account has no permission for this."
    response = render(request, "403.html", {"reason": request.denied}, status=403)
    if request.htmx:
        messages.error(request, f"{request.denied} Nothing was changed.", fail_silently=True)
        response["HX-Refresh"] = "true"
    return response


def csrf_failure(request: Request, reason: str = "") -> HttpResponse:
    """Say why, as far as that is known; the history is told, too."""
    request.denied = f"The form was invalid or too old. {reason}"
    context = {"cause": causes.of_refused_form(request, reason)}
    return render(request, "403_csrf.html", context, status=403)


def bad_request(request: Request, exception: Exception) -> HttpResponse:
    """Without the frame of our pages: the name that was asked for may be none of ours."""
    cause = causes.of_wrong_name(request) if isinstance(exception, DisallowedHost) else ""
    return HttpResponseBadRequest(loader.get_template("400.html").render({"cause": cause}))


def server_error(request: Request) -> HttpResponse:
    """Nothing of what went wrong but the id under which the log has it."""
    text = loader.get_template("500.html").render({"request_id": getattr(request, "id", "")})
    return HttpResponseServerError(text)
