"""The request as our middleware leaves it, and one way to answer htmx."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import trigger_client_event
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """A request inside our middleware: all but the addresses for machines come from somebody logged in."""

    user: User  # AnonymousUser where a view needs no log-in
    htmx: HtmxDetails
    id: str  # also in the log, the history and the answer
    address: str  # of the client, behind trusted proxies
    denied: str  # why it was refused, set by the code that refused it
    refusal_told: bool  # whether the history has that already
    provider_mfa: bool  # whether the provider of a single sign-on has asked for a second factor
    seen: str  # what a page has seen, at which its polls begin; of a poll: what its answer will have seen
    held: frozenset[str]  # of a poll: sums of what its page has, unless all of it has to be made anew
    kept: dict  # what was read for frames since anything has changed (`numbers.db.news`)
    logged_in: str  # the user name, where this request logged somebody in


def render_partial(
    request: Request, template: str, context: dict, *, partial: str, status: int = 200
) -> HttpResponse:
    """The page `template`, or only its `partial` when htmx will put the answer into the element of that id.

    The server names the partial; a request can only match it or not.
    """
    if request.htmx and request.htmx.target == partial:
        template = f"{template}#{partial}"
    return render(request, template, context, status=status)


def tell(response: HttpResponse, text: str, *, undo: str = "") -> HttpResponse:
    """response, at which the page says text for a while; undo is the address that takes it back, if any."""
    return trigger_client_event(response, "told", {"text": text, "undo": undo})
