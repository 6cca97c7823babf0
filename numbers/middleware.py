"""Who may come in where; and the history learns where each request came from and which ones were refused."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.encoding import escape_uri_path

from .accounts import REQUEST
from .roles import Right, may, methods, refusal
from .services.history import ADDRESS, By, record

ACCOUNTS = "accounts/"  # one's own log-in, password and second factors: open to everybody who is in

Handler = Callable[[HttpRequest], HttpResponse]


def tell_the_history(get_response: Handler) -> Handler:
    """Events carry the address of the request at hand; what a person may not do becomes an event.

    Strangers are sent to the log-in without one: they could fill the history at will.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        token, here = ADDRESS.set(request.address), REQUEST.set(request)
        try:
            response = get_response(request)
            if response.status_code == 403 and request.user.is_authenticated:
                record(
                    action="access.denied",
                    by=By.person(request.user, request.id),
                    reason=getattr(request, "denied", "The account has no permission for this."),
                    after={"method": request.method, "path": escape_uri_path(request.path)[:200]},
                )
            return response
        finally:
            ADDRESS.reset(token)
            REQUEST.reset(here)

    return middleware


def roles(get_response: Handler) -> Handler:
    """Nobody gets to a view without the right that its page asks for, whatever the page shows or hides."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    middleware.process_view = look_up
    return middleware


def look_up(request: HttpRequest, view: Handler, args: tuple, kwargs: dict) -> HttpResponse | None:
    """Refuse what the table does not allow, and all that it does not know."""
    page = request.resolver_match
    if not getattr(view, "login_required", True) or page.route.startswith(ACCOUNTS):
        return None
    if page.app_names[:1] == ["admin"]:
        return demand(request, Right.MANAGE)
    allowed = methods(page.view_name)
    if allowed and request.method not in allowed:
        return HttpResponseNotAllowed(allowed)
    return demand(request, allowed.get(request.method))


def demand(request: HttpRequest, right: Right | None) -> None:
    """Raise what becomes a page that says who may do this, unless this person may."""
    if right is None or not may(request.user, right):
        raise PermissionDenied(refusal(request.user, right))
