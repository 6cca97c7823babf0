"""Whether the API at hand places calls: asked once, by an administrator, before the first test call.

Only other people than Fluents document `POST /v1/calls/create`. An API that has it refuses a request with
nothing in it; one that takes such a request is not trusted with another.
"""

from django.conf import settings

from numbers import fluents
from numbers.db.clock import db_now
from numbers.models import CallEndpoint
from numbers.permissions import Right
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.fluents_client import client
from numbers.services.notifications.notices import tell_calls

ABSENT = "This Fluents API doesn't place calls."
NEVER_ASKED = "No one has checked yet whether this Fluents API places calls."
TOOK_IT = (
    "Fluents accepted an empty request to place a call. It may have called someone, so no line is tested"
    " here. Check the list of calls in Fluents."
)


def endpoint() -> CallEndpoint | None:
    """What is known of this API; None where nobody has asked it."""
    return CallEndpoint.objects.filter(api_url=settings.FLUENTS_API_URL).first()


def why_absent(row: CallEndpoint | None) -> str:
    """Why no call can be placed here, or ""."""
    return "" if row and row.exists else row.said if row else NEVER_ASKED


def may_ask(row: CallEndpoint | None) -> bool:
    """Whether asking makes sense: not where it is known that calls are placed, nor where that alarmed us."""
    return not row or not (row.exists or row.alarming)


@needs(Right.PROBE)
def ask_endpoint(*, by: Actor) -> CallEndpoint:
    """Send a request with nothing in it and keep what it came to. Raises NotDone, and NotSent."""
    if not may_ask(row := endpoint()):
        raise NotDone(why_absent(row) or "This Fluents API places calls. There's nothing to check.")
    try:
        client().try_placing_no_call()
    except fluents.Invalid:
        return keep(exists=True, said="This Fluents API places calls.", by=by)
    except (fluents.Unsupported, fluents.NotFound):
        return keep(exists=False, said=ABSENT, by=by)
    except fluents.NotSent:
        raise
    except fluents.FluentsError as error:
        if not (error.status and error.status < 300):
            return keep(exists=None, said=f"It couldn't be told: {error.user_message}", by=by)
    row = keep(exists=False, said=TOOK_IT, by=by, alarming=True)
    tell_calls(event=record_event(action="proof.alarm", by=by, reason=TOOK_IT))
    return row


def keep(*, exists: bool | None, said: str, by: Actor = SYSTEM, alarming: bool = False) -> CallEndpoint:
    about = {"exists": exists, "said": said[:500], "alarming": alarming, "api_url": settings.FLUENTS_API_URL}
    about |= {"checked_at": db_now(), "checked_by": by.name}
    row, _ = CallEndpoint.objects.update_or_create(pk=CallEndpoint.SINGLE, defaults=about)
    record_event(action="proof.checked", by=by, reason=row.said)
    return row
