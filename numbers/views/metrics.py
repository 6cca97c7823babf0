"""For machines that watch over this one: whether pages can be served, and how the buying goes."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from ..services.observing import readiness


@require_safe
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while pages can be served: the database answers and is migrated. Else 503."""
    ready, told = readiness()
    return JsonResponse(told, status=200 if ready else 503)


@require_safe
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, for those who may read them."""
    from ..metrics import CONTENT_TYPE, exposition  # noqa: PLC0415 -- most processes never need it

    if not may_read(request):
        words = "Show METRICS_TOKEN as a bearer token, or come from METRICS_ADDRESSES.\n"
        return HttpResponse(words, status=403, content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def may_read(request: HttpRequest) -> bool:
    """By the token, or by address; what comes through a proxy has the proxy's, so there the token counts."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme == "Bearer":
        return constant_time_compare(given, settings.METRICS_TOKEN)
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ip_network(network) for network in settings.METRICS_ADDRESSES)
