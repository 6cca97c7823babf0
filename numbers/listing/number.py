"""What the pages about one number show beside its own row."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from numbers.db.pagination import page_of
from numbers.forms.numbers import ProveForm
from numbers.models import Agent, Event, Number, PlanRow, Proof
from numbers.services.calls.endpoint import endpoint, may_ask
from numbers.services.calls.figures import answerers_of, days_of
from numbers.services.calls.knowledge import knowledge
from numbers.services.calls.proofs import new_token, why_not
from numbers.services.calls.row_proofs import Outlook, with_calls
from numbers.services.inventory.event_agents import agent_names
from numbers.services.inventory.sightings import LAST_SEEN
from numbers.services.monitoring.charts import calls_chart
from numbers.services.orders.prices import price_of
from numbers.states import AWAY, OPEN_ROWS
from numbers.telephony.area_codes import area_of
from numbers.telephony.phone import pretty

ROWS = 10  # changes spelled out; the history has the rest
NEWS = timedelta(minutes=2)  # for how long an outcome stands on top of the page


def shown() -> QuerySet[Number]:
    """Numbers with all that their pages show of their own rows."""
    numbers = Number.objects.select_related("agent", "connection").prefetch_related("tags")
    return numbers.annotate(last_seen=LAST_SEEN)


def will_answer(row: PlanRow) -> str:
    """What `row` changes, as a sentence for the moment after somebody has asked for it."""
    phone = pretty(row.number.e164)
    if "agent" not in row.after:
        return f"{phone} is being changed."
    agent = Agent.objects.filter(api_id=row.after["agent"]).first() if row.after["agent"] else None
    return f"{agent} will answer {phone}." if agent else f"No one will answer {phone}."


def everything(number: Number, *, params: QueryDict) -> dict:
    """All that the page of `number` shows beside its own row and the form that changes it."""
    known = about(number) | under_way(number) | calls_of(number) | proof_of(number)
    events = Event.objects.filter(Q(number=number) | Q(line__in=known["lines"]))
    page = page_of(events.select_related("order", "line", "number", "plan"), params=params, size=25)
    return known | {"page": page, "agent_names": agent_names(page, known["rows"])}


def about(number: Number) -> dict:
    """What is known of `number` beside its own row."""
    connection = number.connection.api_id if number.connection else ""
    price = price_of(telephony_provider=number.telephony_provider, telephony_account_connection=connection)
    return {
        "area": area_of(number.e164),
        "away": number.status in AWAY,
        "agent_dead": number.agent and number.agent.gone_at,
        "lines": list(number.lines.select_related("order")),
        "price": price,
    }


def calls_of(number: Number) -> dict:
    """The calls of `number` in the last 30 days, drawn and in figures; or why they are not known."""
    known = knowledge()
    if not known:
        return {"calls": known}
    days = days_of(number, known)
    sums = {
        name: sum(getattr(day, name) for day in days) for name in ("incoming", "outgoing", "failed", "total")
    }
    return {
        "calls": known,
        "call_sums": sums | {"minutes": round(sum(day.seconds for day in days) / 60)},
        "call_chart": calls_chart(days),
        "answerers": answerers_of(number, known),
    }


def proof_of(number: Number) -> dict:
    """The latest test call of `number`, and whether another one may be made or why not."""
    last = number.proofs.select_related("probe").first()
    on = bool(settings.PROOF_CALLS_PER_DAY)
    before = last if last or not on else Proof.objects.select_related("probe").first()
    probe = pretty(before.probe.e164) if before and before.probe_id != number.pk else ""
    return {
        "proof": last,
        "testing": bool(last and last.verdict == Proof.Verdict.OPEN),
        "untested": why_not(number),
        "may_check": on and may_ask(endpoint()),
        "prove_form": ProveForm(number=number, initial={"token": new_token(), "probe": probe}),
    }


def under_way(number: Number) -> dict:
    """The latest changes by plans; `moving` those that a worker has in hand, `news` what just ended."""
    rows = list(
        with_calls(PlanRow.objects.filter(number=number, plan__applied_at__isnull=False)).order_by("-pk")[
            :ROWS
        ]
    )
    rows = [row for row in rows if row.before != row.after]  # what would change nothing is no event
    moving = [row for row in rows if row.state in OPEN_ROWS]
    last = rows[0] if rows and not moving else None
    return {
        "rows": rows,
        "outlook": Outlook(),
        "moving": moving,
        "news": last if last and last.changed_at > timezone.now() - NEWS else None,
    }
