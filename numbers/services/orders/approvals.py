"""Approval: large orders wait until another person has seen exactly what they ask for, and says yes.

What was asked for is frozen when the order is placed: a digest of all of its rows is kept. Whoever approves
sends along the digest of what the page showed. Where the books say anything else by then, nothing is bought.

Whoever locks several rows takes the gate first, then the order, then its lines.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from ..models import Approval, Event, Line, Order
from ..roles import Right, may, refusal
from ..states import ApprovalState, LineState
from . import gate
from .driving import ring_first
from .history import By, db_now, record
from .moves import move
from .telling import tell_approval, tell_decision, untell_approval

WAITS = "Waits for approval."
TOO_LATE = {
    ApprovalState.NOT_NEEDED: "This order needs no approval.",
    ApprovalState.WITHDRAWN: "This order was called off. Nothing of it is bought.",
}


class NotDecided(Exception):
    """An order that this person cannot approve or refuse as it stands; the text says why, for people."""


def why_asked(*, quantity: int, cost: Decimal | None) -> str:
    """Which limit an order of QUANTITY lines passes, so that another person must approve it, or ""."""
    if settings.APPROVAL_LINES and quantity > settings.APPROVAL_LINES:
        return f"Above {settings.APPROVAL_LINES:,} lines"
    if settings.APPROVAL_COST and cost is None:
        return "No price is known for it"
    if settings.APPROVAL_COST and cost > settings.APPROVAL_COST:
        return f"Above an estimate of {settings.APPROVAL_COST:,.2f} for the first month"
    return ""


def ask(order: Order, *, by: By, why: str) -> None:
    """Put ORDER, whose lines are written and put off, before the approvers; part of its transaction."""
    rows = lines_of(order)
    question = Approval.objects.create(
        order=order,
        digest=digest_of(order, rows, as_asked=True),
        why=why,
        asked_by=by.user,
        asked_by_name=by.name,
        asked_at=order.created_at,
    )
    after = {"digest": question.digest, "quantity": order.quantity}
    record(action="order.approval_asked", by=by, order=order, after=after, reason=f"{why}.")
    tell_approval(order=order, but=by)


def lines_of(order: Order) -> list[Line]:
    return list(order.lines.select_related("connection", "agent").order_by("position"))


def digest_of(order: Order, lines: Iterable[Line], *, as_asked: bool = False) -> str:
    """What stands for everything that is approved. AS_ASKED: before any of LINES was called off."""
    costs = (order.cost_once, order.cost_monthly)
    frozen = {
        "order": order.pk,
        "quantity": order.quantity,
        "estimate": [None if cost is None else f"{cost:.2f}" for cost in costs],
        "currency": order.currency,
        "lines": [
            {
                "position": line.position,
                "provider": line.telephony_provider,
                "connection": line.connection.api_id,
                "area_code": line.area_code,
                "number": line.wanted_number,
                "agent": line.agent.api_id if line.agent else "",
                "label": line.label,
                "tags": line.tags,
                "wanted": as_asked or line.state != LineState.CANCELLED,
            }
            for line in lines
        ],
    }
    return hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()


def is_own(question: Approval, by: By) -> bool:
    """Whether BY asked for it: by the account, whatever it is called now; by name where there is none."""
    if question.asked_by_id and by.user:
        return question.asked_by_id == by.user.pk
    return bool(by.name) and question.asked_by_name == by.name


def approve(*, order_id: int, digest: str, by: By) -> Order:
    """Let an order through whose rows DIGEST stands for; its lines get their turns. Raises NotDecided."""
    try:
        with transaction.atomic():
            gate.locked()
            order, lines = to_decide(order_id, digest=digest, by=by)
            if digest_of(order, lines, as_asked=True) != order.question.digest:
                raise NotDecided(
                    "What is in the books is not what was asked for. Nothing is bought. Refuse it."
                )
            wanted = [line for line in lines if line.state == LineState.PLANNED]
            let_go(wanted, reason=f"Approved by {by.name}.")
            decide(order, ApprovalState.APPROVED, by=by, after={"digest": digest, "lines": len(wanted)})
            ring_first(wanted, now=db_now())
    except NotDecided as error:
        denied(order_id, by=by, what="approve", why=str(error))
        raise
    return order


def refuse(*, order_id: int, digest: str, by: By, reason: str) -> Order:
    """Call an order off that waits for approval. Raises NotDecided."""
    reason = reason if reason.endswith((".", "!", "?")) else f"{reason}."  # more words follow it
    try:
        with transaction.atomic():
            order, lines = to_decide(order_id, digest=digest, by=by)
            said = f"Refused by {by.name}: {reason}"
            for line in lines:
                if line.state == LineState.PLANNED:
                    move(line, LineState.CANCELLED, by=by, reason=said, generation=line.generation + 1)
            order.told_at = db_now()  # the refusal says it all
            decide(order, ApprovalState.REFUSED, by=by, reason=reason, after={"digest": digest})
    except NotDecided as error:
        denied(order_id, by=by, what="refuse", why=str(error))
        raise
    return order


def to_decide(order_id: int, *, digest: str, by: By) -> tuple[Order, list[Line]]:
    """The order and its lines, ours until the transaction ends, if BY may decide about them as they are."""
    order = lock(order_id)
    question = Approval.objects.filter(order=order).first()
    if order.approval != ApprovalState.WAITING or not question:
        raise NotDecided(TOO_LATE.get(order.approval) or so_far(question))
    if is_own(question, by):
        raise NotDecided("You asked for this order, so another person must decide about it.")
    if not may_approve(by):
        raise NotDecided(refusal(by.user, Right.APPROVE) if by.user else "A person must decide about it.")
    order.question = question
    lines = lines_of(order)
    if digest_of(order, lines) != digest:
        raise NotDecided("This order has changed since the page was made. Nothing was decided. Look again.")
    return order, lines


def lock(order_id: int) -> Order:
    """The order's row, ours until the transaction ends; events that name it may still be written."""
    return Order.objects.select_for_update(no_key=True).get(pk=order_id)


def may_approve(by: By) -> bool:
    return bool(by.user) and may(by.user, Right.APPROVE)


def so_far(question: Approval | None) -> str:
    """What was decided about QUESTION, and by whom."""
    if not question or not question.decision:
        return "Nobody can decide about this order any more."
    return f"{question.decided_by_name} has {question.get_decision_display().lower()} this order already."


def let_go(lines: Sequence[Line], *, reason: str) -> None:
    """Give LINES their turns at the gate."""
    now = db_now()
    for line, turn in zip(lines, gate.turns(count=len(lines), now=now), strict=True):
        line.due_at, line.changed_at, line.reason = turn, now, reason
    waiting = Line.objects.filter(state=LineState.PLANNED)
    waiting.bulk_update(lines, ["due_at", "changed_at", "reason"], batch_size=500)


def decide(order: Order, decision: ApprovalState, *, by: By, after: dict, reason: str = "") -> None:
    """Write the decision down, in the history too, and tell of it; part of the caller's transaction."""
    order.approval = decision
    order.save(update_fields=["approval", "told_at"])
    question = order.question
    question.decision, question.decided_at, question.reason = decision, db_now(), reason[:500]
    question.decided_by, question.decided_by_name = by.user, by.name
    question.save()
    action = "order.approved" if decision == ApprovalState.APPROVED else "order.approval_refused"
    before = {"approval": ApprovalState.WAITING}
    record(
        action=action, by=by, order=order, before=before, after={"approval": decision, **after}, reason=reason
    )
    untell_approval(order=order)
    tell_decision(order=order, question=question)


def altered() -> Iterator[str]:
    """Orders that are not in the books any more as the history says they were asked for and approved."""
    events = Event.objects.filter(action__in=["order.approval_asked", "order.approved"])
    for event in events.select_related("order").order_by("pk"):
        before = Event.objects.filter(order=event.order, action="line.cancelled", pk__lt=event.pk)
        called_off = set(before.values_list("line", flat=True))
        lines = lines_of(event.order)
        for line in lines:  # as they were then
            line.state = LineState.CANCELLED if line.pk in called_off else LineState.PLANNED
        if digest_of(event.order, lines) != event.after.get("digest"):
            yield f"{event.order} is not in the books as event {event.pk} ({event.action}) has sealed it."


def denied(order_id: int, *, by: By, what: str, why: str) -> None:
    record(action="order.approval_denied", by=by, order_id=order_id, after={"tried_to": what}, reason=why)


def withdraw_if_empty(order: Order, *, by: By) -> None:
    """Nobody has to decide about an ORDER, locked by the caller, of which every line was called off."""
    if order.approval != ApprovalState.WAITING or order.lines.open().exists():
        return
    order.approval = ApprovalState.WITHDRAWN
    order.save(update_fields=["approval"])
    record(action="order.withdrawn", by=by, order=order)
    untell_approval(order=order)
