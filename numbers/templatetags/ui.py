"""Icons, badges, times, amounts and fields: how every page writes them."""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from html import escape

from django import template
from django.conf import settings
from django.forms import BoundField, Select
from django.template.defaultfilters import stringfilter
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from numbers.currencies import priced
from numbers.telephony.phone import pretty

register = template.Library()


E164 = re.compile(r"\+[0-9]{7,15}")


PRETTY = re.compile(r"\+[0-9]{1,3}(?: [0-9]{2,4}){2,4}")  # as services write numbers into sentences
NBSP = "\u00a0"
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# What helps a browser and a thumb with a field.
CONTROLS = {
    "area_code": {"autocomplete": "off", "placeholder": "617 or Boston"},
    "phone_number": {"inputmode": "tel", "autocomplete": "off", "placeholder": "+1 415 555 0123"},
    "quantity": {"inputmode": "numeric", "min": 1, "max": settings.MAX_LINES_PER_ORDER},
    "tags": {"autocomplete": "off", "placeholder": "clinic, west"},
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
    """`text` with every number in it written like everywhere else, in one piece."""
    text = E164.sub(lambda found: phone(found[0]), text)
    return PRETTY.sub(lambda found: found[0].replace(" ", NBSP), text)


@register.filter
def money(amount: Decimal | None, currency: str = "USD") -> str:
    """`amount` in the currency of its price; nothing where there is none."""
    return "" if amount is None else priced(amount, currency)


@register.filter
def plural(count: int, word: str) -> str:
    """`1 line`, `1,200 lines`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


@register.filter
def share(part: int, whole: int) -> float:
    """`part` of `whole` in per cent, to one decimal."""
    return round(100 * part / whole, 1) if whole else 0.0


@register.filter
def pretty_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """A moment: in UTC as rendered, in the reader's own time once app.js has seen it.

    Where no script runs, the style sheet adds "UTC".
    """
    return "" if moment is None else time_tag(moment, timezone.now().astimezone(UTC))


def time_tag(moment: datetime, now: datetime) -> SafeString:
    """`moment` as seen from `now`, which is in UTC. Without strftime: a list writes hundreds of them."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    written = moment.isoformat()
    day, time = written[:10], written[11:19]
    if moment.year != now.year:
        text = f"{MONTHS[moment.month]} {moment.day}, {moment.year}"
    elif moment.date() == now.date():
        text = f"today {time[:5]}"
    else:
        text = f"{MONTHS[moment.month]} {moment.day}, {time[:5]}"
    return SafeString(f'<time datetime="{day}T{time}Z" title="{day} {time} UTC">{text}</time>')


@register.simple_tag
def countdown(moment: datetime) -> SafeString:
    """How long until `moment`, which app.js counts down: "in 20 s", "in 3 min", "now"."""
    seconds = max(0, math.ceil((moment - timezone.now()).total_seconds()))
    return format_html('<span class="num" data-in="{}">{}</span>', seconds, until(seconds))


def until(seconds: int) -> str:
    """`seconds` from now in words; `until` of app.js says the same."""
    if seconds <= 0:
        return "now"
    if seconds < 100:
        return f"in {seconds} s"
    return f"in {round(seconds / 60)} min" if seconds < 5400 else f"in {round(seconds / 3600)} h"


@register.simple_tag
def elapsed(moment: datetime) -> SafeString:
    """For how long since `moment`, which app.js counts up: "for 20 s", "for 3 min"."""
    seconds = max(0, round((timezone.now() - moment).total_seconds()))
    text = until(seconds).replace("in ", "for ") if seconds else "for 0 s"
    return format_html('<span class="num" data-for="{}">{}</span>', seconds, text)


@register.simple_tag
def badge(colour: str, icon_name: str, word: str) -> SafeString:
    """A state: colour, icon and word."""
    return format_html('<span class="state state-{}">{}<span>{}</span></span>', colour, icon(icon_name), word)


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
    """`field`'s input, styled; `attrs` are further attributes, with `_` for `-`."""
    style = "form-select" if isinstance(field.field.widget, Select) else "form-control"
    hints = CONTROLS.get(field.name, {}) | {name.replace("_", "-"): value for name, value in attrs.items()}
    return field.as_widget(attrs=hints | {"class": f"{style} is-invalid" if field.errors else style})


@register.inclusion_tag("components/field.html", name="field")
def field_of_form(field: BoundField, *, help: str | None = None, **attrs) -> dict:  # noqa: A002 -- the word in a form
    """A whole field of a form: label, control, help and errors. `help` replaces the form's own."""
    return {
        "field": field,
        "control": control(field, **attrs),
        "help": field.help_text if help is None else help,
    }


def stretched(parts: list[tuple[str, int]], words: str) -> SafeString:
    """A bar of `parts`, each a colour and a length; `words` say the same."""
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


@register.filter
def age(moment: datetime) -> str:
    """How long ago, in its largest unit: "3 days", "14 months"."""
    days = (timezone.now() - moment).days
    for unit, length, enough in (("year", 365.25, 731), ("month", 30.44, 60), ("day", 1, 1)):
        if days >= enough:
            return plural(int(days / length), unit)
    return "Today"


@register.filter
def capped(count: int) -> str:
    """A count of the frame, which ends at a thousand."""
    return "1,000+" if count > 1000 else f"{count:,}"


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
