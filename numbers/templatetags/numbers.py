"""How numbers, agents, plans and differences read on a page."""

import json
import zlib
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from ..areas import REGIONS, Area
from ..models import Agent, Event, Number, Plan, PlanRow, Wish
from ..states import NumberStatus, PlanState, RowState
from ..tiles import COLUMNS, ROWS, TILES
from .lines import badge, plural

register = template.Library()


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
    PlanState.WORKING: ("blue", "loader-2"),
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


@register.simple_tag
def working_bar(wish: Wish) -> SafeString:
    """How much of WISH is worked out."""
    parts = [("blue", wish.position), ("grey", wish.total - wish.position)]
    return stretched(parts, f"{wish.position:,} of {wish.total:,} worked out")


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


@register.simple_tag
def options(choices: Iterable[tuple[str, str]], chosen: str = "") -> SafeString:
    """The options of a list to choose from. A template would take a millisecond for each twenty."""
    return options_of(tuple(choices), chosen)


@lru_cache(maxsize=128)
def options_of(choices: tuple[tuple[str, str], ...], chosen: str) -> SafeString:
    parts = []
    for value, word in choices:
        marked = " selected" if chosen and value == chosen else ""
        parts.append(f'<option value="{escape(value)}"{marked}>{escape(word)}</option>')
    return mark_safe("".join(parts))  # noqa: S308 -- every value is escaped above
