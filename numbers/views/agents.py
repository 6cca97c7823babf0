"""The voice agents, the numbers that each answers, and an alarm for those that are not what they were."""

from django.contrib import messages
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from ..models import Agent, Event, Number
from ..paging import page_of
from ..services import counting, drifting
from ..services.changing import CannotChange, plan_change
from ..services.history import By

MOST = 500  # agents on one page
ALARMS = 20
NOBODY = "none"  # the choice that takes the agent away

RENAMED = Q(gone_at=None) & ~Q(known_as="") & ~Q(known_as=F("name"))


def alarming() -> list[Agent]:
    """Agents that are gone or renamed at Fluents and still have numbers, the gone ones first."""
    found = Agent.objects.filter(Q(gone_at__isnull=False) | RENAMED)
    odd = list(found.order_by(F("gone_at").desc(nulls_last=True), "name", "pk"))
    counts = counting.by_agent()[0] if odd else {}
    for agent in odd:
        agent.count = counts.get(agent.pk, 0)
    return [agent for agent in odd if agent.count][:ALARMS]


@require_safe
def agent_list(request: HttpRequest) -> HttpResponse:
    """Every agent with how many numbers it answers."""
    search = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    agents = Agent.objects.filter(Q(name__icontains=search) | Q(label__icontains=search) | Q(api_id=search))
    counts, counted_at = counting.by_agent()
    found = list(agents.order_by("name", "pk")[: MOST + 1])
    for agent in found:
        agent.count = counts.get(agent.pk, 0)
    # A gone agent without numbers is history; it stays findable by its name.
    shown = [agent for agent in found[:MOST] if search or agent.count or not agent.gone_at]
    context = {
        "agents": shown,
        "most": MOST if len(found) > MOST else None,
        "q": search,
        "nobody": counts.get(None, 0),
        "counted_at": counted_at,
        "alarms": alarming(),
        "choices": choices(),
    }
    return render(request, "numbers/agents.html", context)


@require_safe
def agent_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One agent, its numbers and what happened to it."""
    agent = get_object_or_404(Agent, pk=pk)
    numbers = Number.objects.owned().filter(agent=agent).select_related("connection")
    agent.count = Number.objects.owned().filter(agent=agent).count()
    context = {
        "agent": agent,
        "page": page_of(numbers, params=request.GET),
        "alarm": agent.count and (agent.gone_at or renamed(agent)),
        "choices": choices(),
        "events": Event.objects.filter(
            Q(before__agent=agent.api_id) | Q(after__agent=agent.api_id), action__startswith="agent."
        ).select_related("order", "line", "number", "plan")[:20],
    }
    return render(request, "numbers/agent.html", context)


def renamed(agent: Agent) -> bool:
    return bool(not agent.gone_at and agent.known_as and agent.known_as != agent.name)


def choices() -> QuerySet[Agent]:
    """The agents that may answer."""
    return Agent.objects.filter(gone_at=None, synced_at__isnull=False)


@require_POST
def agent_replace(request: HttpRequest, pk: int) -> HttpResponse:
    """Plan another agent, or nobody, for all numbers of this one."""
    agent = get_object_or_404(Agent, pk=pk)
    to = request.POST.get("inbound_agent", "")
    other = choices().exclude(pk=pk).filter(api_id=to).first() if to != NOBODY else None
    if to != NOBODY and not other:
        messages.error(request, "Choose who answers these numbers from now on.")
        return redirect("agent", pk=pk)
    title = f"{other or 'Nobody'} in place of {agent}"
    changes = {"agent": other.api_id if other else ""}
    numbers = Number.objects.owned().filter(agent=agent)
    try:
        plan = plan_change(
            by=By.person(request.user, request.id), numbers=numbers, changes=changes, title=title
        )
    except CannotChange as error:
        messages.error(request, str(error))
        return redirect("agent", pk=pk)
    return redirect(plan)


@require_POST
def agent_acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """A person has seen that the agent has another name now."""
    agent = get_object_or_404(Agent, pk=pk)
    drifting.acknowledge_agent(by=By.person(request.user, request.id), agent=agent)
    messages.success(request, f"{agent} is known by this name from now on.")
    return redirect("agent-list")
