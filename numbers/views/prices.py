"""/prices/: our own price table, on which every estimate rests."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers.currencies import priced
from numbers.forms.orders import PROVIDER_NAMES
from numbers.forms.prices import PriceForm
from numbers.models import Price
from numbers.services.audit.events import Actor
from numbers.services.orders.prices import PastPrice, WrongPrice, price_table, remove_price, set_price


@freshly
def prices(request: Request) -> HttpResponse:
    """Every price with the days on which it counts; POST adds one."""
    form = PriceForm(request.POST or None)
    if form.is_valid():
        try:
            price = set_price(by=Actor.person(request.user, request.id), **form.price())
        except WrongPrice as error:
            form.add_error("valid_from" if isinstance(error, PastPrice) else None, str(error))
        else:
            whose = PROVIDER_NAMES.get(price.telephony_provider, price.telephony_provider)
            messages.success(
                request, f"Price saved: {priced(price.monthly, price.currency)} a month ({whose})."
            )
            return redirect("prices")
    return render(
        request, "numbers/prices.html", {"form": form, "rows": rows()}, status=422 if form.errors else 200
    )


def rows() -> list[dict]:
    """Every price, the newest of an account first: in force, to come, or replaced."""
    current, today = {price.pk for price in price_table().values()}, timezone.localdate()
    found = Price.objects.select_related("connection")
    return [
        {
            "price": price,
            "state": "now" if price.pk in current else "later" if price.valid_from > today else "past",
        }
        for price in found.order_by("telephony_provider", "connection__label", "connection", "-valid_from")
    ]


@require_POST
@freshly
def price_remove(request: Request, pk: int) -> HttpResponse:
    """Take back a price that has not begun."""
    if remove_price(by=Actor.person(request.user, request.id), price_id=pk):
        messages.success(request, "Price removed.")
    else:
        messages.error(
            request, "This price is already in effect, so it can't be removed. Set a new one instead."
        )
    return redirect("prices")
