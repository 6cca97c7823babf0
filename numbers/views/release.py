"""Numbers that are given up for good, and numbers that a connection holds already."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.door import freshly

from ..fluents import FluentsError
from ..forms import CountForm, GiveUpForm, LinkForm
from ..models import Number, Plan
from ..paging import Order, page_of
from ..phone import pretty
from ..queries import Query
from ..services.changing import CannotChange, apply_plan, plan_change
from ..services.history import By
from ..services.releasing import link_number
from ..states import Act, PlanState, RowState
from .number import about, under_way
from .plans import chosen

SKIPPED = 20  # numbers that a plan leaves out, spelled out


@require_http_methods(["GET", "HEAD", "POST"])
@freshly
def number_release(request: HttpRequest, e164: str) -> HttpResponse:
    """Give the number up: Fluents and the provider drop it."""
    return give_up(request, e164, Act.RELEASE)


@require_http_methods(["GET", "HEAD", "POST"])
@freshly
def number_detach(request: HttpRequest, e164: str) -> HttpResponse:
    """Take the number away from Fluents; the connection keeps it."""
    return give_up(request, e164, Act.DETACH)


def give_up(request: HttpRequest, e164: str, act: Act) -> HttpResponse:
    number = get_object_or_404(Number.objects.select_related("agent", "connection"), e164=e164)
    form = GiveUpForm(request.POST if request.method == "POST" else None, e164=e164)
    if form.is_bound and form.is_valid() and carry_out(request, number, act, form):
        return redirect(number)
    context = {
        "number": number,
        "act": act,
        "form": form,
        "last": number.events.order_by("-pk").first(),
        **about(number),
        **under_way(number),
    }
    return render(request, "numbers/release.html", context, status=422 if form.errors else 200)


def carry_out(request: HttpRequest, number: Number, act: Act, form: GiveUpForm) -> bool:
    """Make a plan of one row and apply it; where the row cannot be, FORM says why."""
    by = By.person(request.user, request.id)
    title = f"{act.label} {pretty(number.e164)}"
    try:
        plan = plan_change(
            by=by, numbers=Number.objects.filter(pk=number.pk), changes={}, title=title, act=act
        )
    except CannotChange as error:
        form.add_error(None, str(error))
        return False
    row = plan.rows.get()
    if row.state == RowState.SKIPPED:
        form.add_error(None, row.reason)
        return False
    apply_plan(plan_id=plan.pk, by=by)
    return True


@require_POST
def plan_give_up(request: HttpRequest) -> HttpResponse:
    """Work out what giving up the numbers chosen in the list comes to. `act` is release or detach."""
    query = Query.of(request.POST.get("query", "")[:4000])
    act = Act.DETACH if request.POST.get("act") == Act.DETACH else Act.RELEASE
    numbers = chosen(request, query)
    if numbers is None:
        messages.error(request, "Tick numbers first, then say what to do with them.")
        return redirect(f"{reverse('number-list')}?{query}")
    by = By.person(request.user, request.id)
    count = numbers.count()
    title = f"{act.label} {count:,} number{'' if count == 1 else 's'}"
    plan = plan_change(by=by, numbers=numbers, changes={}, title=title, act=act)
    return redirect("plan-prove", pk=plan.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@freshly
def plan_prove(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is given up by a plan and apply it, once somebody has typed how many that are."""
    plan = get_object_or_404(Plan, pk=pk, act__in=[Act.RELEASE, Act.DETACH])
    if plan.state != PlanState.DRAFT:
        return redirect(plan)
    ready = plan.rows.filter(state=RowState.READY).select_related("number", "number__agent")
    count = ready.count()
    form = CountForm(request.POST if request.method == "POST" else None, count=count)
    if form.is_bound and count and form.is_valid():
        if not apply_plan(plan_id=pk, by=By.person(request.user, request.id)):
            messages.info(request, "This plan was no draft any more; nothing was started twice.")
        return redirect(plan)
    context = {
        "plan": plan,
        "act": Act(plan.act),
        "form": form,
        "count": count,
        "total": plan.rows.count(),
        "answered": ready.exclude(number__agent=None).count(),
        "page": page_of(ready, params=request.GET, order=Order(down=False)),
        "skipped": plan.rows.exclude(state=RowState.READY).select_related("number")[:SKIPPED],
    }
    return render(request, "numbers/release_many.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def number_link(request: HttpRequest) -> HttpResponse:
    """Use a number here that a connection holds already."""
    form = LinkForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            number = link_number(
                by=By.person(request.user, request.id),
                phone_number=data["phone_number"],
                connection=data["telephony_account_connection"],
                agent=data["inbound_agent"],
            )
        except (CannotChange, FluentsError) as error:
            form.add_error(None, error.user_message if isinstance(error, FluentsError) else str(error))
        else:
            who = f"{number.agent} answers it." if number.agent else "Nobody answers it yet."
            messages.success(request, f"Linked {number}. {who}")
            return redirect(number)
    return render(request, "numbers/link.html", {"form": form}, status=422 if form.errors else 200)
