"""Finding an agent by what people call it: its id, or its name however that was typed."""

from collections.abc import Iterable
from difflib import get_close_matches

from django.db.models import QuerySet

from numbers.models import Agent
from numbers.services.typed_values import Unreadable
from numbers.telephony.characters import key_of, shown, unwrapped

NOBODY = {"", "nobody", "nobody yet"}
LISTED = 5  # of those that a message names


class AgentNames:
    """The agents that can answer now, by id and name. Case, spaces, apostrophes and accents' encoding aside.

    A name that several agents have means none of them; "Reception (3f2a91c0)", as pages write it, means one.
    """

    def __init__(self, agents: Iterable[Agent] | None = None) -> None:
        self.agents = list(Agent.objects.filter(gone_at=None) if agents is None else agents)
        self._by_id = {agent.api_id: agent for agent in self.agents}
        self._by_name: dict[str, list[Agent]] = {}
        for agent in self.agents:
            names = {agent.name, agent.label, str(agent), f"{agent} ({agent.short_id})", agent.api_id}
            for key in {key_of(name) for name in names} - {""}:
                self._by_name.setdefault(key, []).append(agent)

    def find(self, text: str) -> Agent | None:
        """The agent that `text` names, None for nobody. Raises Unreadable."""
        typed = unwrapped(text)
        key, quoted = key_of(typed), shown(typed, 60)
        if key in NOBODY and key not in self._by_name:
            return None
        if by_id := self._by_id.get(typed):
            return by_id
        named = self._by_name.get(key, [])
        exact = [agent for agent in named if key_of(agent.name) == key]  # a label is the weaker name
        found = exact if len(exact) == 1 else named
        if len(found) == 1:
            return found[0]
        if found:
            raise Unreadable(
                f"{len(found)} agents are named “{quoted}”: {listed(found)}. Enter the ID instead."
            )
        raise Unreadable(f"No agent is named “{quoted}”.{self._hint(key)}")

    def _hint(self, key: str) -> str:
        names = {key_of(str(agent)): agent for agent in self.agents}
        close = [name for name in names if key in name] or get_close_matches(key, names)
        return f" Did you mean {', '.join(str(names[name]) for name in close[:3])}?" if close else ""


def agents_called(text: str) -> QuerySet[Agent]:
    """The agents, gone ones too, whose name or label holds `text` however it is typed, or whose id it is."""
    key = key_of(text)
    named = Agent.objects.values_list("pk", "api_id", "name", "label")
    found = [pk for pk, api_id, *names in named if api_id == text or any(key in key_of(n) for n in names)]
    return Agent.objects.filter(pk__in=found)


def listed(agents: list[Agent]) -> str:
    ids = ", ".join(agent.api_id for agent in agents[:LISTED])
    return ids if len(agents) <= LISTED else f"{ids} and {len(agents) - LISTED} more"
