"""One search over everything: what the palette shows, and the same as a page."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from dashboard.htmx import Request, render_partial
from numbers.listing.palette import groups_for, target, understood
from numbers.listing.search import LONGEST_PASTE


@require_safe
def find(request: Request) -> HttpResponse:
    """What the text finds. Sent as a form, a whole number or the reference of an order opens its page."""
    text = understood(request.GET.get("q", "")[:LONGEST_PASTE])
    if not request.htmx and text and (url := target(text)):
        return redirect(url)
    groups = groups_for(text, user=request.user)
    context = {"q": text, "groups": groups, "count": sum(len(group.options) for group in groups)}
    return render_partial(request, "numbers/find.html", context, partial="palette-results")
