"""Placing an order and calling it off."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import batched

from django.db import IntegrityError, transaction

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.db.wake import announce
from numbers.models import Connection, Line, Order
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.failpoints import reached
from numbers.services.inventory.upsert import agents_for, connection_for
from numbers.services.purchasing.transitions import move
from numbers.services.spending import gate
from numbers.states import CANCELLABLE, PUT_OFF, ApprovalState, LineState

from . import approvals as approving
from .budgets import why_held
from .items import Want, count_of, in_words
from .limits import NotPlaced, check_limits, why_asked
from .line_proofs import read_probe
from .prices import Cost, estimate

log = logging.getLogger(__name__)

PORTION = 200
LONGEST_WHY = 200  # characters


class PriceChanged(NotPlaced):
    """An order would cost something else than the person was shown."""


class NotConfirmed(NotPlaced):
    """An order with warnings that nobody has confirmed."""

    def __str__(self) -> str:
        return "Confirm the warnings first."


class TriedAgain(NotPlaced):
    """What an order is missing was asked for again already."""


@needs(Right.BUY)
def place_order(
    *,
    by: Actor,
    form_token: str,
    telephony_provider: str,
    telephony_account_connection: str,
    wants: Sequence[Want] = (),
    shown: Cost | None = None,
    again_of: Order | None = None,
    prove_from: str = "",
    **want,
) -> tuple[Order, bool]:
    """Write an order with its lines and event in one transaction; nothing is bought here.

    Where another person must approve it, its lines are put off until then.
    What is wanted are wants, or one alone as keywords of `Want`. shown is the estimate that the person saw.
    prove_from is the line of ours, as typed, that calls each line once it is bought; "" where none does.
    One `form_token` makes one order: a second call returns the first one's order and False.
    Raises NotPlaced.
    """
    if order := Order.objects.filter(form_token=form_token).first():
        return order, False
    wants = list(wants) or [Want(**want)]
    quantity = count_of(wants)
    about = asked_for(wants, telephony_provider=telephony_provider)
    about |= {"connection": telephony_account_connection, "quantity": quantity}
    try:
        with transaction.atomic():
            now = db_now()
            gate.locked()  # orders race for the same limits, so they pass one at a time
            if order := Order.objects.filter(form_token=form_token).first():
                return order, False  # a second click must not meet the limit that the first one used up
            cost = estimate(
                telephony_provider=telephony_provider,
                telephony_account_connection=telephony_account_connection,
                quantity=quantity,
            )
            if shown is not None and shown != cost:
                raise PriceChanged("The price table changed after you opened this page.")
            probe = read_probe(prove_from)
            check_limits(by=by, quantity=quantity, cost=cost.counted)
            if again_of and (later := again_of.tried_again.first()):
                raise TriedAgain(f"What {again_of} is missing was already reordered in {later}.")
            why = why_waits(by=by, wants=wants, cost=cost)
            order = Order.objects.create(
                form_token=form_token,
                requested_by=by.user,
                requested_by_name=by.name,
                quantity=quantity,
                cost_once=cost.once,
                cost_monthly=cost.monthly,
                currency=cost.currency,
                again_of=again_of,
                prove_from=probe,
                proving=bool(probe),
                approval=ApprovalState.WAITING if why else ApprovalState.NOT_NEEDED,
                created_at=now,
            )
            connection = connection_for(
                api_id=telephony_account_connection, telephony_provider=telephony_provider
            )
            lines = Line.objects.bulk_create(
                lines_for(order, wants, connection=connection, telephony_provider=telephony_provider, now=now)
            )
            sealed = approving.sealed_with(order, lines, why=why)
            about |= {"prove_from": probe} if probe else {}
            record_event(action="order.placed", by=by, order=order, after=about | sealed)
            if why:
                approving.ask(order, by=by, why=why, digest=sealed["digest"])
            announce()
            reached("order.written")
    except NotPlaced as error:
        record_event(action="order.refused", by=by, after=about, reason=str(error))
        raise
    except IntegrityError:
        if order := Order.objects.filter(form_token=form_token).first():
            return order, False
        raise
    log.info("order %s: %s lines", order.pk, quantity, extra={"order_id": order.pk})
    reached("order.committed")
    return order, True


@needs(Right.BUY)
def rehearse(
    *,
    by: Actor,
    telephony_provider: str,
    telephony_account_connection: str,
    wants: Sequence[Want],
    prove_from: str = "",
) -> str:
    """Why an order of `wants` would wait for another person, or ""; nothing is written.

    Raises NotPlaced where it would be refused now.
    """
    quantity = count_of(wants)
    cost = estimate(
        telephony_provider=telephony_provider,
        telephony_account_connection=telephony_account_connection,
        quantity=quantity,
    )
    check_limits(by=by, quantity=quantity, cost=cost.counted)
    read_probe(prove_from)
    return why_waits(by=by, wants=wants, cost=cost)


def why_waits(*, by: Actor, wants: Sequence[Want], cost: Cost) -> str:
    """Why another person must approve an order of `wants` at that `cost` before anything is bought, or ""."""
    over = why_asked(by=by, quantity=count_of(wants), cost=cost.counted)
    return ". ".join(filter(None, [over, why_held(wants=wants, cost=cost)]))[:LONGEST_WHY]


def lines_for(
    order: Order, wants: Sequence[Want], *, connection: Connection, telephony_provider: str, now: datetime
) -> Iterator[Line]:
    """A line for each number that `wants` ask for, due now or put off."""
    agents = agents_for({want.inbound_agent for want in wants})
    waits = order.approval == ApprovalState.WAITING
    each = (want for want in wants for _ in range(want.quantity))
    for position, want in enumerate(each, start=1):
        yield Line(
            order=order,
            position=position,
            telephony_provider=telephony_provider,
            connection=connection,
            agent=agents.get(want.inbound_agent),
            area_code=want.area_code,
            wanted_number=want.phone_number,
            label=want.label,
            tags=sorted(want.tags),
            due_at=PUT_OFF if waits else now,
            reason=approving.WAITS if waits else "",
        )


def asked_for(wants: Sequence[Want], *, telephony_provider: str) -> dict:
    """What the history keeps of `wants`; the lines have all of it."""
    if len(wants) > 1:
        what = in_words([(want.area_code, want.quantity) for want in wants])
        return {"telephony_provider": telephony_provider, "what": what}
    (want,) = wants
    return {
        "telephony_provider": telephony_provider,
        "area_code": want.area_code,
        "wanted_number": want.phone_number,
        "agent": want.inbound_agent,
    }


@needs(Right.BUY)
def cancel_line(*, line_id: int, by: Actor) -> bool:
    """Call a line off if nothing was sent for it yet. False when it was too late."""
    with transaction.atomic():
        order = approving.lock(Line.objects.values_list("order", flat=True).get(pk=line_id))
        cancelled = call_off(line_id=line_id, by=by)
        approving.withdraw_if_empty(order, by=by)
    return cancelled


def call_off(*, line_id: int, by: Actor) -> bool:
    """`cancel_line` for a line whose order the caller has locked."""
    line = Line.objects.get(pk=line_id)
    if not line.is_cancellable:
        return False
    try:
        # The new generation makes a worker that has the line at hand notice before it sends.
        move(
            line,
            LineState.CANCELLED,
            by=by,
            reason="Cancelled before anything was sent.",
            generation=line.generation + 1,
        )
    except LeaseLost:
        return False
    return True


@needs(Right.BUY)
def cancel_rest(*, order_id: int, by: Actor) -> int:
    """Call off every line of an order that nothing was sent for yet; how many that were."""
    waiting = Line.objects.filter(order=order_id, state__in=CANCELLABLE)
    # From the end, as the worker takes lines from the front; in portions, as each commit costs time.
    count = 0
    for portion in batched(waiting.order_by("-position").values_list("pk", flat=True), PORTION):
        with transaction.atomic():
            order = approving.lock(order_id)
            count += sum(call_off(line_id=pk, by=by) for pk in portion)
            approving.withdraw_if_empty(order, by=by)
    return count
