"""All orders, newest first, by tab, words, person and days."""

from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from dashboard.htmx import Request, render_partial
from numbers.db.pagination import Page
from numbers.forms.filters import OrdersForm
from numbers.listing.orders import MANY, Tab, Viewer, Wanted, tab_counts, wanted
from numbers.models import Line, Order
from numbers.permissions import rights_of
from numbers.services.orders.summary import OrderSummary, summaries
from numbers.states import ApprovalState

PEOPLE = 200  # names to choose from


@require_safe
def order_list(request: Request) -> HttpResponse:
    """Orders with how far each one is."""
    tab = Tab(request.GET["tab"]) if request.GET.get("tab") in Tab.values else Tab.ALL
    viewer = Viewer(user_id=request.user.pk, rights=rights_of(request.user))
    form, approvals = OrdersForm(request.GET), request.GET.get("approval") == ApprovalState.WAITING
    page = asked_for(tab, viewer, form, approvals=approvals).page(request.GET)
    context = {
        "page": page,
        "summaries": with_firsts(page),
        "approvals": approvals,
        "tab": tab,
        "form": form,
        "filtered": form.is_filled,
    }
    response = render_partial(
        request, "numbers/orders/list.html", context | tools(request, viewer), partial="orders"
    )
    if request.htmx and request.htmx.trigger == "order-filters":
        push_url(response, address(request, tab))
    return response


def asked_for(tab: Tab, viewer: Viewer, form: OrdersForm, *, approvals: bool) -> Wanted:
    """The orders that the address asks for; or those alone that wait for approval, of old addresses."""
    if approvals:
        return Wanted(orders=Order.objects.filter(approval=ApprovalState.WAITING))
    form.is_valid()
    asked = form.cleaned_data
    return wanted(
        tab,
        viewer,
        q=asked.get("q", ""),
        person=asked.get("person", ""),
        first=asked.get("from"),
        last=asked.get("to"),
    )


def tools(request: Request, viewer: Viewer) -> dict:
    """What stands around the rows, which htmx leaves where it is: tabs with their counts, and who ordered."""
    if request.htmx:
        return {}
    people = get_user_model().objects.order_by("username").values_list("username", flat=True)[:PEOPLE]
    return {"people": list(people), "tabs": tab_counts(viewer), "many": MANY}


def with_firsts(page: Page) -> list[OrderSummary]:
    """The orders of `page`, summed up, each with its first line."""
    firsts = Line.objects.filter(order__in=[order.pk for order in page], position=1).select_related(
        "connection", "agent"
    )
    first_lines = {line.order_id: line for line in firsts}
    found = summaries(page.rows)
    for summary in found:
        summary.first = first_lines.get(summary.order.pk)
    return found


def address(request: Request, tab: Tab) -> str:
    """Where the filters of this request are at, without those that are empty."""
    given = {name: value for name in ("q", "person", "from", "to") if (value := request.GET.get(name))}
    query = urlencode({**({"tab": str(tab)} if tab else {}), **given})
    return f"{request.path}?{query}" if query else request.path
