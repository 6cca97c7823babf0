"""The voice agents, the numbers that each answers, and an alarm for those that are not what they were."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import Request
from numbers.db.pagination import page_of
from numbers.listing.history import RELATED
from numbers.models import Agent, Number
from numbers.services.audit.events import Actor
from numbers.services.calls.figures import by_agent
from numbers.services.calls.knowledge import knowledge
from numbers.services.inventory import drift
from numbers.services.inventory.agent_names import agents_called
from numbers.services.monitoring import statistics
from numbers.services.monitoring.attention import alarming_agents
from numbers.services.plans.lifecycle import CannotChange, replace_agent
from numbers.templatetags.ui import plural

MOST = 500  # agents on one page
MANY = 10_000  # numbers of one agent; beyond, they are not counted on its page
NOBODY = "none"  # the choice that takes the agent away


@require_safe
def agent_list(request: Request) -> HttpResponse:
    """Every agent with how many numbers it answers, and how many calls it had."""
    search = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    agents = agents_called(search) if search else Agent.objects.all()
    counts, counted_at = statistics.by_agent()
    found = list(agents.order_by("name", "pk")[: MOST + 1])
    counted = [(agent, counts.get(agent.pk, 0)) for agent in found[:MOST]]
    known = knowledge()
    calls = by_agent(known)
    rows = [(agent, count, *calls.get(agent.pk, (0, 0))) for agent, count in counted]
    context = {
        # A gone agent without numbers is history; it stays findable by its name.
        "agents": [row for row in rows if search or row[1] or row[2] or not row[0].gone_at],
        "calls": known,
        "most": MOST if len(found) > MOST else None,
        "q": search,
        "nobody": counts.get(None, 0),
        "counted_at": counted_at,
        "alarms": alarming_agents(),
        "choices": choices(),
    }
    return render(request, "numbers/agents/list.html", context)


@require_safe
def agent_detail(request: Request, pk: int) -> HttpResponse:
    """One agent, its numbers and what happened to it."""
    agent = get_object_or_404(Agent, pk=pk)
    numbers = Number.objects.owned().filter(agent=agent).select_related("connection")
    count = numbers.order_by()[: MANY + 1].count()
    known = knowledge()
    call_count, failed = by_agent(known).get(pk, (0, 0))
    context = {
        "agent": agent,
        "calls": known,
        "call_count": call_count,
        "failed": failed,
        "page": page_of(numbers, params=request.GET),
        "count": count,
        "counted": f"more than {MANY:,} numbers" if count > MANY else plural(count, "number"),
        "alarm": count and (agent.gone_at or agent.is_renamed),
        "choices": choices(),
        "events": agent.events.select_related(*RELATED)[:20],
    }
    return render(request, "numbers/agents/detail.html", context)


def choices() -> QuerySet[Agent]:
    """The agents that may answer."""
    return Agent.objects.filter(gone_at=None, synced_at__isnull=False)


@require_POST
def agent_replace(request: Request, pk: int) -> HttpResponse:
    """Plan another agent, or nobody, for all numbers of this one."""
    agent = get_object_or_404(Agent, pk=pk)
    to = request.POST.get("inbound_agent", "")
    other = choices().exclude(pk=pk).filter(api_id=to).first() if to != NOBODY else None
    if to != NOBODY and not other:
        messages.error(request, "Choose a new agent for these numbers.")
        return redirect("agent", pk=pk)
    try:
        plan = replace_agent(by=Actor.person(request.user, request.id), agent=agent, other=other)
    except CannotChange as error:
        messages.error(request, str(error))
        return redirect("agent", pk=pk)
    return redirect(plan)


@require_POST
def agent_acknowledge(request: Request, pk: int) -> HttpResponse:
    """A person has seen that the agent has another name now."""
    agent = get_object_or_404(Agent, pk=pk)
    drift.acknowledge_agent(by=Actor.person(request.user, request.id), agent=agent)
    messages.success(request, f"{agent} is now known by this name.")
    return redirect("agent-list")
