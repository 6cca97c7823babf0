"""Figures for Prometheus."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from dashboard.addresses import networks, read_address
from dashboard.htmx import Request


@require_safe
@login_not_required
def metrics(request: Request) -> HttpResponse:
    """Figures for Prometheus, for those who may read them."""
    from numbers.services.monitoring.metrics import CONTENT_TYPE, exposition  # noqa: PLC0415 -- most processes never need it

    if not may_read(request):
        words = "Send METRICS_TOKEN as a bearer token, or use an address in METRICS_ADDRESSES.\n"
        return HttpResponse(words, status=403, content_type="text/plain; charset=utf-8")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE)


def may_read(request: Request) -> bool:
    """By the token, or by address; what comes through a proxy has the proxy's, so there the token counts."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme == "Bearer":
        return constant_time_compare(given, settings.METRICS_TOKEN)
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    address = read_address(request.META.get("REMOTE_ADDR", ""))
    allowed = networks(frozenset(settings.METRICS_ADDRESSES))
    return address is not None and any(address in network for network in allowed)
