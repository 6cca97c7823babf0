"""The drift inbox: where Fluents differs from our books, and whose side to take."""

from datetime import timedelta

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from dashboard.htmx import HtmxHttpRequest, render_partial

from ..models import Event, Gate, Number
from ..paging import page_of
from ..services import asking, drifting
from ..services.history import By
from ..services.mirroring import DECIDED
from ..templatetags.inventory import DRIFT_KINDS, drift_stamp
from ..templatetags.lines import plural
from .history import agent_names

DECISIONS = ["number.accepted", "number.pushed", "agent.acknowledged"]
LATEST = 15  # decisions shown below the inbox
PATIENCE = timedelta(minutes=1)  # until we ask whether any worker is there


@require_safe
def drift(request: HtmxHttpRequest) -> HttpResponse:
    """Numbers that wait for a decision, newest first."""
    sync = Gate.objects.get(pk=Gate.SINGLE)
    if request.htmx.target == "sync-state":
        return sync_state(request, sync)
    kind = request.GET.get("kind", "")
    kind = kind if kind in DRIFT_KINDS else ""
    numbers = of_kind(kind)
    page = page_of(numbers.select_related("agent", "connection"), params=request.GET)
    decided = Event.objects.filter(action__in=DECISIONS).select_related("order", "line", "number", "plan")
    events = list(decided.order_by("-pk")[:LATEST])
    context = {
        "page": page,
        "kind": kind,
        "kinds": DRIFT_KINDS,
        "count": numbers[:10_001].count() if page else 0,
        "events": events,
        "agent_names": agent_names(page, events),
        **syncing(sync),
    }
    return render_partial(request, "numbers/drift.html", context, partial="inbox")


def syncing(sync: Gate) -> dict:
    """Whether a sync is under way, and whether nobody seems to be there to do it."""
    late = sync.sync_asked_at and sync.sync_asked_at < timezone.now() - PATIENCE
    return {"sync": sync, "asked_at": sync.sync_asked_at, "late": late}


def sync_state(request: HtmxHttpRequest, sync: Gate) -> HttpResponse:
    """What the pages with a sync under way ask every few seconds: nothing, until it is done."""
    if sync.sync_asked_at and request.GET.get("late", "") == ("1" if syncing(sync)["late"] else ""):
        return HttpResponse(status=204)
    if not sync.sync_asked_at:
        return HttpResponseClientRefresh()
    return render_partial(request, "numbers/drift.html", syncing(sync), partial="sync-state")


def of_kind(kind: str) -> QuerySet[Number]:
    """The numbers in the inbox, all of them or those of one KIND."""
    found = Number.objects.filter(drifted=True)
    return found.filter(drift__has_key=kind) if kind else found


@require_POST
def drift_decide(request: HtmxHttpRequest) -> HttpResponse:
    """Take Fluents' side at once, or plan to push ours, for the ticked numbers or all that match."""
    by = By.person(request.user, request.id)
    back = way_back(request)
    decision, _, one = request.POST.get("one", "").partition(" ")  # the buttons of a row name it
    decision = decision or request.POST.get("decision")
    numbers, changed = chosen(request, [one] if one else request.POST.getlist("number"))
    count = numbers.count()
    if changed:
        words = "It differs" if changed == 1 else f"{changed} numbers differ"
        messages.warning(request, f"{words} in another way now than you saw. Look again, then decide.")
    elif not count:
        messages.warning(request, "No number was chosen. Tick some first.")
    if not count:
        return redirect(back)
    if decision == "ours":
        if numbers.filter(drift__has_any_keys=DECIDED).exclude(drift__has_key="gone").exists():
            return redirect(drifting.plan_push_ours(by=by, numbers=numbers))
        messages.warning(
            request, "There is nothing to push: these numbers only appeared or are gone at Fluents."
        )
        return redirect(back)
    taken = drifting.accept_theirs(by=by, numbers=numbers)
    messages.success(request, f"Took Fluents' side for {plural(taken, 'number')}.")
    if taken < count:
        left = plural(count - taken, "number")
        messages.warning(request, f"{left} left as before: a plan is changing them at the moment.")
    return redirect(back)


def chosen(request: HtmxHttpRequest, ticked: list[str]) -> tuple[QuerySet[Number], int]:
    """The numbers that are meant, and how many of them differ otherwise by now than was seen."""
    if request.POST.get("which") == "all" and "one" not in request.POST:
        kind = request.POST.get("kind", "")
        return of_kind(kind if kind in DRIFT_KINDS else ""), 0
    seen = dict(value.rpartition(":")[::2] for value in ticked)
    rows = Number.objects.filter(drifted=True, e164__in=list(seen)[:1000])
    same = [number.pk for number in rows if drift_stamp(number) == seen[number.e164]]
    return Number.objects.filter(pk__in=same), len(seen) - len(same)


@require_POST
def sync_start(request: HtmxHttpRequest) -> HttpResponse:
    """Ask the worker to read everything from Fluents; the page then follows along."""
    try:
        asking.ask_for_sync(by=By.person(request.user, request.id))
    except asking.CannotAsk as error:
        messages.error(request, str(error))
    return redirect(way_back(request))


def way_back(request: HtmxHttpRequest) -> str:
    """The page of ours that a form was on."""
    path = request.POST.get("back", "")
    ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if ours else reverse("drift")
