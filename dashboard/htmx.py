"""One way to answer htmx: the page's own URL, and the partial that the page's template owns."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    htmx: HtmxDetails


def render_partial(
    request: HtmxHttpRequest, template: str, context: dict, *, partial: str, status: int = 200
) -> HttpResponse:
    """The page TEMPLATE, or only its PARTIAL when htmx will put the answer into the element of that id.

    The server names the partial; a request can only match it or not.
    """
    if request.htmx and request.htmx.target == partial:
        template = f"{template}#{partial}"
    return render(request, template, context, status=status)
