"""The history learns where each request came from, and which ones were refused."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .services.history import ADDRESS, By, record

Handler = Callable[[HttpRequest], HttpResponse]


def tell_the_history(get_response: Handler) -> Handler:
    """Events carry the address of the request at hand; what a person may not do becomes an event.

    Strangers are sent to the log-in without one: they could fill the history at will.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        token = ADDRESS.set(request.address)
        try:
            response = get_response(request)
            if response.status_code == 403 and request.user.is_authenticated:
                record(
                    action="access.denied",
                    by=By.person(request.user, request.id),
                    reason=getattr(request, "denied", "The account has no permission for this."),
                    after={"method": request.method, "path": request.path[:200]},
                )
            return response
        finally:
            ADDRESS.reset(token)

    return middleware
