"""Numbers that we give up (release, detach) and numbers that a connection holds already (link).

Giving a number up cannot be taken back, so it is sent once. Where the answer is not clear, the number
is looked up over SETTLE_WINDOW, as in buying; it counts as given up only when it is seen no more, and
its row is kept for ever.
"""

import time
from functools import partial

from django.db import transaction

from numbers import fluents
from numbers.db.clock import db_now
from numbers.db.leases import lease
from numbers.models import Agent, Connection, Line, Number, PlanRow
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.failpoints import reached
from numbers.services.fluents_client import client
from numbers.services.inventory.lookup import find_anywhere
from numbers.services.inventory.upsert import keep_number
from numbers.services.settle_schedule import next_look, window
from numbers.states import HOLDING, Act, Origin, RowState
from numbers.telephony.phone import pretty

from .rows import ENDS_AS, CannotChange, away, held_by_lines, last_changes, moved_words, values_of
from .runner import end_done, end_row, put_off, renew, write_row

GIVE_UP = 4  # windows without a readable answer before a row has failed
LINK_LOOKS = (0.3, 0.7, 1.5)  # seconds between looks for a number whose link got no clear answer


def give_up_row(row: PlanRow) -> None:
    """Release or detach the number of a row, once."""
    if row.tries:  # it was sent, and a worker that is gone or a later look must find out
        return settle_row(row, row.reason, answered=False)
    if reason := obstacle(row):
        return end_row(row, RowState.SKIPPED, reason)
    now = db_now()
    write_row(row, tries=1, sent_at=now, lease_until=now + lease())
    reached("row.sending")
    try:
        give_up = client().cancel if row.plan.act == Act.RELEASE else client().detach
        give_up(phone_number=row.number.e164, id=row.number.api_id)
    except (fluents.NotSent, fluents.RateLimited) as error:
        write_row(row, tries=0, sent_at=None)
        return put_off(row, error.user_message, error=error)
    except fluents.Refused as error:
        return end_row(row, RowState.FAILED, error.user_message)
    except fluents.FluentsError as error:
        return settle_row(row, error.user_message, answered=False)
    reached("row.sent")
    return settle_row(row, "Fluents agreed but still has the number.", answered=True)


def obstacle(row: PlanRow) -> str:
    """Why the number must not be given up, or "". What was seen must still be true."""
    number = row.number
    if reason := away(number):
        return reason
    if held_by_lines([number]):
        return "An order is buying this number right now."
    if values_of(number, ["agent"])["agent"] != row.before["agent"]:
        return moved_words(number, ["agent"], last_changes([number.pk]).get(number.pk))
    return ""


def settle_row(row: PlanRow, reason: str, *, answered: bool) -> None:
    """Look whether the number is gone. After a clear answer one look-up will do, else the list counts too."""
    phone_number = row.number.e164
    over = 1
    try:
        look = client().find_number if answered else partial(find_anywhere, keep=partial(renew, row))
        gone = look(phone_number) is None
    except fluents.FluentsError as error:
        gone, reason, over = False, f"{reason} {error.user_message}", GIVE_UP
    if gone:
        return write_given_up(row)
    now = db_now()
    if now - row.sent >= over * window():
        words = "It was sent once and not repeated. Check the number, then try again."
        return end_row(row, RowState.FAILED, f"{reason} {words}"[:500])
    return write_row(row, reason=reason[:500], lease_until=None, due_at=next_look(row.sent, now))


def write_given_up(row: PlanRow) -> None:
    """The end that was wanted: the number stays on our books as what it is now."""
    status = ENDS_AS[Act(row.plan.act)]
    with transaction.atomic():
        number = Number.objects.select_for_update().get(pk=row.number_id)
        number.status, number.drift, number.drifted = status, {}, False
        number.synced_at = db_now()
        number.save(update_fields=["status", "drift", "drifted", "synced_at"])
        end_done(row, number, f"number.{status}")


@needs(Right.BUY)
def link_number(
    *, by: Actor, phone_number: str, connection: Connection, agent: Agent | None = None
) -> Number:
    """Take a number onto our books that `connection` holds already, with `agent` to answer it.

    Raises CannotChange where it is ours or being bought, and FluentsError; after OutcomeUnknown the
    next sync shows whether it was linked after all.
    """
    if Number.objects.owned().filter(e164=phone_number).exists():
        raise CannotChange(f"We already own {pretty(phone_number)}.")
    if Line.objects.filter(phone_number=phone_number, state__in=HOLDING).exists():
        raise CannotChange(f"An order is buying {pretty(phone_number)} right now.")
    asked = {
        "phone_number": phone_number,
        "connection": connection.api_id,
        "agent": agent.api_id if agent else "",
    }
    record_event(action="number.link_asked", by=by, after=asked)
    try:
        info = client().link(
            phone_number=phone_number,
            telephony_account_connection=connection.api_id,
            inbound_agent=asked["agent"],
        )
        info = client().find_number(phone_number) or info
    except fluents.OutcomeUnknown:
        if not (linked := look_for_link(phone_number, connection)):
            raise
        info = linked
    if info.number != phone_number:
        raise fluents.OutcomeUnknown(request="POST /v1/numbers/link", detail="another number was answered")
    with transaction.atomic():
        number = keep_number(info, connection=connection, origin=Origin.LINKED)
        after = asked | {"agent": number.agent.api_id if number.agent else ""}
        who = f"{number.agent} answers it" if number.agent else "It's unassigned"
        reason = f"Linked {pretty(number.e164)}. {who}."
        record_event(action="number.linked", by=by, number=number, after=after, reason=reason)
    return number


def look_for_link(phone_number: str, connection: Connection) -> fluents.RemoteNumber | None:
    """After a link without a clear answer: the number, if it is on that connection now."""
    for pause in LINK_LOOKS:
        time.sleep(pause)
        try:
            info = find_anywhere(phone_number)
        except fluents.FluentsError:
            continue
        if info and info.telephony_account_connection in ("", connection.api_id):
            return info
    return None
