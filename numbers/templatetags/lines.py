"""How lines and orders read on a page: one wording for each state."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from numbers.models import Line
from numbers.services.calls.asked import Told
from numbers.services.orders.summary import OrderSummary
from numbers.states import PUT_OFF, ApprovalState, Guarantee, LineState
from numbers.telephony.area_codes import areas

from .numbers import PROOF_BADGES
from .ui import badge, countdown, elapsed, phone, plural, spell_phones, stretched

register = template.Library()
S = LineState


# The icon and the colour of each state; its word is the state's label.
ICONS = {
    S.PLANNED: "clock",
    S.RESERVED: "target-arrow",
    S.SENDING: "loader-2",
    S.BOUGHT: "circle-check",
    S.FAILED: "circle-x",
    S.UNKNOWN: "zoom-question",
    S.REVIEW: "hand-stop",
    S.CANCELLED: "ban",
}
COLOURS = {
    S.PLANNED: "grey",
    S.RESERVED: "blue",
    S.SENDING: "blue",
    S.BOUGHT: "green",
    S.FAILED: "red",
    S.UNKNOWN: "violet",
    S.REVIEW: "amber",
    S.CANCELLED: "grey",
}
# From the one that is done to the one that is given up: the order of figures and of the progress bar.
BAR = [S.BOUGHT, S.SENDING, S.RESERVED, S.UNKNOWN, S.REVIEW, S.PLANNED, S.FAILED, S.CANCELLED]

URGENT = [S.REVIEW, S.UNKNOWN, S.SENDING, S.RESERVED, S.PLANNED, S.FAILED, S.CANCELLED]

GUARANTEES = {
    Guarantee.EXACT: "Each line buys one exact number, so we can check what happened if an answer is lost"
    " or unclear.",
    Guarantee.SNAPSHOT: "This Fluents API has no number search, so lines are bought by area code, one at"
    " a time per connection. We check refusals; a lost answer may need you.",
    Guarantee.BLIND: "This Fluents API can't list our numbers. A lost answer always needs you, and we"
    " accept refusals as given.",
}
UNTRIED = "The first purchase shows what we can check if an answer is lost."


# What comes next for a line, in front of the time and after it.
NEXT_STEPS = {
    S.PLANNED: ("Nothing was sent. Starts", "."),
    S.RESERVED: ("Nothing was sent. Buys it", "."),
    S.SENDING: ("Money may be spent now. Waiting for Fluents to answer", "."),
    S.BOUGHT: ("", ""),
    S.FAILED: ("No money was spent.", ""),
    S.UNKNOWN: ("Checking again", ". Don't buy it again."),
    S.REVIEW: ("Check with the provider, then decide. Don't buy it again.", ""),
    S.CANCELLED: ("No money was spent.", ""),
}

# Said of lines whose outcome is open.
MAYBE = "It may have been bought."


@register.filter
def area_name(code: str) -> str:
    """Where an area code is: "Boston, MA"."""
    return str(areas().get(code, ""))


@register.simple_tag
def state_badge(state: str) -> SafeString:
    known = LineState(state)
    return badge(COLOURS[known], ICONS[known], known.label)


@register.simple_tag
def next_step(line: Line, stopped: Exception | None = None) -> SafeString | str:
    """What happens next with `line`, and when; `stopped` is what keeps every line from being sent."""
    if line.is_cancellable and line.due_at == PUT_OFF:
        return "Nothing was sent. It starts after another person approves the order."
    if stopped and line.is_cancellable:
        return "Nothing was sent. It resumes when buying does."
    before, after = NEXT_STEPS[LineState(line.state)]
    if line.refusal:
        after = "."
    elif line.state in (S.UNKNOWN, S.REVIEW):
        before = f"{MAYBE} {before}"
    if not after:
        return before
    if line.state == S.SENDING and not line.refusal:
        return format_html("{} {}{}", before, elapsed(line.sent_at or line.changed_at), after)
    if line.lease_until and line.is_cancellable:  # it may have died with the line in its hands
        return "Nothing was sent. Being processed."
    return format_html("{} {}{}", before, countdown(line.due_at), after)


TEST_CALLS = {"testing": ("blue", "loader-2"), "waiting": ("grey", "clock"), "missed": ("amber", "phone-off")}


@register.simple_tag
def test_call(told: Told | None) -> SafeString | str:
    """How far the test call of a line has come that is part of its order; "" where none is."""
    if not told:
        return ""
    shown = badge(*(TEST_CALLS | PROOF_BADGES)[told.word], told.label)
    return format_html('<span class="below">{} {}</span>', shown, spell_phones(told.reason))


@register.filter
def guarantee(value: str) -> str:
    """What this API lets us promise about a lost answer."""
    return GUARANTEES[Guarantee(value)] if value in GUARANTEES else UNTRIED


@register.filter
def tally(summary: OrderSummary) -> list[dict]:
    """How many lines of an order are in each state, in the order of the progress bar."""
    found = [state for state in BAR if state in summary.counts]
    return [
        {"state": state, "count": summary.counts[state], "colour": COLOURS[state], "word": state.label}
        for state in found
    ]


@register.simple_tag
def progress_bar(summary: OrderSummary) -> SafeString:
    """The lines of an order as one bar, a stretch for each state."""
    parts = tally(summary)
    words = ", ".join(f"{part['count']} {part['word'].lower()}" for part in parts)
    lengths = [(part["colour"], part["count"]) for part in parts]
    return stretched(lengths, f"{plural(summary.order.quantity, 'line')}: {words}")


@register.simple_tag
def order_what(summary: OrderSummary, first: Line | None) -> str:
    """What an order asks for: "20 lines: 10 in 415, 10 in 617"."""
    if summary.order.quantity == 1 and first and first.wanted_number:
        return phone(first.wanted_number)
    lines = plural(summary.order.quantity, "line")
    if len(summary.areas) == 1 and summary.areas[0][0]:
        return f"{lines} in {summary.areas[0][0]}"
    return f"{lines}: {summary.what}" if summary.areas else lines


@register.filter
def order_state(summary: OrderSummary) -> str:
    """What an order's lines come to, in one word: what needs a person, what moves, or how it ended."""
    return next((state for state in URGENT if state in summary.counts), S.BOUGHT)


@register.simple_tag
def order_badge(summary: OrderSummary) -> SafeString:
    if summary.order.approval == ApprovalState.WAITING:
        return badge("amber", "user-check", "Waiting for approval")
    if summary.order.approval == ApprovalState.REFUSED:
        return badge("grey", "ban", "Refused")
    state = order_state(summary)
    if summary.bought and state in (S.FAILED, S.CANCELLED):
        return badge("amber", "circle-half-2", "Partly bought")
    if summary.bought and state == S.PLANNED:
        return state_badge(S.SENDING)
    return state_badge(state)
