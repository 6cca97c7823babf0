"""What every page costs: on books of any size it should be the same."""

from statistics import median

from numbers.models import Agent, Number, Order

TABS = ("purchases", "approvals", "unassigned", "agents", "differences", "changes", "idle")
TURNS = 5
HELLO = "/bench/hello/"  # which knows no books


def addresses() -> dict[str, str]:
    """The pages that show what grows, by the names that the bench has for them."""
    number, order = Number.objects.order_by("pk")[60], Order.objects.order_by("pk")[60]
    digits = number.e164[-7:]
    return {
        "overview": "/",
        **{f"attention, {tab}": f"/attention/?tab={tab}" for tab in TABS},
        "numbers": "/numbers/",
        "number": f"/numbers/{number.e164}/",
        "unassigned": "/unassigned/",
        "agents": "/agents/",
        "agent": f"/agents/{Agent.objects.get(api_id='a3').pk}/",
        "drift": "/drift/",
        "drift, one kind": "/drift/?kind=label",
        "drift, a kind that nothing has": "/drift/?kind=agent",
        "gate": "/gate/",
        "review": "/review/",
        "reconcile": "/reconcile/",
        "orders": "/orders/",
        "orders, open": "/orders/?tab=open",
        "orders, partial": "/orders/?tab=partial",
        "orders, words nobody wrote": "/orders/?q=zebra",
        "order": f"/orders/{order.pk}/",
        "find, digits": f"/find/?q={digits}",
        "find, few digits": "/find/?q=415",
        "find, words": "/find/?q=campaign",
        "plans": "/plans/",
        "activity": "/activity/",
        "activity, a rare group": "/activity/?action=gate",
        "activity, a common group": "/activity/?action=line",
        "activity, an action": "/activity/?action=agent.renamed",
        "activity, a person": "/activity/?person=ada",
        "activity, a number": f"/activity/?number={digits}",
        "activity, few digits": "/activity/?number=415",
        "activity, words": "/activity/?q=campaign",
        "activity, words nobody wrote": "/activity/?q=zebra",
        "activity, a request id": "/activity/?q=request-77",
        "activity, from a day on": "/activity/?from=2020-01-01",
        "activity, until a day": "/activity/?to=2025-12-20",
        "notices": "/notices/",
        "people": "/people/",
        "prices": "/prices/",
    }


def pages(caller, seconds: float) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU of each page, and how many times that of HELLO beside it: medians of some turns.

    The speed of a machine changes from one size of the books to the next, for both of them.
    """
    found = addresses()
    for name, url in found.items():
        status, _ = caller.get(url)
        assert status == 200, (name, url, status)
    taken: dict[str, list[float]] = {name: [] for name in found}
    against: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(TURNS):
        for name, url in found.items():
            ms = caller.cost(url, seconds / TURNS)
            taken[name].append(ms)
            against[name].append(ms / caller.cost(HELLO, seconds / TURNS))
    return {name: {"ms": round(median(taken[name]), 2), "hellos": median(against[name])} for name in found}
