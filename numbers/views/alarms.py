"""Alarms: what is open, what raises one, and who hears of it."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers.forms.alarms import AlarmForm
from numbers.models import Alarm
from numbers.permissions import Right, may
from numbers.services.audit.events import Actor
from numbers.services.monitoring.alarms import rules, set_rule

ENDED = 20  # alarms that are shown below the open ones


@require_http_methods(["GET", "HEAD", "POST"])
@freshly
def alarms(request: Request) -> HttpResponse:
    """Every kind with its rule; POST sets one of them."""
    sent = request.POST.get("kind", "") if request.method == "POST" else ""
    forms = [AlarmForm(request.POST if rule.kind == sent else None, rule=rule) for rule in rules()]
    for form in forms:
        if form.is_bound and form.is_valid():
            rule = set_rule(by=Actor.person(request.user, request.id), **form.wanted())
            messages.success(request, f"Alarm “{rule}” {'saved' if rule.on else 'is off'}.")
            return redirect("alarms")
    context = {
        "forms": forms,
        "may_set": may(request.user, Right.PEOPLE),
        "open": Alarm.objects.filter(ended_at=None),
        "ended": Alarm.objects.filter(ended_at__isnull=False).order_by("-ended_at")[:ENDED],
        "ways": {"mail": settings.NOTIFY_BY_MAIL, "webhook": bool(settings.NOTIFY_WEBHOOK_URL)}
        | {"slack": bool(settings.NOTIFY_SLACK_URL)},
    }
    wrong = any(form.errors for form in forms)
    return render(request, "numbers/alarms.html", context, status=422 if wrong else 200)
