"""How far orders are, in figures and in words."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Count, Max, Min, Q

from numbers.db.leases import lease
from numbers.models import Approval, Line, Order
from numbers.services.audit.events import Actor
from numbers.services.orders.prices import price_a_line
from numbers.states import CANCELLABLE, FINAL, ApprovalState, LineState

from . import approvals as approving
from .prices import estimate
from .summary import OrderSummary

S = LineState
REASONS = 3  # that are told of one area
ENOUGH = 5  # lines that are over before their pace tells something
SLOW_ANSWER = timedelta(seconds=3)  # an answer usually comes sooner
SLOW = timedelta(seconds=10)  # a worker that has not sent a line by then may have died


@dataclass(kw_only=True)
class Share:
    """What an order asked for in one area code ("" for exact numbers), and what came of it."""

    area_code: str
    asked: int = 0
    got: int = 0
    missing: int = 0  # not bought, and over
    reasons: list[str] = field(default_factory=list)


def rows_of(lines: list[Line]) -> list[dict]:
    """The rows that were asked for: lines that follow each other and are alike."""

    def alike(line: Line) -> tuple:
        return line.area_code, line.wanted_number, line.agent_id, line.label, tuple(line.tags)

    groups = [list(group) for _, group in groupby(lines, key=alike)]
    return [{"line": group[0], "count": len(group)} for group in groups]


def question_of(order: Order, *, by: Actor) -> dict:
    """What the page of `order` says about its approval; all of the request to people who may decide now."""
    if not order.approval or not (question := Approval.objects.filter(order=order).first()):
        return {}
    asked = approving.asked_event(order)
    about = {"question": question, "own": asked is not None and approving.is_own(asked, by)}
    if order.approval != ApprovalState.WAITING or about["own"] or not approving.may_approve(by):
        return about
    lines = approving.lines_of(order)
    wanted = [line for line in lines if line.state == S.PLANNED]
    costs = [None if price is None else price * len(wanted) for price in price_a_line(order)]
    today = estimate(
        telephony_provider=lines[0].telephony_provider,
        telephony_account_connection=lines[0].connection.api_id,
        quantity=len(wanted),
    )
    return about | {
        "digest": approving.digest_of(order, lines),
        "as_asked": approving.digest_of(order, lines, as_asked=True) == (asked and asked.after.get("digest")),
        "asked": rows_of(wanted),
        "count": len(wanted),
        "called_off": len(lines) - len(wanted),
        "once": costs[0],
        "monthly": costs[1],
        "today": today if [today.once, today.monthly] != costs else None,
    }


def shares(order: Order) -> list[Share]:
    """The areas of `order` in which something was not bought, the most missing first."""
    found: dict[str, Share] = {}
    rows = order.lines.order_by().values_list("area_code", "state").annotate(Count("pk"))
    for area_code, state, count in rows:
        share = found.setdefault(area_code, Share(area_code=area_code))
        share.asked += count
        share.got += count * (state == S.BOUGHT)
        share.missing += count * (state == S.FAILED)
    if not any(share.missing for share in found.values()):
        return []
    failed = order.lines.filter(state=S.FAILED).order_by()
    why = failed.values_list("area_code", "reason").annotate(count=Count("pk")).order_by("-count", "reason")
    for area_code, reason, _ in why[:50]:
        reasons = found[area_code].reasons
        if len(reasons) < REASONS:
            reasons.append(reason)
    return sorted((s for s in found.values() if s.missing), key=lambda share: -share.missing)


@dataclass(kw_only=True)
class Waiting:
    """What an order waits for: an answer to the purchase that was `sent` first, the next `check` of one that
    got none, or neither, and then about how many `seconds` it takes."""

    sent: datetime | None = None
    check: datetime | None = None
    unknown: int = 0
    seconds: float | None = None

    @property
    def words(self) -> str:
        return in_time(self.seconds)


def waiting_of(summary: OrderSummary, *, now: datetime) -> Waiting:
    """What the order waits for most."""
    unknown = summary.counts.get(S.UNKNOWN, 0)
    if unknown or S.SENDING in summary.counts:
        found = summary.order.lines.aggregate(
            sent=Min("sent_at", filter=Q(state=S.SENDING)), check=Min("due_at", filter=Q(state=S.UNKNOWN))
        )
        if unknown or (found["sent"] and found["sent"] < now - SLOW_ANSWER):
            return Waiting(unknown=unknown, **found)
    return Waiting(seconds=seconds_left(summary, now=now))


def seconds_left(summary: OrderSummary, *, now: datetime) -> float | None:
    """About how long the order takes from now on; None where nobody knows.

    By the gate's rate, by its pace so far, and by when a worker that seems to have died must give its lines
    back: whichever is slowest.
    """
    waiting = sum(summary.counts.get(state, 0) for state in (S.PLANNED, S.RESERVED, S.SENDING))
    if not waiting or S.UNKNOWN in summary.counts:
        return None
    over = summary.order.lines.aggregate(
        count=Count("pk", filter=Q(state__in=FINAL, settled_at__isnull=False)),
        first=Min("settled_at"),
        last=Max("settled_at"),
        held=Max("lease_until", filter=Q(state__in=CANCELLABLE, lease_until__lt=now + lease() - SLOW)),
    )
    guesses = [waiting / settings.GATE_RATE if settings.GATE_RATE > 0 else 0.0]
    guesses += [(over["held"] - now).total_seconds()] if over["held"] else []
    if over["count"] >= ENOUGH:
        guesses.append(waiting * (over["last"] - over["first"]).total_seconds() / (over["count"] - 1))
    return max(guesses)


def in_time(seconds: float | None) -> str:
    """ "about 2 minutes", never more exact than it is."""
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds"
    if seconds < 45:
        return "less than a minute"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} minutes" if minutes > 1 else "about a minute"
    return f"about {round(minutes / 60)} hours"
