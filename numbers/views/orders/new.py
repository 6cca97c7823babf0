"""From the purchase form, or a file, over the confirming step to the order."""

import re
from decimal import Decimal
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.door import confirm_first
from dashboard.htmx import HtmxHttpRequest, render_partial

from ..areas import areas
from ..forms import MOST_ROWS, PurchaseForm, WantListForm, new_form_token, read_form_token, typed_rows
from ..models import Agent, Connection, Draft, Order
from ..phone import to_e164
from ..services import approving, wants
from ..services.finding import idle_in
from ..services.history import By
from ..services.placing import (
    Cost,
    NotPlaced,
    OverLimit,
    PriceChanged,
    check_limits,
    estimate,
    limits,
    place_order,
)
from ..services.wantlist import COLUMNS, TEMPLATE, Mistake, read_wants
from . import exchange
from .finding import found

FORM, CONFIRM, UPLOAD = (
    f"numbers/{name}.html" for name in ("purchase_form", "purchase_confirm", "purchase_upload")
)
COST = re.compile(r"none|(\d{1,12}(?:\.\d{1,4})?)/(\d{1,12}(?:\.\d{1,4})?)/([A-Z]{3})", re.ASCII)


@require_http_methods(["GET", "HEAD", "POST"])
def order_new(request: HtmxHttpRequest) -> HttpResponse:
    """The purchase form; a valid one leads to the confirming step, and that one to the order."""
    if request.method != "POST":
        return opened(request)
    if {"providers", "add", "remove", "pick"} & set(request.POST):
        return unsent(request, edited(request.POST))
    if "draft" in request.POST:
        return buy_draft(request)
    form = PurchaseForm(request.POST, user=request.user)
    if form.is_valid() and "confirmed" in request.POST:
        return buy(request, form)
    if form.is_valid() and within_limits(request, form):
        # The confirming step is a page of its own, so that reloading and going back are harmless.
        return redirect(address(draft_of_form(request, form)))
    return render(request, FORM, {"form": form}, status=422)


def opened(request: HtmxHttpRequest) -> HttpResponse:
    """What an address of this page shows: a review, a form to change, something found, or a new form."""
    for name in ("draft", "change"):
        if name not in request.GET:
            continue
        if draft := wants.draft_of(request.user, request.GET[name]):
            return confirm(request, draft) if name == "draft" else unsent(request, typed(draft))
        if name == "draft":
            messages.warning(request, "This review is not there any more. Nothing was bought. Start again.")
            return render(request, FORM, {"form": PurchaseForm(user=request.user)}, status=422)
    return unsent(request, request.GET.dict())


def unsent(request: HtmxHttpRequest, values: dict) -> HttpResponse:
    """A form that nobody has sent yet with VALUES in it, or the part of the page that htmx asks for."""
    form = PurchaseForm(initial=values, user=request.user, provider=values.get("telephony_provider", ""))
    context = {"form": form, "found": found(request.GET), "focus": values.get("focus")}
    target = request.htmx.target if request.htmx else ""
    partial = target if target in ("connection-field", "found") else "rows"
    return render_partial(request, FORM, context, partial=partial)


def edited(data) -> dict:
    """What was typed, with a row more or less, or with an area or a number that was picked."""
    rows = typed_rows(data)
    blank = {"inbound_agent": rows[-1].get("inbound_agent", "")}
    at = len(rows)
    if "add" in data and len(rows) < MOST_ROWS:
        rows.append(blank)
        at = len(rows)
    elif "remove" in data:
        rows = [row for n, row in enumerate(rows, start=1) if str(n) != data["remove"]] or [blank]
        at = len(rows)
    elif "pick" in data:
        at = picked(rows, data["pick"], blank)
    return {
        **{name: data.get(name, "") for name in ("telephony_provider", "telephony_account_connection")},
        **{name if n == 1 else f"{name}-{n}": v for n, row in enumerate(rows, 1) for name, v in row.items()},
        "focus": at,
    }


def picked(rows: list[dict], pick: str, blank: dict) -> int:
    """Put an area code or a number into the first row that names neither; which row that is."""
    field = "area_code" if pick in areas() else "phone_number"
    pick = pick if field == "area_code" else to_e164(pick[:20])
    empty = (n for n, row in enumerate(rows) if not (row.get("area_code") or row.get("phone_number")))
    at = next(empty, len(rows))
    if at == len(rows):
        if len(rows) >= MOST_ROWS:
            return at
        rows.append(dict(blank))
    rows[at][field] = pick
    if field == "phone_number":
        rows[at]["quantity"] = "1"
    return at + 1


def within_limits(request: HttpRequest, form: PurchaseForm) -> bool:
    """Whether the order may be placed at the moment; if not, FORM says why."""
    wanted = form.wanted()
    quantity = wants.count_of(wanted["wants"])
    try:
        check_limits(by=By.person(request.user), quantity=quantity, cost=cost_of(wanted, quantity).total)
    except OverLimit as error:
        form.add_error("quantity", str(error))
        return False
    return True


def cost_of(account: dict, quantity: int) -> Cost:
    names = ("telephony_provider", "telephony_account_connection")
    return estimate(**{name: account[name] for name in names}, quantity=quantity)


def address(draft: Draft) -> str:
    return f"{reverse('order-new')}?draft={draft.pk}"


def typed(draft: Draft) -> dict:
    """DRAFT as it would stand in the form."""
    values = {name: getattr(draft, name) for name in ("telephony_provider", "telephony_account_connection")}
    for n, want in enumerate(draft.wants[:MOST_ROWS], start=1):
        want = want | {"tags": ", ".join(want["tags"]), "quantity": str(want["quantity"])}
        values |= {name if n == 1 else f"{name}-{n}": value for name, value in want.items()}
    return values


def confirm(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Show exactly what will be bought and what it will cost, before anything is written."""
    rows = wants.wants_of(draft)
    quantity = wants.count_of(rows)
    cost = cost_of(vars(draft), quantity)
    agents = Agent.objects.filter(api_id__in={want.inbound_agent for want in rows})
    by_id = {agent.api_id: agent for agent in agents}
    context = {
        "draft": draft,
        "rows": [{"want": want, "agent": by_id.get(want.inbound_agent)} for want in rows],
        "quantity": quantity,
        "what": wants.in_words([(want.area_code, want.quantity) for want in rows]),
        "plain": typed(draft) if len(rows) == 1 else None,
        "connection": Connection.objects.filter(api_id=draft.telephony_account_connection).first(),
        "cost_once": cost.once,
        "cost_monthly": cost.monthly,
        "currency": cost.currency,
        "approval": approving.why_asked(quantity=quantity, cost=cost.total),
        "shown": "none" if cost.once is None else f"{cost.once}/{cost.monthly}/{cost.currency}",
        "limits": limits(by=By.person(request.user)),
        "idle": sorted(idle_in(want.area_code for want in rows).items()),
        "obstacles": wants.obstacles(draft),
        "few": len(rows) <= MOST_ROWS,
    }
    return render(request, CONFIRM, context)


def shown(request: HttpRequest) -> Cost | None:
    """The estimate that the confirming step showed; None where the sender looked at none."""
    if not (seen := COST.fullmatch(request.POST.get("shown", ""))):
        return None
    return Cost(once=Decimal(seen[1]), monthly=Decimal(seen[2]), currency=seen[3]) if seen[1] else Cost()


def buy(request: HttpRequest, form: PurchaseForm) -> HttpResponse:
    """Place the order of a form that was confirmed."""
    if wants.count_of(form.wants()) > settings.REAUTH_LINES:
        confirm_first(request)
    try:
        placed = place_order(by=By.person(request.user, request.id), shown=shown(request), **form.wanted())
    except PriceChanged as error:
        return look_again(request, draft_of_form(request, form), error)
    except NotPlaced as error:
        form.add_error("quantity", str(error))
        return render(request, FORM, {"form": form}, status=422)
    return to_order(request, *placed)


def buy_draft(request: HttpRequest) -> HttpResponse:
    """Place the order that a draft keeps, exactly as it was shown."""
    draft = wants.draft_of(request.user, request.POST["draft"])
    if not draft or "confirmed" not in request.POST:
        return redirect(f"{reverse('order-new')}?{urlencode({'draft': request.POST['draft'][:40]})}")
    if wants.count_of(wants.wants_of(draft)) > settings.REAUTH_LINES:
        confirm_first(request)
    try:
        key = read_form_token(draft.form_token, request.user.pk)
        if not (order := Order.objects.filter(form_token=key).first()) and wants.obstacles(draft):
            return confirm(request, draft)
        placed = (
            (order, False)
            if order
            else place_order(
                by=By.person(request.user, request.id),
                form_token=key,
                telephony_provider=draft.telephony_provider,
                telephony_account_connection=draft.telephony_account_connection,
                wants=wants.wants_of(draft),
                shown=shown(request),
                again_of=draft.again_of,
            )
        )
    except (NotPlaced, ValidationError) as error:
        return look_again(request, draft, error)
    return to_order(request, *placed)


def look_again(request: HttpRequest, draft: Draft, error: Exception) -> HttpResponse:
    """Back to the confirming step, which shows what is true now."""
    text = " ".join(error.messages) if isinstance(error, ValidationError) else f"{error} Nothing was ordered."
    messages.warning(request, text)
    return redirect(address(draft))


def to_order(request: HttpRequest, order: Order, created: bool) -> HttpResponse:
    """The same form sent twice leads to the order that it made the first time."""
    if not created:
        messages.info(request, "This form was sent before. Here is its order; nothing was ordered again.")
    return redirect(order)


# --- From a file ----------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def wants_upload(request: HtmxHttpRequest) -> HttpResponse:
    """A CSV file of wants leads to the confirming step, once there is no mistake in it."""
    if request.method != "POST":
        form = WantListForm(provider=request.GET.get("telephony_provider", "")[:50])
        return render_partial(
            request, UPLOAD, {"form": form, "most": settings.MAX_LINES_PER_ORDER}, partial="connection-field"
        )
    form = WantListForm(request.POST, request.FILES)
    mistakes: list[Mistake] = []
    if form.is_valid():
        rows, mistakes = read_wants(form.cleaned_data["file"])
        if not mistakes and not (mistakes := over_limit(request, form, rows)):
            return redirect(address(draft_of_file(request, form, rows)))
    return render(
        request,
        UPLOAD,
        {"form": form, "mistakes": mistakes, "most": settings.MAX_LINES_PER_ORDER},
        status=422,
    )


def over_limit(request: HttpRequest, form: WantListForm, rows: list[wants.Want]) -> list[Mistake]:
    quantity = wants.count_of(rows)
    try:
        cost = cost_of(form.cleaned_data, quantity).total
        check_limits(by=By.person(request.user), quantity=quantity, cost=cost)
    except OverLimit as error:
        return [Mistake(text=str(error))]
    return []


def draft_of_file(request: HttpRequest, form: WantListForm, rows: list[wants.Want]) -> Draft:
    data = form.cleaned_data
    return wants.keep_draft(
        owner=request.user,
        form_token=new_form_token(request.user.pk),
        telephony_provider=data["telephony_provider"],
        telephony_account_connection=data["telephony_account_connection"],
        wants=rows,
        source=data["file"].name,
    )


def draft_of_form(request: HttpRequest, form: PurchaseForm) -> Draft:
    token = {"form_token": form.cleaned_data["form_token"]}
    return wants.keep_draft(owner=request.user, **form.wanted() | token)


@require_safe
def wants_template(request: HttpRequest) -> HttpResponse:
    """An example of a CSV file of wants, to be filled in."""
    rows = [{name: row.get(name, "") for name in COLUMNS} for row in TEMPLATE]
    return exchange.as_csv(rows, list(COLUMNS), "lines-to-buy.csv")
