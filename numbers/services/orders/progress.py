"""How far orders are, in figures and in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Count, Max, Min, Q

from .models import Approval, Line, Order
from .reports import price_a_line
from .services import approving
from .services.history import By
from .services.moves import lease
from .services.placing import estimate
from .services.wants import in_words
from .states import CANCELLABLE, FINAL, ApprovalState, LineState

S = LineState
REASONS = 3  # that are told of one area
ENOUGH = 5  # lines that are over before their pace tells something
SLOW = timedelta(seconds=10)  # a worker that has not sent a line by then may have died


@dataclass(kw_only=True)
class Share:
    """What an order asked for in one area code ("" for exact numbers), and what came of it."""

    area_code: str
    asked: int = 0
    got: int = 0
    missing: int = 0  # not bought, and over
    reasons: list[str] = field(default_factory=list)


def describe(orders: Sequence[Order]) -> None:
    """Give each order `what` ("10 in 415, 5 in 617") and `whom` (how many agents), in two queries for all."""
    lines = Line.objects.filter(order__in=[order.pk for order in orders]).order_by()
    parts: dict[int, list] = {}
    for row in lines.values("order", "area_code").annotate(count=Count("pk"), at=Min("position")):
        parts.setdefault(row["order"], []).append((row["at"], row["area_code"], row["count"]))
    agents = lines.values("order").annotate(
        kinds=Count("agent", distinct=True), with_one=Count("agent"), all=Count("pk")
    )
    about = {row["order"]: row for row in agents}
    for order in orders:
        order.parts = [(area, count) for _, area, count in sorted(parts.get(order.pk, []))]
        order.what = in_words(order.parts)
        row = about.get(order.pk, {"kinds": 0, "with_one": 0, "all": 0})
        order.whom = row["kinds"] + (0 < row["with_one"] < row["all"])


def rows_of(lines: list[Line]) -> list[dict]:
    """The rows that were asked for: lines that follow each other and are alike."""

    def alike(line: Line) -> tuple:
        return line.area_code, line.wanted_number, line.agent_id, line.label, tuple(line.tags)

    groups = [list(group) for _, group in groupby(lines, key=alike)]
    return [{"line": group[0], "count": len(group)} for group in groups]


def question_of(order: Order, *, by: By) -> dict:
    """What the page of ORDER says about its approval; all of the request to whoever may decide now."""
    if not order.approval or not (question := Approval.objects.filter(order=order).first()):
        return {}
    about = {"question": question, "own": approving.is_own(question, by)}
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
        "as_asked": approving.digest_of(order, lines, as_asked=True) == question.digest,
        "asked": rows_of(wanted),
        "count": len(wanted),
        "called_off": len(lines) - len(wanted),
        "once": costs[0],
        "monthly": costs[1],
        "today": today if [today.once, today.monthly] != costs else None,
    }


def shares(order: Order) -> list[Share]:
    """The areas of ORDER in which something was not bought, the most missing first."""
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


def seconds_left(order: Order, *, now: datetime) -> float | None:
    """About how long ORDER takes from now on; None where nobody knows.

    By the turns that its lines were given, by the gate's rate, by its pace so far, and by when a worker that
    seems to have died must give its lines back: whichever is slowest.
    """
    waiting = sum(order.counts.get(state, 0) for state in (S.PLANNED, S.RESERVED, S.SENDING))
    if not waiting or S.UNKNOWN in order.counts:
        return None
    over = order.lines.aggregate(
        count=Count("pk", filter=Q(state__in=FINAL, settled_at__isnull=False)),
        first=Min("settled_at"),
        last=Max("settled_at"),
        turn=Max("due_at", filter=Q(state=S.PLANNED)),
        held=Max("lease_until", filter=Q(state__in=CANCELLABLE, lease_until__lt=now + lease() - SLOW)),
    )
    guesses = [waiting / settings.GATE_RATE if settings.GATE_RATE > 0 else 0.0]
    guesses += [(over[name] - now).total_seconds() for name in ("turn", "held") if over[name]]
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
