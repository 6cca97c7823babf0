"""How lines, numbers, times and events read on a page: one wording and one format each."""

import json
import re
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from django import template
from django.conf import settings
from django.forms import BoundField, Select
from django.template import Context
from django.template.defaultfilters import stringfilter
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ..areas import REGIONS, Area
from ..forms import PROVIDER_NAMES
from ..models import Agent, Event, Line, Number, Order, Plan, PlanRow
from ..states import Guarantee, LineState, NumberStatus, PlanState, RowState
from ..tiles import COLUMNS, ROWS, TILES

register = template.Library()
S = LineState

E164 = re.compile(r"\+[0-9]{7,15}")
NBSP = "\u00a0"

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
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """One picture of the sprite; the word beside it says what it means."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name
    )


@register.filter
def phone(e164: str) -> str:
    """`+14155550123` as `+1 415 555 0123`, in one piece."""
    if len(e164) == 12 and e164.startswith("+1"):  # nearly all of them, and a list shows a hundred
        return NBSP.join((e164[:2], e164[2:5], e164[5:8], e164[8:]))
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return text.replace("-", NBSP).replace(" ", NBSP)


@register.filter
@stringfilter
def spell_phones(text: str) -> str:
    """TEXT with every number in it written like everywhere else."""
    return E164.sub(lambda found: phone(found[0]), text)


@register.filter
def provider(name: str) -> str:
    return PROVIDER_NAMES.get(name, name)


@register.filter
def money(amount: Decimal | None) -> str:
    """`$23`, `$1,234.50`: cents only where there are some."""
    if amount is None:
        return ""
    return f"${amount:,.2f}".removesuffix(".00")


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
    if moment is None:
        return ""
    moment, now = moment.astimezone(UTC), timezone.now().astimezone(UTC)
    if moment.date() == now.date():
        text = f"{moment:%H:%M:%S} UTC"
    elif moment.year == now.year:
        text = f"{moment.day} {moment:%b %H:%M} UTC"
    else:
        text = f"{moment.day} {moment:%b %Y}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        text,
    )


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
    if stopped and line.is_cancellable:
        return "Nothing was sent. It goes on when buying does."
    before, after = NEXT_STEPS[LineState(line.state)]
    if line.state in (S.UNKNOWN, S.REVIEW) and "may have" not in line.reason:
        before = f"{MAYBE} {before}"
    if not after:
        return before
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


@register.filter
def order_state(order: Order) -> str:
    """What ORDER's lines come to, in one word: what needs a person, what moves, or how it ended."""
    return next((state for state in URGENT if state in order.counts), S.BOUGHT)


@register.simple_tag
def order_badge(order: Order) -> SafeString:
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
    if about.get("wanted_number"):
        return phone(about["wanted_number"])
    return f"{plural(about.get('quantity', 1), 'line')} in area code {about.get('area_code', '')}"


def synced(about: dict) -> str:
    text = f"Read everything from Fluents: {plural(about.get('numbers', 0), 'number')}"
    return f"{text}, {about['gone']} gone" if about.get("gone") else text


# --- Fields of a number, before and after -----------------------------------------------------

FIELDS = {
    "agent": "Who answers",
    "label": "Label",
    "description": "Description",
    "outbound_only": "Outbound only",
    "tags": "Tags",
    "connection": "Connection",
    "status": "Status",
}
LONGEST_SHOWN = 120


def in_words(field: str, value: object, names: dict[str, str] | None) -> str:
    """VALUE of FIELD as staff read it; NAMES has the names of agents by their ids."""
    if field == "agent":
        return (names or {}).get(value, value) if value else "Nobody"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    if field == "status":
        return dict(NumberStatus.choices).get(value, value)
    text = str(value) if value not in (None, "") else "Empty"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


@register.simple_tag(takes_context=True)
def changes_of(context: Context, row: Event | PlanRow) -> list[dict]:
    """What ROW changed about a number: each field with its value before and after.

    The page's `agent_names` has the names of agents by their ids, where it knows them.
    """
    names = context.get("agent_names")
    before, after = row.before, row.after
    of_agent = isinstance(row, Event) and row.action.startswith("agent.")  # its reason says it
    if of_agent or not isinstance(before, dict) or not isinstance(after, dict):
        return []
    return [
        {
            "name": name,
            "before": in_words(field, before[field], names),
            "after": in_words(field, after[field], names),
        }
        for field, name in FIELDS.items()
        if field in before and field in after
    ]


@register.simple_tag
def number_map(area: Area | None) -> SafeString:
    """The states and provinces as tiles, with the one of AREA marked."""
    marked = area.region if area else ""
    tiles = format_html_join(
        "",
        '<g{}><rect x="{}" y="{}" width="22" height="22" rx="3"/><text x="{}" y="{}">{}</text></g>',
        (
            (
                SafeString(' class="here"') if tile.region == marked else "",
                tile.column * 24 + 1,
                tile.row * 24 + 1,
                tile.column * 24 + 12,
                tile.row * 24 + 15,
                tile.region,
            )
            for tile in TILES
        ),
    )
    said = f"{REGIONS[marked]} is marked." if marked else "No region is marked."
    return format_html(
        '<svg class="tiles" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        COLUMNS * 24,
        ROWS * 24,
        f"Map of the states and provinces of the United States and Canada. {said}",
        tiles,
    )


@register.filter
def region_name(region: str) -> str:
    return REGIONS.get(region, region)


@register.filter
def clock_in(area: Area) -> str:
    """The time of day where AREA is, "" where this machine has no table of time zones."""
    try:
        return f"{timezone.now().astimezone(ZoneInfo(area.time_zone)):%H:%M}"
    except (ZoneInfoNotFoundError, ValueError):
        return ""


# --- Differences between our books and Fluents ------------------------------------------------

#: What a number in the drift inbox may be there for, with its colour, icon and word.
DRIFT_KINDS = {
    "appeared": ("blue", "phone-plus", "Appeared"),
    "gone": ("red", "phone-off", "Gone"),
    "agent": ("amber", "user-off", "Who answers"),
    "label": ("amber", "scale", "Label"),
    "description": ("amber", "scale", "Description"),
    "outbound_only": ("amber", "scale", "Outbound only"),
}


@register.filter
def drift_stamp(number: Number) -> str:
    """Changes whenever NUMBER differs in another way, so that nobody decides about what they did not see."""
    return f"{zlib.crc32(json.dumps(number.drift, sort_keys=True).encode()):08x}"


@register.filter
def drift_badges(number: Number) -> list[SafeString]:
    """Why NUMBER is in the inbox; which fields differ stands beside it."""
    found = [badge(*DRIFT_KINDS[kind]) for kind in ("appeared", "gone") if kind in number.drift]
    return found + ([badge("amber", "scale", "Differs")] if FIELDS.keys() & number.drift.keys() else [])


@register.simple_tag(takes_context=True)
def differences_of(context: Context, number: Number) -> list[dict]:
    """Each field of NUMBER in which Fluents differs: its name, our value and theirs, in words."""
    names = context.get("agent_names")
    return [
        {
            "name": name,
            "ours": in_words(field, side["ours"], names),
            "theirs": in_words(field, side["theirs"], names),
        }
        for field, name in FIELDS.items()
        if isinstance(side := number.drift.get(field), dict)
    ]


@register.filter
def has_ours(number: Number) -> bool:
    """Whether our side of NUMBER can be pushed: there are values that differ, and it is still there."""
    return "gone" not in number.drift and any(field in number.drift for field in FIELDS)


# --- Plans and the list of numbers ----------------------------------------------------------

ROW_BADGES = {
    RowState.DONE: ("green", "circle-check"),
    RowState.APPLYING: ("blue", "loader-2"),
    RowState.FAILED: ("red", "circle-x"),
    RowState.SKIPPED: ("amber", "ban"),
    RowState.READY: ("grey", "clock"),
}
PLAN_BADGES = {
    PlanState.DRAFT: ("amber", "list-check"),
    PlanState.APPLYING: ("blue", "loader-2"),
    PlanState.DONE: ("green", "circle-check"),
    PlanState.DISCARDED: ("grey", "ban"),
}
PLAN_KEYS = {
    "agent": "Answers",
    "label": "Label",
    "description": "Description",
    "outbound_only": "Calls",
    "tags": "Tags",
    "status": "Status",
}


@register.filter
def plan_key(key: str) -> str:
    return PLAN_KEYS.get(key, key)


@register.filter
def plan_tally(counts: dict, plan_state: str = "") -> list[dict]:
    """How many rows of a plan are in each state, in the order of its bar."""
    draft = {RowState.READY: "Will change", RowState.SKIPPED: "Left out"}
    words = draft if plan_state == PlanState.DRAFT else {}
    return [
        {
            "state": state,
            "count": counts[state],
            "colour": ROW_BADGES[state][0],
            "word": words.get(state, state.label),
        }
        for state in ROW_BADGES
        if counts.get(state)
    ]


@register.simple_tag
def plan_bar(counts: dict) -> SafeString:
    """The rows of a plan as one bar, a stretch for each state."""
    parts = plan_tally(counts)
    words = ", ".join(f"{part['count']:,} {part['word'].lower()}" for part in parts)
    return stretched([(part["colour"], part["count"]) for part in parts], words or "no rows")


def stretched(parts: list[tuple[str, int]], words: str) -> SafeString:
    """A bar of PARTS, each a colour and a length; WORDS say the same."""
    total = sum(length for _, length in parts)
    starts = [sum(length for _, length in parts[:n]) for n in range(len(parts))]
    rects = format_html_join(
        "",
        '<rect class="fill-{}" x="{}" width="{}" height="1"/>',
        ((colour, start, length) for (colour, length), start in zip(parts, starts, strict=True)),
    )
    return format_html(
        '<div class="bar" role="img" aria-label="{}">'
        '<svg viewBox="0 0 {} 1" preserveAspectRatio="none" aria-hidden="true">{}</svg></div>',
        words,
        max(total, 1),
        rects,
    )


@register.simple_tag
def plan_row_badge(state: str, plan_state: str = "") -> SafeString:
    """The state of a plan's row; in a draft, what will become of it."""
    if plan_state == PlanState.DRAFT and state == RowState.READY:
        return badge("blue", "check", "Will change")
    if plan_state == PlanState.DRAFT and state == RowState.SKIPPED:
        return badge("grey", "ban", "Left out")
    if plan_state == PlanState.DISCARDED:
        return badge("grey", "ban", "Not changed")
    return badge(*ROW_BADGES[state], RowState(state).label)


@register.simple_tag
def plan_badge(plan: Plan) -> SafeString:
    if plan.state == PlanState.DONE and plan.counts.get(RowState.FAILED):
        return badge("red", "alert-triangle", "Some failed")
    return badge(*PLAN_BADGES[plan.state], plan.get_state_display())


@register.filter
def age(moment: datetime) -> str:
    """How long ago, in its largest unit: "3 days", "14 months"."""
    days = (timezone.now() - moment).days
    for unit, length, enough in (("year", 365.25, 731), ("month", 30.44, 60), ("day", 1, 1)):
        if days >= enough:
            return plural(int(days / length), unit)
    return "From today"


@register.filter
def capped(count: int) -> str:
    """A count of the frame, which ends at a thousand."""
    return "1,000+" if count > 1000 else f"{count:,}"


@register.simple_tag
def row_badge(row: PlanRow) -> SafeString:
    return badge(*ROW_BADGES[RowState(row.state)], row.get_state_display())


@register.simple_tag
def agent_badge(agent: Agent) -> SafeString:
    """Whether Fluents still has AGENT, by the name that we know."""
    if agent.gone_at:
        return badge("red", "user-off", "Gone at Fluents")
    if agent.known_as and agent.known_as != agent.name:
        return badge("amber", "alert-triangle", "Renamed")
    if not agent.synced_at:
        return badge("grey", "info-circle", "Not listed yet")
    return badge("green", "circle-check", "At Fluents")
