"""How numbers, agents and differences read on a page."""

import json
import zlib
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from numbers.forms.orders import PROVIDER_NAMES
from numbers.models import Agent, Event, Number, PlanRow, Proof
from numbers.number_fields import DRIFTING, WORDS
from numbers.states import NumberStatus
from numbers.telephony.area_codes import REGIONS, Area
from numbers.telephony.tiles import COLUMNS, ROWS, TILES

from .ui import badge

register = template.Library()


# --- Fields of a number, before and after -----------------------------------------------------

#: What events tell of before and after, beyond numbers: of accounts and prices.
CHANGES = WORDS | {
    "roles": "Roles",
    "active": "Active",
    "factors": "Two-factor",
    "sessions": "Sessions",
    "monthly": "Monthly",
}
LONGEST_SHOWN = 120
STATUS_NAMES = {str(status): str(status.label) for status in NumberStatus}


def in_words(field: str, value: object, names: dict[str, str] | None) -> str:
    """`value` of `field` as staff read it; `names` has the names of agents by their ids."""
    if field == "agent":
        return (names or {}).get(str(value), str(value)) if value else "Unassigned"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    if field == "status":
        return STATUS_NAMES.get(str(value), str(value))
    text = str(value) if value not in (None, "") else "Empty"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


@register.simple_tag(takes_context=True)
def changes_of(context: Context, row: Event | PlanRow) -> list[dict]:
    """What `row` changed: each field with its value before and after.

    The page's `agent_names` has the names of agents by their ids, where it knows them.
    """
    names = context.get("agent_names")
    before, after = row.before, row.after
    of_agent = isinstance(row, Event) and row.action.startswith("agent.")  # its reason says it
    if of_agent or not isinstance(before, dict) or not isinstance(after, dict):
        return []
    found = [
        {
            "name": name,
            "before": in_words(field, before[field], names),
            "after": in_words(field, after[field], names),
        }
        for field, name in CHANGES.items()
        if field in before and field in after
    ]
    return [change for change in found if change["before"] != change["after"]]


@register.simple_tag
def number_map(area: Area | None) -> SafeString:
    """The states and provinces as tiles, with the one of `area` marked."""
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
    said = f"{REGIONS[marked]} is highlighted." if marked else "No region is highlighted."
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
    """The time of day where `area` is, "" where this machine has no table of time zones."""
    try:
        return f"{timezone.now().astimezone(ZoneInfo(area.time_zone)):%H:%M}"
    except (ZoneInfoNotFoundError, ValueError):
        return ""


# --- Differences between our books and Fluents ------------------------------------------------

#: What a number in the drift inbox may be there for, with its colour, icon and word.
DRIFT_KINDS = {
    "appeared": ("blue", "phone-plus", "Appeared"),
    "gone": ("red", "phone-off", "Gone"),
    **{name: ("amber", "user-off" if name == "agent" else "scale", WORDS[name]) for name in DRIFTING},
}


@register.filter
def drift_stamp(number: Number) -> str:
    """Changes whenever number differs in another way, so people decide only about what they saw."""
    return f"{zlib.crc32(json.dumps(number.drift, sort_keys=True).encode()):08x}"


@register.filter
def drift_badges(number: Number) -> list[SafeString]:
    """Why `number` is in the inbox; which fields differ stands beside it."""
    found = [badge(*DRIFT_KINDS[kind]) for kind in ("appeared", "gone") if kind in number.drift]
    return found + (
        [badge("amber", "scale", "Differs")] if any(name in number.drift for name in DRIFTING) else []
    )


@register.simple_tag(takes_context=True)
def differences_of(context: Context, number: Number) -> list[dict]:
    """Each field of `number` in which Fluents differs: its name, our value and theirs, in words."""
    names = context.get("agent_names")
    return [
        {
            "name": name,
            "ours": in_words(field, side["ours"], names),
            "theirs": in_words(field, side["theirs"], names),
        }
        for field, name in WORDS.items()
        if isinstance(side := number.drift.get(field), dict)
    ]


@register.filter
def has_ours(number: Number) -> bool:
    """Whether our side of `number` can be pushed: there are values that differ, and it is still there."""
    return "gone" not in number.drift and any(name in number.drift for name in DRIFTING)


# --- Plans and the list of numbers ----------------------------------------------------------


@register.simple_tag
def agent_badge(agent: Agent) -> SafeString:
    """Whether Fluents still has `agent`, by the name that we know."""
    if agent.gone_at:
        return badge("red", "user-off", "Deleted in Fluents")
    if agent.is_renamed:
        return badge("amber", "alert-triangle", "Renamed")
    if not agent.synced_at:
        return badge("grey", "info-circle", "Not listed yet")
    return badge("green", "circle-check", "Active")


CONSOLES = {
    "twilio": "https://console.twilio.com/us1/develop/phone-numbers/manage/incoming",
    "telnyx": "https://portal.telnyx.com/#/numbers/my-numbers",
}
NUMBER_BADGES = {
    NumberStatus.ACTIVE: ("green", "circle-check"),
    NumberStatus.INACTIVE: ("grey", "circle-off"),
    NumberStatus.GONE: ("red", "circle-x"),
    NumberStatus.RELEASED: ("grey", "phone-off"),
}


@register.filter
def console(provider_name: str) -> str:
    """Where the numbers of an account are listed at its provider; blank where we don't know."""
    return CONSOLES.get(provider_name, "")


@register.filter
def provider(name: str) -> str:
    return PROVIDER_NAMES.get(name, name)


@register.simple_tag
def number_badge(number: Number) -> SafeString:
    colour, icon_name = NUMBER_BADGES.get(NumberStatus(number.status), ("grey", "info-circle"))
    return badge(colour, icon_name, number.get_status_display())


PROOF_BADGES = {
    "answers": ("green", "circle-check"),
    "wrong": ("red", "alert-triangle"),
    "silent": ("red", "phone-off"),
    "unclear": ("amber", "zoom-question"),
}


@register.simple_tag
def proof_badge(proof: Proof) -> SafeString:
    return badge(*PROOF_BADGES[proof.verdict], proof.get_verdict_display())


@register.simple_tag
def who_answers(agent: Agent | None) -> SafeString | str:
    """The agent's name; a number without one needs a look."""
    return str(agent) if agent else badge("amber", "user-off", "Unassigned")
