"""The drift inbox: where Fluents differs from our books, and whose side to take."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard.accounts.views import confirm_first
from dashboard.htmx import Request, render_partial
from dashboard.redirects import safe_path
from numbers.db.pagination import page_of
from numbers.listing.history import Asked
from numbers.models import Number, Snooze, SyncRequest, SyncState
from numbers.number_fields import DRIFTING
from numbers.services.audit.events import Actor
from numbers.services.inventory.drift import accept_theirs
from numbers.services.inventory.event_agents import agent_names
from numbers.services.monitoring import attention as inbox
from numbers.services.plans.push import plan_push_ours
from numbers.templatetags.numbers import DRIFT_KINDS, drift_stamp
from numbers.templatetags.ui import plural

DECISIONS = ["number.accepted", "number.pushed", "agent.acknowledged"]
MANY = 1000  # numbers; beyond, they are not counted
LATEST = 15  # decisions shown below the inbox
PATIENCE = timedelta(minutes=1)  # until we ask whether any worker is there


@require_safe
def drift(request: Request) -> HttpResponse:
    """Numbers that wait for a decision, newest first."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in DRIFT_KINDS else ""
    numbers = of_kind(kind)
    page = page_of(numbers.select_related("agent", "connection"), params=request.GET)
    events = Asked(actions=DECISIONS).first(LATEST)
    since = inbox.since(Snooze.Kind.DIFFERENCES, [number.pk for number in page])
    context = {
        "page": page,
        "rows": [(number, since.get(number.pk, number.synced_at)) for number in page],
        "kind": kind,
        "kinds": DRIFT_KINDS,
        "count": numbers.order_by()[: MANY + 1].count() if page else 0,
        "many": MANY,
        "events": events,
        "agent_names": agent_names(page, events),
        **syncing(),
    }
    return render_partial(request, "numbers/drift.html", context, partial="inbox")


def syncing() -> dict:
    """Whether a sync is under way, and whether nobody seems to be there to do it."""
    asked = SyncRequest.objects.filter(finished_at=None).first()
    late = asked and not asked.lease_until and asked.asked_at < timezone.now() - PATIENCE
    return {
        "sync": SyncState.objects.get(),
        "asked_at": asked.asked_at if asked else None,
        "late": bool(late),
    }


def of_kind(kind: str) -> QuerySet[Number]:
    """The numbers in the inbox, all of them or those of one `kind`, which has an index of its own."""
    return Number.objects.filter(drift__holds=kind) if kind else Number.objects.filter(drifted=True)


@require_POST
def drift_decide(request: Request) -> HttpResponse:
    """Take Fluents' side at once, or plan to push ours, for the ticked numbers or all that match."""
    by = Actor.person(request.user, request.id)
    back = safe_path(request.POST.get("back", ""), otherwise=reverse("drift"))
    decision, _, one = request.POST.get("one", "").partition(" ")  # the buttons of a row name it
    decision = decision or request.POST.get("decision", "")
    numbers, changed = chosen(request, [one] if one else request.POST.getlist("number"))
    count = numbers.count()
    if decision != "ours" and count > settings.REAUTH_LINES:
        confirm_first(request)
    if changed:
        words = "This number" if changed == 1 else f"{changed} numbers"
        messages.warning(request, f"{words} changed since you opened the page. Check again, then decide.")
    elif not count:
        messages.warning(request, "No numbers selected. Select some first.")
    if not count:
        return redirect(back)
    if decision == "ours":
        if numbers.filter(drift__has_any_keys=DRIFTING).exclude(drift__has_key="gone").exists():
            return redirect(plan_push_ours(by=by, numbers=numbers))
        messages.warning(
            request, "There's nothing to send. These numbers only appeared in or are gone from Fluents."
        )
        return redirect(back)
    take_theirs(request, by, numbers, count)
    return redirect(back)


def take_theirs(request: Request, by: Actor, numbers: QuerySet[Number], count: int) -> None:
    """Take Fluents' side for `numbers`, `count` of them, and say for how many that was possible."""
    taken = accept_theirs(by=by, numbers=numbers)
    messages.success(request, f"Used Fluents' values for {plural(taken, 'number')}.")
    if taken < count:
        left = plural(count - taken, "number")
        messages.warning(request, f"{left} skipped because they're being changed right now.")


def chosen(request: Request, ticked: list[str]) -> tuple[QuerySet[Number], int]:
    """The numbers that are meant, and how many of them differ otherwise by now than was seen."""
    if request.POST.get("which") == "all" and "one" not in request.POST:
        kind = request.POST.get("kind", "")
        return of_kind(kind if kind in DRIFT_KINDS else ""), 0
    seen = dict(value.rpartition(":")[::2] for value in ticked)
    rows = Number.objects.filter(drifted=True, e164__in=list(seen)[:1000])
    same = [number.pk for number in rows if drift_stamp(number) == seen[number.e164]]
    return Number.objects.filter(pk__in=same), len(seen) - len(same)
