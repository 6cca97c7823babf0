"""Approval: large orders wait until another person has seen exactly what they ask for, and says yes.

What was asked for is frozen when the order is placed: a digest of all of its rows is kept. Whoever approves
sends along the digest of what the page showed. Where the books say anything else by then, nothing is bought.

Code that locks several rows takes the gate first, then the order, then its lines.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction

from numbers.db.clock import db_now
from numbers.db.wake import announce
from numbers.models import Approval, Event, Line, Order
from numbers.permissions import Right, may
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.audit.seals import seal_up_to
from numbers.services.errors import NotDone
from numbers.services.notifications.notices import tell_approval, tell_decision, untell_approval
from numbers.services.purchasing.clearance import ASKED
from numbers.services.purchasing.transitions import move
from numbers.services.spending import gate
from numbers.states import ApprovalState, LineState

WAITS = "Waiting for approval."
TOO_LATE: dict[str, str] = {
    ApprovalState.NOT_NEEDED: "This order doesn't need approval.",
    ApprovalState.WITHDRAWN: "This order was cancelled. Nothing is bought.",
}


class NotDecided(NotDone):
    """An order that this person cannot approve or refuse as it stands; the text says why, for people."""


def ask(order: Order, *, by: Actor, why: str, digest: str) -> None:
    """Put `order`, whose lines are written and put off, before the approvers; part of its transaction.

    digest stands for what is asked for. A shell user counts as the account of that name, too.
    """
    asker = by.user or namesake(by.system_user)
    Approval.objects.create(
        order=order,
        digest=digest,
        why=why,
        asked_by=asker,
        asked_by_name=by.name,
        asked_at=order.created_at,
    )
    after = {"digest": digest, "quantity": order.quantity, "account": asker and asker.pk}
    after |= {"system_user": by.system_user} if by.system_user else {}
    record_event(action="order.approval_asked", by=by, order=order, after=after, reason=f"{why}.")
    tell_approval(order=order, by=by, but=asker)


def lines_of(order: Order) -> list[Line]:
    return list(order.lines.select_related("connection", "agent").order_by("position"))


def digest_of(order: Order, lines: Iterable[Line], *, as_asked: bool = False) -> str:
    """What stands for everything that is approved. `as_asked`: before any of `lines` was called off."""
    costs = (order.cost_once, order.cost_monthly)
    frozen = {
        "order": order.pk,
        "quantity": order.quantity,
        "estimate": [None if cost is None else f"{cost:.2f}" for cost in costs],
        "currency": order.currency,
        "prove_from": order.prove_from,
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


def sealed_with(order: Order, lines: Iterable[Line], *, why: str = "") -> dict:
    """What the event of the placing of order holds besides what is asked for, so that nothing changes unseen.

    `why`: another person must approve it.
    """
    return {
        "approval": "asked" if why else "",
        "at": order.created_at.isoformat(),
        "digest": digest_of(order, lines, as_asked=True),
    }


def namesake(system_user: str) -> User | None:
    """The account that is called as a user of the system is."""
    return User.objects.filter(username__iexact=system_user).first() if system_user else None


def asked_event(order: Order) -> Event | None:
    """How the history tells that `order` waits for another person: what is decided about, and who asked."""
    return Event.objects.filter(order=order, action=ASKED).order_by("pk").first()


def is_own(asked: Event, by: Actor) -> bool:
    """Whether `by` asked for it, by what the history has kept.

    An account that is called as the system's user who typed a command is taken for that person, if it was
    so then or is now: nobody gets round a second person with a command.
    """
    now = namesake(asked.after.get("system_user", ""))
    accounts = {asked.actor_id, asked.after.get("account"), now and now.pk}
    return by.user is not None and by.user.pk in accounts


@needs(Right.APPROVE)
def approve(*, order_id: int, digest: str, by: Actor) -> Order:
    """Let an order through whose rows `digest` stands for; its lines get their turns. Raises NotDecided."""
    try:
        with transaction.atomic():
            gate.locked()
            order, lines, asked = to_decide(order_id, digest=digest, by=by)
            if digest_of(order, lines, as_asked=True) != asked.after.get("digest"):
                raise NotDecided(
                    "Our records differ from what was requested. Nothing is bought. Refuse this order."
                )
            wanted = [line for line in lines if line.state == LineState.PLANNED]
            let_go(wanted, reason=f"Approved by {by.name}.")
            event = decide(
                order, ApprovalState.APPROVED, by=by, after={"digest": digest, "lines": len(wanted)}
            )
            seal_up_to(event)  # lines are sent on the word of a sealed approval alone
            announce()
    except NotDecided as error:
        denied(order_id, by=by, what="approve", why=str(error))
        raise
    return order


@needs(Right.APPROVE)
def refuse(*, order_id: int, digest: str, by: Actor, reason: str) -> Order:
    """Call an order off that waits for approval. Raises NotDecided."""
    reason = reason if reason.endswith((".", "!", "?")) else f"{reason}."  # more words follow it
    try:
        with transaction.atomic():
            order, lines, _ = to_decide(order_id, digest=digest, by=by)
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


def to_decide(order_id: int, *, digest: str, by: Actor) -> tuple[Order, list[Line], Event]:
    """The order and its lines, ours until the transaction ends, if `by` may decide about them as they are.

    The event tells how it was asked for.
    """
    order = lock(order_id)
    question = Approval.objects.filter(order=order).first()
    if order.approval != ApprovalState.WAITING or not question:
        raise NotDecided(TOO_LATE.get(order.approval) or so_far(question))
    if not (asked := asked_event(order)):
        raise NotDecided("The history doesn't say who requested this order. Nothing is bought. Cancel it.")
    if is_own(asked, by):
        raise NotDecided("You requested this order, so another person must decide.")
    if not by.user:
        raise NotDecided("A person must decide.")
    order.question = question
    lines = lines_of(order)
    if digest_of(order, lines) != digest:
        raise NotDecided("This order changed after you opened the page. Nothing was decided. Check it again.")
    return order, lines, asked


def lock(order_id: int) -> Order:
    """The order's row, ours until the transaction ends; events that name it may still be written."""
    return Order.objects.select_for_update(no_key=True).get(pk=order_id)


def may_approve(by: Actor) -> bool:
    return by.user is not None and may(by.user, Right.APPROVE)


def so_far(question: Approval | None) -> str:
    """What was decided about `question`, and by whom."""
    if not question or not question.decision:
        return "This order no longer needs a decision."
    return f"{question.decided_by_name} already {question.get_decision_display().lower()} this order."


def let_go(lines: Sequence[Line], *, reason: str) -> None:
    """Let workers buy `lines`."""
    now = db_now()
    waiting = Line.objects.filter(pk__in=[line.pk for line in lines], state=LineState.PLANNED)
    waiting.update(due_at=now, changed_at=now, reason=reason)


def decide(order: Order, decision: ApprovalState, *, by: Actor, after: dict, reason: str = "") -> Event:
    """Write the decision down, in the history too, and tell of it; part of the caller's transaction."""
    order.approval = decision
    order.save(update_fields=["approval", "told_at"])
    question = order.question
    question.decision, question.decided_at, question.reason = decision, db_now(), reason[:500]
    question.decided_by, question.decided_by_name = by.user, by.name
    question.save()
    action = "order.approved" if decision == ApprovalState.APPROVED else "order.approval_refused"
    before = {"approval": ApprovalState.WAITING}
    event = record_event(
        action=action, by=by, order=order, before=before, after={"approval": decision, **after}, reason=reason
    )
    untell_approval(order=order)
    tell_decision(order=order, question=question)
    return event


def denied(order_id: int, *, by: Actor, what: str, why: str) -> None:
    record_event(
        action="order.approval_denied", by=by, order_id=order_id, after={"tried_to": what}, reason=why
    )


def withdraw_if_empty(order: Order, *, by: Actor) -> None:
    """Nobody has to decide about an `order`, locked by the caller, of which every line was called off."""
    if order.approval != ApprovalState.WAITING or order.lines.open().exists():
        return
    order.approval = ApprovalState.WITHDRAWN
    order.save(update_fields=["approval"])
    record_event(action="order.withdrawn", by=by, order=order)
    untell_approval(order=order)
