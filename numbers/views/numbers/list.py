"""The list of numbers: looking at it, keeping ways to look at it, and assigning in the row."""

from dataclasses import replace
from functools import lru_cache

from django.http import HttpResponse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url

from dashboard.htmx import Request, render_partial
from numbers.db.pagination import Page
from numbers.forms.orders import PROVIDER_NAMES
from numbers.listing.filter_options import VIEWS, Choices, choices_for
from numbers.listing.page import rows_of
from numbers.listing.query import COLUMNS, NOBODY, ORDERS, SILENT, SIZES, STATUSES, Query, keys_in
from numbers.listing.rows import rows_html
from numbers.listing.search import beside_numbers
from numbers.models import Number
from numbers.permissions import Right, may
from numbers.services.calls.knowledge import knowledge
from numbers.telephony.area_codes import REGIONS

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
    "silent": "No call for",
    "wrong": "Wrong agent answered",
}


@require_safe
def number_list(request: Request) -> HttpResponse:
    """Our numbers, as the address asks for them."""
    query = Query.read(request.GET)
    page = rows_of(query, request.GET, user=request.user)
    calls = knowledge() if query.of_calls else None
    gap = calls.gap(int(query.silent or 0)) if calls is not None else ""
    may_assign = may(request.user, Right.ASSIGN)
    context = tools(query, request, page) | {
        "page": page,
        "rows": rows_html(page.rows, query.columns, may_assign=may_assign, calls_known=bool(calls)),
        "calls_gap": gap,
        "unsure": bool(gap and (query.silent or query.wrong) and not page),
        "calls_doubt": calls.doubt if calls is not None else "",
        "moving": any(row.changing for row in page),
        "filtering": bool(request.htmx and request.htmx.trigger == "filters"),
    }
    response = render_partial(request, "numbers/numbers/list.html", context, partial="number-rows")
    if context["filtering"]:
        push_url(response, query.get_absolute_url())
    return response


def tools(query: Query, request: Request, page: Page) -> dict:
    """What stands around the rows: the filters with their choices, saved views, columns, the total."""
    offered = choices_for(request.user.pk, getattr(request, "kept", None))
    total = query.count(owned=offered.owned) if page.older or page.newer else len(page)
    return {
        "query": query,
        "total": total,
        "many": query.most if total and total > query.most else 0,
        "chips": chips(query, offered),
        "headings": headings(query),
        "agent_choices": offered.agent_choices,
        "agent_name_choices": offered.agent_name_choices,
        "connection_choices": offered.connection_choices,
        "tag_choices": offered.tag_choices,
        "menus": offered.menus,
        "views": offered.views[: 2 * VIEWS],
        "strangers": strangers(query.pasted),
        "unread": beside_numbers(query.q) if query.pasted else "",
        "columns": COLUMNS,
        "sizes": SIZES,
        "statuses": STATUSES,
        "silences": SILENT,
        "regions": REGIONS,
        "providers": PROVIDER_NAMES,
    }


def strangers(pasted: list[str]) -> list[str]:
    """Which of the `pasted` numbers are not ours."""
    if not pasted:
        return []
    ours = set(Number.objects.owned().filter(e164__in=pasted).values_list("e164", flat=True))
    return [e164 for e164 in pasted if e164 not in ours]


def chips(query: Query, offered: Choices) -> list[dict]:
    """Each filter that is set, in words, with the address of the list without it."""
    if not query.filters:
        return []
    names = {
        "agent": dict(offered.agent_choices) | {NOBODY: "unassigned"},
        "connection": dict(offered.connection_choices),
        "region": REGIONS,
        "status": STATUSES,
        "provider": PROVIDER_NAMES,
        "silent": SILENT,
    }
    pasted = {query.q: f"{len(query.pasted)} pasted numbers"} if query.pasted else {}
    names["q"] = pasted
    return [
        {
            "name": CHIPS[name],
            "value": "" if name in ("drifted", "wrong") else names.get(name, {}).get(value, value),
            "url": query.without(name).get_absolute_url(),
        }
        for name, value in query.filters.items()
    ]


@require_POST
def number_selected(request: Request) -> HttpResponse:
    """How many of the selected numbers the list at hand does not show, in words."""
    query = Query.of(request.POST.get("query", "")[:4000])
    keys = keys_in(request.POST.get("ticked", "").split())
    outside = len(keys) - query.numbers().filter(pk__in=keys).distinct().count()
    return HttpResponse(f", {outside:,} not in this list" if outside else "")


@lru_cache(maxsize=32)
def headings(query: Query) -> list[dict]:
    """The head of the table: the columns that are shown, and how each would sort."""
    found = []
    for name in ["number", *query.columns]:
        heading = {"name": name, "label": COLUMNS.get(name, "Number"), "url": "", "sorted": ""}
        if name in ORDERS:
            down = query.sort == f"-{name}"
            first = f"-{name}" if name in ("bought", "synced", "calls", "last_call") else name
            other_way = name if down else f"-{name}"
            wanted = other_way if query.sort in (name, f"-{name}") else first
            heading["url"] = replace(query, sort=wanted).get_absolute_url()
            heading["sorted"] = {name: "ascending", f"-{name}": "descending"}.get(query.sort, "")
        found.append(heading)
    return found
