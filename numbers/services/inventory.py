"""Writing what Fluents tells us about numbers, agents and connections into the local copy."""

from django.db.models import Q

from .. import fluents
from ..models import Agent, Connection, Number
from ..states import NumberStatus
from .history import db_now


def connection_for(*, api_id: str, telephony_provider: str = "") -> Connection:
    """The connection with that id; a bare row is made for one that no sync has shown yet."""
    row, _ = Connection.objects.get_or_create(
        api_id=api_id, defaults={"telephony_provider": telephony_provider}
    )
    return row


def agent_for(reference: str, name: str = "") -> Agent | None:
    """The agent that REFERENCE means: an id, or the name of just one agent. None for ""."""
    if not reference:
        return None
    named = list(Agent.objects.filter(Q(api_id=reference) | Q(name=reference), gone_at=None)[:2])
    exact = [agent for agent in named if agent.api_id == reference]
    if exact or len(named) == 1:
        return (exact or named)[0]
    row, _ = Agent.objects.get_or_create(api_id=reference, defaults={"name": name})
    return row


def keep_number(
    info: fluents.Number,
    *,
    connection: Connection | None = None,
    agent: Agent | None = None,
    bought_by: str | None = None,
) -> Number:
    """Insert or renew the local copy of a number that Fluents says is ours.

    CONNECTION and AGENT stand in where the answer names none. BOUGHT_BY marks a fresh purchase.
    """
    now = db_now()
    values = {
        "api_id": info.id,
        "telephony_provider": info.telephony_provider,
        "label": info.label,
        "description": info.description,
        "outbound_only": info.outbound_only,
        "status": NumberStatus.ACTIVE if info.active else NumberStatus.INACTIVE,
        "tags": list(info.tags),
        "answer": info.as_json(),
        "agent": agent_for(info.inbound_agent, info.inbound_agent_name) or agent,
        "synced_at": now,
    }
    if info.telephony_account_connection:
        values["connection"] = connection_for(
            api_id=info.telephony_account_connection, telephony_provider=info.telephony_provider
        )
    elif connection:
        values["connection"] = connection
    if bought_by is not None:
        values |= {"bought_at": now, "bought_by": bought_by}
    number, _ = Number.objects.update_or_create(e164=info.number, defaults=values)
    return number
