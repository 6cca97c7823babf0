"""The names of the agents that events, rows of plans and differences speak of."""

from collections.abc import Iterable

from numbers.models import Agent, Event, Number, PlanRow


def agent_names(*many: Iterable) -> dict[str, str]:
    """The names of all agents that events, rows of plans or differing numbers speak of, by their ids."""
    keys = {key for rows in many for row in rows for key in agents_in(row)}
    if not (keys := {key for key in keys if key and isinstance(key, str)}):
        return {}
    return {agent.api_id: str(agent) for agent in Agent.objects.filter(api_id__in=keys)}


def agents_in(row: Event | PlanRow | Number) -> list:
    """The ids of agents in `row`'s values."""
    if isinstance(row, Number):
        return list(row.drift.get("agent", {}).values())
    return [values.get("agent") for values in (row.before, row.after) if isinstance(values, dict)]
