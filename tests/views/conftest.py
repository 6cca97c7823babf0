"""Pages are asked for with a signed-in client; htmx is three headers."""

import pytest
from django.utils import timezone

from numbers.models import Agent, Connection

FORM = {
    "telephony_provider": "twilio",
    "telephony_account_connection": "main",
    "area_code": "415",
    "phone_number": "",
    "inbound_agent": "agent-1",
    "quantity": "2",
}


@pytest.fixture
def synced(db):
    """One connection and one agent, as a sync leaves them."""
    now = timezone.now()
    Connection.objects.create(api_id="main", label="Main", telephony_provider="twilio", synced_at=now)
    Agent.objects.create(api_id="agent-1", name="Reception", synced_at=now)
