"""How lines, numbers, times and events read on a page: one wording and one format each."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from django import template
from django.conf import settings
from django.forms import BoundField, Select
from django.template.defaultfilters import stringfilter
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ..amounts import priced
from ..areas import areas
from ..forms import PROVIDER_NAMES
from ..models import Agent, Event, Line, Number, Order
from ..phone import pretty
from ..states import PUT_OFF, ApprovalState, Guarantee, LineState, NumberStatus

register = template.Library()
S = LineState

E164 = re.compile(r"\+[0-9]{7,15}")
PRETTY = re.compile(r"\+[0-9]{1,3}(?: [0-9]{2,4}){2,4}")  # as services write numbers into sentences
NBSP = "\u00a0"
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

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
NUMBER_BADGES = {
    NumberStatus.ACTIVE: ("green", "circle-check"),
    NumberStatus.INACTIVE: ("grey", "circle-off"),
    NumberStatus.GONE: ("red", "circle-x"),
    NumberStatus.RELEASED: ("grey", "phone-off"),
}
# From the one that is done to the one that is given up: the order of figures and of the progress bar.
BAR = [S.BOUGHT, S.SENDING, S.RESERVED, S.UNKNOWN, S.REVIEW, S.PLANNED, S.FAILED, S.CANCELLED]

URGENT = [S.REVIEW, S.UNKNOWN, S.SENDING, S.RESERVED, S.PLANNED, S.FAILED, S.CANCELLED]

GUARANTEES = {
    Guarantee.EXACT: "Each line buys one exact number, so a lost answer can be looked up.",
    Guarantee.SNAPSHOT: "This Fluents API has no number search: lines are bought by area code, one at a time"
    " per connection, and a lost answer may need you.",
    Guarantee.BLIND: "This Fluents API cannot list our numbers: a lost answer always needs you.",
}
UNTRIED = "The first purchase will show what can be looked up when an answer gets lost; the order tells you."

# What helps a browser and a thumb with a field.
CONTROLS = {
    "area_code": {"inputmode": "numeric", "autocomplete": "off", "placeholder": "415"},
    "phone_number": {"inputmode": "tel", "autocomplete": "off", "placeholder": "+1 415 555 0123"},
    "quantity": {"inputmode": "numeric", "min": 1, "max": settings.MAX_LINES_PER_ORDER},
    "tags": {"autocomplete": "off", "placeholder": "clinic, west"},
}

# What comes next for a line, in front of the time and after it.
NEXT_STEPS = {
    S.PLANNED: ("Nothing was sent. Starts", "."),
    S.RESERVED: ("Buys it", "."),
    S.SENDING: ("Money may be spent now. Waiting for Fluents to answer.", ""),
    S.BOUGHT: ("", ""),
    S.FAILED: ("No money was spent.", ""),
    S.UNKNOWN: ("Looking again", ". Do not buy it again."),
    S.REVIEW: ("Look it up at the provider, then decide. Do not buy it again.", ""),
    S.CANCELLED: ("No money was spent.", ""),
}

# Said of lines whose outcome is open, unless their reason says so already.
MAYBE = "It may have been bought."

EVENTS = {
    "line.reserved": ("target-arrow", "blue", "Chose a number"),
    "line.sending": ("loader-2", "blue", "Asked Fluents to buy"),
    "line.bought": ("circle-check", "green", "Bought"),
    "line.failed": ("circle-x", "red", "Not bought"),
    "line.unknown": ("zoom-question", "violet", "No clear answer, checking"),
    "line.review": ("hand-stop", "amber", "Needs a person"),
    "line.planned": ("clock", "grey", "Back to waiting"),
    "line.cancelled": ("ban", "grey", "Cancelled"),
    "gate.paused": ("player-pause", "amber", "Buying paused"),
    "gate.opened": ("check", "green", "Buying goes on"),
    "gate.stopped": ("hand-stop", "red", "Buying stopped by itself"),
    "order.placed": ("receipt", "grey", "Ordered"),
    "books.reconciled": ("scale", "grey", "Compared the books with Fluents"),
    "number.acknowledged": ("check", "green", "Kept, though its line ended without it"),
    "sync.finished": ("refresh", "grey", "Read everything from Fluents"),
    "number.gone": ("phone-off", "red", "Gone at Fluents"),
    "number.found": ("zoom-question", "amber", "Appeared at Fluents"),
    "number.back": ("phone", "amber", "There again at Fluents"),
    "number.drifted": ("scale", "amber", "Differs from Fluents"),
    "number.agreed": ("check", "green", "Agrees with Fluents again"),
    "number.changed": ("check", "green", "Changed"),
    "number.accepted": ("check", "green", "Took Fluents' side"),
    "number.pushed": ("arrow-back-up", "green", "Pushed our side to Fluents"),
    "number.released": ("phone-off", "red", "Released"),
    "number.detached": ("phone-off", "amber", "Detached"),
    "number.link_asked": ("loader-2", "blue", "Asked Fluents to link a number"),
    "number.linked": ("phone-plus", "green", "Linked"),
    "agent.acknowledged": ("check", "green", "New name of an agent seen"),
    "agent.gone": ("user-off", "red", "An agent is gone at Fluents"),
    "agent.back": ("check", "green", "An agent is back at Fluents"),
    "agent.renamed": ("user-off", "amber", "An agent was renamed at Fluents"),
    "plan.drafted": ("receipt", "grey", "Planned a change"),
    "plan.applied": ("loader-2", "blue", "Plan applied"),
    "plan.retried": ("refresh", "blue", "Failed rows of a plan tried again"),
    "plan.stopped": ("hand-stop", "amber", "Plan stopped"),
    "plan.discarded": ("ban", "grey", "Plan discarded"),
    "plan.finished": ("circle-check", "green", "Plan finished"),
    "order.refused": ("ban", "amber", "Order refused"),
    "order.approval_asked": ("user-check", "amber", "Asked another person for approval"),
    "order.approved": ("user-check", "green", "Order approved"),
    "order.approval_refused": ("ban", "red", "Order not approved"),
    "order.approval_denied": ("ban", "red", "Refused: may not decide about the order"),
    "order.withdrawn": ("ban", "grey", "Called off before it was approved"),
    "access.denied": ("ban", "red", "Refused: not allowed"),
    "access.login": ("check", "grey", "Logged in"),
    "access.logout": ("logout", "grey", "Logged out"),
    "access.failed": ("ban", "amber", "Log-in refused"),
    "access.changed": ("check", "amber", "Own second factors changed"),
    "account.created": ("check", "amber", "Made an account"),
    "account.changed": ("check", "amber", "Changed an account"),
    "account.removed": ("user-off", "red", "Removed an account"),
    "account.group": ("check", "amber", "Changed a group"),
    "price.changed": ("receipt", "amber", "Price table changed"),
    "price.set": ("receipt", "amber", "Price table changed"),  # as it was called at first
}


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """One picture of the sprite; the word beside it says what it means."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name
    )


@register.filter
def phone(e164: str) -> str:
    """`+14155550123` as `+1 415 555 0123`, in one piece."""
    text = pretty(e164)
    return e164 if text == e164 else text.replace("-", NBSP).replace(" ", NBSP)


@register.filter
@stringfilter
def spell_phones(text: str) -> str:
    """TEXT with every number in it written like everywhere else, in one piece."""
    text = E164.sub(lambda found: phone(found[0]), text)
    return PRETTY.sub(lambda found: found[0].replace(" ", NBSP), text)


@register.filter
def provider(name: str) -> str:
    return PROVIDER_NAMES.get(name, name)


@register.filter
def money(amount: Decimal | None, currency: str = "USD") -> str:
    """AMOUNT in the currency of its price; nothing where there is none."""
    return "" if amount is None else priced(amount, currency)


@register.filter
def area_name(code: str) -> str:
    """Where an area code is: "Boston, MA"."""
    return str(areas().get(code, ""))


@register.filter
def plural(count: int, word: str) -> str:
    """`1 line`, `1,200 lines`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


@register.filter
def pretty_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """A moment: in UTC as rendered, in the reader's own time once app.js has seen it."""
    return "" if moment is None else time_tag(moment, timezone.now().astimezone(UTC))


def time_tag(moment: datetime, now: datetime) -> SafeString:
    """MOMENT as seen from NOW, which is in UTC. Without strftime: a list writes hundreds of them."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    written = moment.isoformat()
    day, time = written[:10], written[11:19]
    if moment.year != now.year:
        text = f"{moment.day} {MONTHS[moment.month]} {moment.year}"
    elif moment.date() == now.date():
        text = f"{time} UTC"
    else:
        text = f"{moment.day} {MONTHS[moment.month]} {time[:5]} UTC"
    return SafeString(f'<time datetime="{day}T{time}Z" title="{day} {time} UTC">{text}</time>')


@register.simple_tag
def badge(colour: str, icon_name: str, word: str) -> SafeString:
    """A state: colour, icon and word."""
    return format_html('<span class="state state-{}">{}<span>{}</span></span>', colour, icon(icon_name), word)


@register.simple_tag
def state_badge(state: str) -> SafeString:
    return badge(COLOURS[state], ICONS[state], LineState(state).label)


@register.simple_tag
def number_badge(number: Number) -> SafeString:
    colour, icon_name = NUMBER_BADGES.get(number.status, ("grey", "info-circle"))
    return badge(colour, icon_name, number.get_status_display())


@register.simple_tag
def who_answers(agent: Agent | None) -> SafeString | str:
    """The agent's name; a number without one needs a look."""
    return str(agent) if agent else badge("amber", "user-off", "Not assigned")


@register.simple_tag
def copy_button(e164: str) -> SafeString:
    """Copies the number as E.164. Shown where scripts run."""
    return format_html(
        '<button type="button" class="copy" data-copy="{}" aria-label="Copy {}" title="Copy {}">{}</button>',
        e164,
        phone(e164),
        e164,
        icon("copy"),
    )


@register.simple_tag
def control(field: BoundField, **attrs) -> SafeString:
    """FIELD's input in the kit's clothes; ATTRS are further attributes, with `_` for `-`."""
    dress = "form-select" if isinstance(field.field.widget, Select) else "form-control"
    hints = CONTROLS.get(field.name, {}) | {name.replace("_", "-"): value for name, value in attrs.items()}
    return field.as_widget(attrs=hints | {"class": f"{dress} is-invalid" if field.errors else dress})


@register.simple_tag
def next_step(line: Line, stopped: Exception | None = None) -> SafeString | str:
    """What happens next with LINE, and when; STOPPED is what keeps every line from being sent."""
    if line.is_cancellable and line.due_at == PUT_OFF:
        return "Nothing was sent. It starts when another person has approved the order."
    if stopped and line.is_cancellable:
        return "Nothing was sent. It goes on when buying does."
    before, after = NEXT_STEPS[LineState(line.state)]
    if line.state in (S.UNKNOWN, S.REVIEW) and "may have" not in line.reason:
        before = f"{MAYBE} {before}"
    if not after:
        return before
    if line.lease_until and line.is_cancellable:  # it may have died with the line in its hands
        return format_html(
            "Nothing was sent. A worker is at it; should that one stop, another goes on {}.",
            when(line.lease_until),
        )
    if line.lease_until or line.due_at <= timezone.now():
        return f"{before} now{after}"
    return format_html("{} {}{}", before, when(line.due_at), after)


@register.filter
def guarantee(value: str) -> str:
    """What this API lets us promise about a lost answer."""
    return GUARANTEES.get(value, UNTRIED)


@register.filter
def tally(order: Order) -> list[dict]:
    """How many lines of ORDER are in each state, in the order of the progress bar."""
    found = [state for state in BAR if state in order.counts]
    return [
        {"state": state, "count": order.counts[state], "colour": COLOURS[state], "word": state.label}
        for state in found
    ]


@register.simple_tag
def progress_bar(order: Order) -> SafeString:
    """ORDER's lines as one bar, a stretch for each state."""
    start, stretches = 0, []
    for part in tally(order):
        stretches.append((part["colour"], start, part["count"]))
        start += part["count"]
    rects = format_html_join("", '<rect class="fill-{}" x="{}" width="{}" height="1"/>', stretches)
    words = ", ".join(f"{part['count']} {part['word'].lower()}" for part in tally(order))
    return format_html(
        '<div class="bar" role="img" aria-label="{}">'
        '<svg viewBox="0 0 {} 1" preserveAspectRatio="none" aria-hidden="true">{}</svg></div>',
        f"{plural(order.quantity, 'line')}: {words}",
        max(start, 1),
        rects,
    )


@register.simple_tag
def order_what(order: Order, first: Line | None) -> str:
    """What ORDER, as `watching.describe` left it, asks for: "20 lines: 10 in 415, 10 in 617"."""
    if order.quantity == 1 and first and first.wanted_number:
        return phone(first.wanted_number)
    if len(order.parts) == 1 and order.parts[0][0]:
        return f"{plural(order.quantity, 'line')} in {order.parts[0][0]}"
    return f"{plural(order.quantity, 'line')}: {order.what}" if order.what else plural(order.quantity, "line")


@register.filter
def order_state(order: Order) -> str:
    """What ORDER's lines come to, in one word: what needs a person, what moves, or how it ended."""
    return next((state for state in URGENT if state in order.counts), S.BOUGHT)


@register.simple_tag
def order_badge(order: Order) -> SafeString:
    if order.approval == ApprovalState.WAITING:
        return badge("amber", "user-check", "Waits for approval")
    if order.approval == ApprovalState.REFUSED:
        return badge("grey", "ban", "Not approved")
    state = order_state(order)
    if order.bought and state in (S.FAILED, S.CANCELLED):
        return badge("amber", "circle-half-2", "Partly bought")
    if order.bought and state == S.PLANNED:
        return state_badge(S.SENDING)
    return state_badge(state)


@register.simple_tag
def event_badge(event: Event) -> SafeString:
    colour_icon = EVENTS.get(event.action, ("info-circle", "grey", ""))
    return format_html('<span class="dot dot-{}">{}</span>', colour_icon[1], icon(colour_icon[0]))


@register.filter
def event_sentence(event: Event) -> str:
    """What happened, in words; an action without words here is shown as it is."""
    if event.action == "order.placed":
        return f"Ordered {wanted(event.after)}"
    if event.action == "sync.finished":
        return synced(event.after)
    words = EVENTS.get(event.action)
    return words[2] if words else event.action


def wanted(about: dict) -> str:
    if about.get("what"):
        return f"{plural(about.get('quantity', 1), 'line')}: {about['what']}"
    if about.get("wanted_number"):
        return phone(about["wanted_number"])
    return f"{plural(about.get('quantity', 1), 'line')} in area code {about.get('area_code', '')}"


def synced(about: dict) -> str:
    text = f"Read everything from Fluents: {plural(about.get('numbers', 0), 'number')}"
    return f"{text}, {about['gone']} gone" if about.get("gone") else text
