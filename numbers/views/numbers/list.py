"""The list of numbers: looking at it, keeping ways to look at it, and assigning in the row."""

from dataclasses import replace
from functools import lru_cache

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import push_url, trigger_client_event

from dashboard.htmx import HtmxHttpRequest, render_partial
from dashboard.templatetags.addresses import address_of

from ..areas import REGIONS
from ..choices import MOST, VIEWS, Choices, choices_for
from ..forms import PROVIDER_NAMES, AssignForm, SaveViewForm, agent_names
from ..listing import rows_of, version_of
from ..models import Agent, Number, SavedView
from ..paging import Page
from ..queries import COLUMNS, NOBODY, ORDERS, SIZES, STATUSES, Query
from ..roles import Right, may
from ..rows import rows_html
from ..services.changing import CannotChange, change_now
from ..services.history import By
from ..states import RowState

CHIPS = {
    "q": "Search",
    "agent": "Who answers",
    "provider": "Provider",
    "connection": "Connection",
    "region": "Region",
    "area_code": "Area code",
    "status": "Status",
    "tag": "Tag",
    "bought_from": "Bought from",
    "bought_to": "Bought until",
    "drifted": "Differs from Fluents",
}


@require_safe
def number_list(request: HtmxHttpRequest) -> HttpResponse:
    """Our numbers, as the address asks for them. The poll of this page answers 204 while nothing changed."""
    query = Query.read(request.GET)
    page = rows_of(query, request.GET, user=request.user)
    moving = any(row.changing for row in page)
    polled = request.htmx and "seen" in request.GET
    version = version_of(page.rows) if moving or polled else ""
    if polled and request.GET["seen"] == version:
        return HttpResponse(status=204)
    context = tools(query, request, page) | {
        "page": page,
        "rows": rows_html(page.rows, query.columns, may_assign=may(request.user, Right.ASSIGN)),
        "version": version,
        "moving": moving,
        "filtering": bool(request.htmx and request.htmx.trigger == "filters"),
    }
    response = render_partial(request, "numbers/number_list.html", context, partial="number-rows")
    if context["filtering"]:
        push_url(response, address(query))
    return response


def tools(query: Query, request: HtmxHttpRequest, page: Page) -> dict:
    """What stands around the rows: the filters with their choices, saved views, columns, the total."""
    offered = choices_for(request.user.pk)
    total = query.count(owned=offered.owned) if page.older or page.newer else len(page)
    return {
        "query": query,
        "total": total,
        "many": query.most if total > query.most else 0,
        "chips": chips(query, offered),
        "headings": headings(query),
        "agent_choices": offered.agent_choices,
        "agent_name_choices": offered.agent_name_choices,
        "connection_choices": offered.connection_choices,
        "tag_choices": offered.tag_choices,
        "views": offered.views[:VIEWS],
        "columns": COLUMNS,
        "sizes": SIZES,
        "statuses": STATUSES,
        "regions": REGIONS,
        "providers": PROVIDER_NAMES,
    }


def address(query: Query) -> str:
    return address_of("number-list") + (f"?{text}" if (text := str(query)) else "")


def chips(query: Query, offered: Choices) -> list[dict]:
    """Each filter that is set, in words, with the address of the list without it."""
    if not query.filters:
        return []
    names = {
        "agent": dict(offered.agent_choices) | {NOBODY: "nobody"},
        "connection": dict(offered.connection_choices),
        "region": REGIONS,
        "status": STATUSES,
        "provider": PROVIDER_NAMES,
    }
    return [
        {
            "name": CHIPS[name],
            "value": "" if name == "drifted" else names.get(name, {}).get(value, value),
            "url": address(query.without(name)),
        }
        for name, value in query.filters.items()
    ]


@lru_cache(maxsize=256)
def headings(query: Query) -> list[dict]:
    """The head of the table: the columns that are shown, and how each would sort."""
    found = []
    for name in ["number", *query.columns]:
        heading = {"name": name, "label": COLUMNS.get(name, "Number"), "url": "", "sorted": ""}
        if name in ORDERS:
            down = query.sort == f"-{name}"
            first = f"-{name}" if name in ("bought", "synced") else name
            turned = name if down else f"-{name}"
            wanted = turned if query.sort in (name, f"-{name}") else first
            heading["url"] = address(replace(query, sort=wanted))
            heading["sorted"] = {name: "ascending", f"-{name}": "descending"}.get(query.sort, "")
        found.append(heading)
    return found


@require_http_methods(["GET", "HEAD", "POST"])
def number_assign(request: HtmxHttpRequest, e164: str) -> HttpResponse:
    """Say who answers one number; a worker tells Fluents, and the row follows."""
    number = get_object_or_404(Number.objects.select_related("agent"), e164=e164)
    seen = number.agent.api_id if number.agent else ""
    form = AssignForm(request.POST or None, initial={"seen": seen})
    back = here(request.POST.get("next") or request.GET.get("next", ""), number.get_absolute_url())
    if request.method == "POST" and form.is_valid():
        error = assign(request, number, form.cleaned_data["agent"], seen=form.cleaned_data["seen"])
        if not error:
            if request.htmx:
                return trigger_client_event(HttpResponse(status=204), "changed")
            return redirect(back)
        form.add_error("agent", error)
        now = Number.objects.select_related("agent").get(pk=number.pk).agent
        form.data = form.data.copy()
        form.data["seen"] = now.api_id if now else ""  # what the person sees from here on
    context = {"number": number, "form": form, "next": back}
    if not request.htmx:
        context["agent_names"] = agent_names(Agent.objects.filter(gone_at=None)[:MOST])
    status = 422 if form.is_bound else 200
    return render_partial(request, "numbers/assign.html", context, partial="assign", status=status)


def assign(request: HtmxHttpRequest, number: Number, agent: str, *, seen: str) -> str:
    """Have AGENT (an id, or "" for nobody) answer NUMBER; why that cannot be, or ""."""
    try:
        plan = change_now(
            by=By.person(request.user, request.id),
            number=number,
            changes={"agent": agent},
            seen={"agent": seen},
        )
    except CannotChange as error:
        return str(error)
    row = plan.rows.get()
    return row.reason if row.state == RowState.SKIPPED else ""


def here(path: str, otherwise: str) -> str:
    """PATH if it is one of our own pages."""
    ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if ours else otherwise


@require_POST
def view_save(request: HtmxHttpRequest) -> HttpResponse:
    """Keep the filters, order and columns at hand under a name; the same name is written over."""
    form = SaveViewForm(request.POST)
    query = Query.of(request.POST.get("query", "")[:2000])
    views = SavedView.objects.filter(user=request.user)
    if not form.is_valid():
        messages.error(request, "Give the view a name of up to 60 characters.")
    elif views.count() >= VIEWS and not views.filter(name=form.cleaned_data["name"]).exists():
        messages.error(request, f"You have {VIEWS} views. Delete one first.")
    else:
        name = form.cleaned_data["name"]
        views.update_or_create(user=request.user, name=name, defaults={"query": str(query)})
        messages.success(request, f"Saved the view “{name}”.")
    return redirect(address(query))


@require_POST
def view_delete(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Forget one of one's own views."""
    view = get_object_or_404(SavedView, pk=pk, user=request.user)
    view.delete()
    messages.success(request, f"Deleted the view “{view}”.")
    return redirect("number-list")
