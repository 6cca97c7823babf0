"""From the purchase form, or a file, over the confirming step to the order."""

import re
from contextlib import suppress
from decimal import Decimal
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.accounts.views import confirm_first
from dashboard.htmx import Request, render_partial
from numbers.forms import line_proofs
from numbers.forms.orders import (
    ACCOUNT_FIELDS,
    MOST_ROWS,
    ROW_FIELD,
    PurchaseForm,
    WantListForm,
    new_form_token,
    read_form_token,
    typed_rows,
)
from numbers.forms.unfinished import keep_unfinished
from numbers.listing.area_search import found
from numbers.listing.downloads import as_csv
from numbers.listing.row_hint import hint_of
from numbers.models import Agent, Connection, Draft, Order, TypedForm
from numbers.services.audit.events import Actor
from numbers.services.calls.proofs import NotTested
from numbers.services.monitoring.ailments import of_buying
from numbers.services.orders import items as wants
from numbers.services.orders.availability import idle_in
from numbers.services.orders.budgets import standings
from numbers.services.orders.csv_import import COLUMNS, TEMPLATE, Mistake, read_wants
from numbers.services.orders.limits import NotPlaced, OverLimit, check_limits, limits
from numbers.services.orders.line_proofs import NotProvable
from numbers.services.orders.placement import NotConfirmed, PriceChanged, place_order, why_waits
from numbers.services.orders.prices import Cost, estimate
from numbers.services.orders.typed_forms import forget_typed, typed_by
from numbers.services.typed_values import Unreadable, read_quantity
from numbers.telephony.area_codes import areas
from numbers.telephony.phone import to_e164

FORM, CONFIRM, UPLOAD = (f"numbers/orders/{name}.html" for name in ("new", "confirm", "upload"))
#: The row, the area code that comes into it and, where the rest goes into another row, the lines that stay.
PUT = re.compile(r"([1-9]\d?):(\d{3})(?::(\d{1,4}))?", re.ASCII)
COST = re.compile(r"none|(\d{1,12}(?:\.\d{1,4})?)/(\d{1,12}(?:\.\d{1,4})?)/([A-Z]{3})", re.ASCII)


@require_http_methods(["GET", "HEAD", "POST"])
def order_new(request: Request) -> HttpResponse:
    """The purchase form; a valid one leads to the confirming step, and that one to the order."""
    if request.method != "POST":
        return opened(request)
    if "draft" in request.POST:
        return buy_draft(request)
    if {"providers", "add", "remove", "pick", "put"} & set(request.POST):
        keep_unfinished(request.user, values := edited(request.POST))
        return unsent(request, values)
    if "confirmed" not in request.POST:
        keep_unfinished(request.user, request.POST)
    form = PurchaseForm(request.POST, user=request.user)
    if form.is_valid() and "confirmed" in request.POST:
        return buy(request, form)
    if form.is_valid() and within_limits(request, form):
        # The confirming step is a page of its own, so that reloading and going back are harmless.
        return redirect(draft_of_form(request, form))
    return render(request, FORM, {"form": form}, status=422)


@require_POST
def form_typed(request: Request) -> HttpResponse:
    """Keep the form as it stands, while somebody types."""
    keep_unfinished(request.user, request.POST)
    return HttpResponse("Saved.")


@require_POST
def start_over(request: Request) -> HttpResponse:
    """Throw away what was kept, for an empty form."""
    forget_typed(owner=request.user)
    return redirect("order-new")


def opened(request: Request) -> HttpResponse:
    """What an address of this page shows: a review, a form to change, something found, or a new form."""
    for name in ("draft", "change"):
        if name not in request.GET:
            continue
        if draft := wants.draft_of(request.user, request.GET[name]):
            return confirm(request, draft) if name == "draft" else unsent(request, typed(draft))
        if name == "draft":
            messages.warning(request, "This order draft no longer exists. Nothing was bought. Start again.")
            return render(request, FORM, {"form": PurchaseForm(user=request.user)}, status=422)
    unfinished = None if request.htmx else typed_by(request.user)
    named = any(map(ROW_FIELD.fullmatch, request.GET))  # by an address with wants of its own
    values = unfinished.values | request.GET.dict() if unfinished and not named else request.GET.dict()
    return unsent(request, values, unfinished=unfinished, restored=not named)


def unsent(
    request: Request, values: dict, *, unfinished: TypedForm | None = None, restored: bool = False
) -> HttpResponse:
    """A form that nobody has sent yet with `values` in it, or the part of the page that htmx asks for."""
    if not any(values.get(name) for name in ACCOUNT_FIELDS):
        values = values | wants.last_account(request.user)
    form = PurchaseForm(initial=values, user=request.user, provider=values.get("telephony_provider", ""))
    context = {"form": form, "found": found(request.GET), "focus": values.get("focus")}
    context |= {"unfinished": unfinished, "restored": unfinished and restored}
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
    elif found := PUT.fullmatch(data.get("put", "")):
        at = put(rows, int(found[1]) - 1, found[2], int(found[3] or 0))
    return {
        **{name: data.get(name, "") for name in ("telephony_provider", "telephony_account_connection")},
        **{name if n == 1 else f"{name}-{n}": v for n, row in enumerate(rows, 1) for name, v in row.items()},
        "focus": at,
    }


def picked(rows: list[dict], pick: str, blank: dict) -> int:
    """Put an area code or a number into the first row that names neither; which row that is."""
    field = "area_code" if pick in areas() else "phone_number"
    pick = pick if field == "area_code" else to_e164(pick)
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


def put(rows: list[dict], at: int, code: str, kept: int) -> int:
    """Put an area code into a row; which row that is.

    With `kept`, so many lines stay in the row as it is, and the rest goes into a row of its own.
    """
    if at >= len(rows) or code not in areas():
        return len(rows)
    row, rest = rows[at], 0
    if kept and len(rows) < MOST_ROWS:
        with suppress(Unreadable):
            rest = read_quantity(row.get("quantity", ""), most=settings.MAX_LINES_PER_ORDER) - kept
    if rest <= 0:
        row["area_code"] = code
        return at + 1
    rows.insert(at + 1, row | {"area_code": code, "quantity": str(rest)})
    row["quantity"] = str(kept)
    return at + 2


@require_POST
def row_hint(request: Request) -> HttpResponse:
    """What is for sale where a row of the form looks, what it costs, and what is doubtful about it."""
    form = PurchaseForm(
        initial=request.POST.dict(),
        user=request.user,
        provider=request.POST.get("telephony_provider", ""),
    )
    row = next((row for row in form.rows if str(row.n) == request.POST.get("row")), None)
    context = {"form": form, "hint": row and hint_of(row, request.POST), "n": row and row.n}
    return render(request, "numbers/orders/row_hint.html", context)


def within_limits(request: Request, form: PurchaseForm) -> bool:
    """Whether the order may be placed at the moment; if not, `form` says why."""
    wanted = form.wanted()
    quantity = wants.count_of(wanted["wants"])
    try:
        check_limits(by=Actor.person(request.user), quantity=quantity, cost=cost_of(wanted, quantity).counted)
    except OverLimit as error:
        form.add_error("quantity", str(error))
        return False
    return True


def cost_of(account: dict, quantity: int) -> Cost:
    names = ("telephony_provider", "telephony_account_connection")
    return estimate(**{name: account[name] for name in names}, quantity=quantity)


def typed(draft: Draft) -> dict:
    """`draft` as it would stand in the form."""
    values = {name: getattr(draft, name) for name in ("telephony_provider", "telephony_account_connection")}
    for n, want in enumerate(draft.wants[:MOST_ROWS], start=1):
        want = want | {"tags": ", ".join(want["tags"]), "quantity": str(want["quantity"])}
        values |= {name if n == 1 else f"{name}-{n}": value for name, value in want.items()}
    return values


def confirm(request: Request, draft: Draft) -> HttpResponse:
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
        "approval": why_waits(by=Actor.person(request.user), wants=rows, cost=cost),
        "budgets": [one for one in standings(wants=rows, cost=cost) if one.is_near and not one.is_over],
        "shown": "none" if cost.once is None else f"{cost.once}/{cost.monthly}/{cost.currency}",
        "limits": limits(by=Actor.person(request.user)),
        "idle": sorted(idle_in(want.area_code for want in rows).items()),
        "obstacles": wants.obstacles(draft),
        "ailments": of_buying(),
        "warnings": warnings_of(draft),
        "few": len(rows) <= MOST_ROWS,
        "proving": line_proofs.choice(request.POST or request.GET, draft.again_of),
    }
    return render(request, CONFIRM, context)


def shown(request: Request) -> Cost | None:
    """The estimate that the confirming step showed; None where the sender looked at none."""
    if not (seen := COST.fullmatch(request.POST.get("shown", ""))):
        return None
    return Cost(once=Decimal(seen[1]), monthly=Decimal(seen[2]), currency=seen[3]) if seen[1] else Cost()


def buy(request: Request, form: PurchaseForm) -> HttpResponse:
    """Place the order of a form that was confirmed."""
    if wants.count_of(form.wants()) > settings.REAUTH_LINES:
        confirm_first(request)
    if not is_sure(request, wants.warnings_about(form.wants())):
        return look_again(request, draft_of_form(request, form), NotConfirmed())
    try:
        wanted = form.wanted() | {"prove_from": line_proofs.chosen(request.POST)}
        placed = place_order(by=Actor.person(request.user, request.id), shown=shown(request), **wanted)
    except (PriceChanged, NotProvable, NotTested) as error:
        return look_again(request, draft_of_form(request, form), error)
    except NotPlaced as error:
        form.add_error("quantity", str(error))
        return render(request, FORM, {"form": form}, status=422)
    forget_typed(owner=request.user)
    return to_order(request, *placed)


def buy_draft(request: Request) -> HttpResponse:
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
        placed = (order, False) if order else order_of(request, draft, key)
    except (NotPlaced, NotTested, ValidationError) as error:
        return look_again(request, draft, error)
    if not (draft.source or draft.again_of):
        forget_typed(owner=request.user)
    return to_order(request, *placed)


def order_of(request: Request, draft: Draft, key: str) -> tuple[Order, bool]:
    """The order of `draft` with the form's `key`, placed now. Raises NotPlaced."""
    if not is_sure(request, warnings_of(draft)):
        raise NotConfirmed
    return place_order(
        by=Actor.person(request.user, request.id),
        form_token=key,
        telephony_provider=draft.telephony_provider,
        telephony_account_connection=draft.telephony_account_connection,
        wants=wants.wants_of(draft),
        shown=shown(request),
        again_of=draft.again_of,
        prove_from=line_proofs.chosen(request.POST),
    )


def warnings_of(draft: Draft) -> list[str]:
    return [*draft.warnings, *wants.warnings_about(wants.wants_of(draft))]


def is_sure(request: Request, warnings: list[str]) -> bool:
    """Whether the sender has confirmed `warnings`, where there are any."""
    return not warnings or "sure" in request.POST


def look_again(request: Request, draft: Draft, error: Exception) -> HttpResponse:
    """Back to the confirming step, which shows what is true now."""
    text = " ".join(error.messages) if isinstance(error, ValidationError) else f"{error} Nothing was ordered."
    messages.warning(request, text)
    kept = urlencode(line_proofs.kept(request.POST))
    return redirect(f"{draft.get_absolute_url()}&{kept}" if kept else draft)


def to_order(request: Request, order: Order, created: bool) -> HttpResponse:
    """The same form sent twice leads to the order that it made the first time."""
    if not created:
        messages.info(request, "You already placed this order. Nothing was bought twice.")
    return redirect(order)


# --- From a file ----------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def wants_upload(request: Request) -> HttpResponse:
    """A CSV file of wants leads to the confirming step, once there is no mistake in it."""
    if request.method != "POST":
        form = WantListForm(provider=request.GET.get("telephony_provider", "")[:50])
        return render_partial(
            request, UPLOAD, {"form": form, "most": settings.MAX_LINES_PER_ORDER}, partial="connection-field"
        )
    form = WantListForm(request.POST, request.FILES)
    mistakes: list[Mistake] = []
    if form.is_valid():
        warnings: list[str] = []
        rows, mistakes = read_wants(form.cleaned_data["file"], warnings=warnings)
        if not mistakes and not (mistakes := over_limit(request, form, rows)):
            return redirect(draft_of_file(request, form, rows, warnings))
    return render(
        request,
        UPLOAD,
        {"form": form, "mistakes": mistakes, "most": settings.MAX_LINES_PER_ORDER},
        status=422,
    )


def over_limit(request: Request, form: WantListForm, rows: list[wants.Want]) -> list[Mistake]:
    quantity = wants.count_of(rows)
    try:
        cost = cost_of(form.cleaned_data, quantity).counted
        check_limits(by=Actor.person(request.user), quantity=quantity, cost=cost)
    except OverLimit as error:
        return [Mistake(text=str(error))]
    return []


def draft_of_file(request: Request, form: WantListForm, rows: list[wants.Want], warnings: list[str]) -> Draft:
    data = form.cleaned_data
    return wants.keep_draft(
        owner=request.user,
        form_token=new_form_token(request.user.pk),
        telephony_provider=data["telephony_provider"],
        telephony_account_connection=data["telephony_account_connection"],
        wants=rows,
        source=data["file"].name,
        warnings=warnings,
    )


def draft_of_form(request: Request, form: PurchaseForm) -> Draft:
    token = {"form_token": form.cleaned_data["form_token"]}
    return wants.keep_draft(owner=request.user, **form.wanted() | token)


@require_safe
def wants_template(request: Request) -> StreamingHttpResponse:
    """An example of a CSV file of wants, to be filled in."""
    rows = [{name: row.get(name, "") for name in COLUMNS} for row in TEMPLATE]
    return as_csv(rows, list(COLUMNS), "lines-to-buy.csv")
