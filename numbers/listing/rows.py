"""The rows of the list as HTML, put together in Python: a template takes ten times as long for so many cells.

Whatever comes from outside goes through `escape` here, as a template would do by itself.
"""

from collections.abc import Callable, Iterable
from datetime import UTC
from functools import cache, partial
from html import escape

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from .listing import Row
from .templatetags.lines import badge, icon, spell_phones, time_tag

NOTHING = "\N{EN DASH}"


def rows_html(rows: Iterable[Row], columns: Iterable[str], *, may_assign: bool) -> SafeString:
    """ROWS with the cells of COLUMNS, and what a row always has; ticks and pencils for those who may."""
    pen = Pen(may_assign=may_assign)
    cells = [CELLS[name] for name in columns]
    parts = [f"{pen.start(row)}{''.join([cell(pen, row) for cell in cells])}</tr>\n" for row in rows]
    return mark_safe("".join(parts))  # noqa: S308 -- every value is escaped where it is written


class Pen:
    """What the rows of one page share, made once: addresses, pictures, badges, moments, names."""

    def __init__(self, *, may_assign: bool) -> None:
        self.may_assign = may_assign
        self.base = reverse("number-list")
        self.now = timezone.now().astimezone(UTC)
        self.pencil, self.copy = icon("pencil"), icon("copy")
        self.badge = cache(badge)
        self.when = cache(partial(time_tag, now=self.now))  # as the tag `when` writes it
        self.text = cache(escape)

    def start(self, row: Row) -> str:
        """The row's tag, its tick and its number."""
        state = "changing" if row.changing else self.text(row.agent_id)
        place, pk, e164, phone = self.text(row.place), row.pk, row.e164, row.phone
        tick = self.may_assign and (
            '<td class="at-tick"><label><input class="form-check-input tick" type="checkbox" name="number"'
            f' value="{pk}" form="bulk" aria-label="Tick {phone}"></label></td>'
        )
        return (
            f'<tr id="row-{pk}" data-number="{e164}" data-state="{state}">{tick or ""}'
            f'<td class="at-number"><a class="row-link num" id="link-{pk}" href="{self.base}{e164}/">'
            f'{phone}</a> <button type="button" class="copy" data-copy="{e164}"'
            f' aria-label="Copy {phone}" title="Copy {e164}">{self.copy}</button>'
            f'<span class="below" title="{place}, {row.region}">{place}</span></td>'
        )


def label(pen: Pen, row: Row) -> str:
    text = escape(row.label)
    return f'<td class="at-label" title="{text}">{text}</td>'


def agent(pen: Pen, row: Row) -> str:
    """Who answers, with the way to change it; or what is being changed, or was refused."""
    name = pen.text(row.agent)
    if row.changing:
        moving = (
            f'{pen.badge("blue", "loader-2", "Changing…")}<span class="below">{escape(row.changing)}</span>'
        )
        return f'<td class="at-agent" title="{name}">{moving}</td>'
    if not name:
        who = pen.badge("amber", "user-off", "Not assigned")
    else:
        who = pen.badge("red", "alert-triangle", row.agent) if row.agent_gone else f"<span>{name}</span>"
    below = ""
    if row.refused:
        said = escape(spell_phones(row.refused))
        below = f'<span class="below words-red" title="{escape(row.refused)}">Not changed: {said}</span>'
    elif row.outbound_only:
        below = '<span class="below">Outbound only</span>'
    edit = edit_link(pen, row) if row.ours and pen.may_assign else ""
    return f'<td class="at-agent" title="{name}"><div class="who">{who}{edit}</div>{below}</td>'


def edit_link(pen: Pen, row: Row) -> str:
    url = f"{pen.base}{row.e164}/assign/"
    return (
        f'<a class="edit" href="{url}" hx-get="{url}" hx-target="#assign" hx-swap="outerHTML"'
        f' data-opens="assign-dialog" title="Change who answers">{pen.pencil}'
        f'<span class="visually-hidden">Change who answers {row.phone}</span></a>'
    )


def provider(pen: Pen, row: Row) -> str:
    return f'<td class="at-provider">{pen.text(row.provider)}</td>'


def connection(pen: Pen, row: Row) -> str:
    text = pen.text(row.connection)
    return f'<td class="at-connection" title="{text}">{text or NOTHING}</td>'


def status(pen: Pen, row: Row) -> str:
    differs = f" {pen.badge('amber', 'scale', 'Differs')}" if row.drifted else ""
    return f'<td class="at-state">{pen.badge(*row.badge)}{differs}</td>'


def tags(pen: Pen, row: Row) -> str:
    if not row.tags:
        return '<td class="at-tags" title=""></td>'
    names = [pen.text(tag) for tag in row.tags]
    worn = "".join(f'<span class="worn">{name}</span> ' for name in names)
    return f'<td class="at-tags" title="{", ".join(names)}">{worn}</td>'


def bought(pen: Pen, row: Row) -> str:
    if not row.bought_at:
        return '<td class="at-when"><span class="quiet">Not here</span></td>'
    by = f'<span class="below">{pen.text(row.bought_by)}</span>'
    return f'<td class="at-when">{pen.when(row.bought_at)}{by}</td>'


def synced(pen: Pen, row: Row) -> str:
    text = pen.when(row.synced_at) if row.synced_at else '<span class="quiet">Never</span>'
    return f'<td class="at-synced">{text}</td>'


#: How each column that can be chosen is written.
CELLS: dict[str, Callable[[Pen, Row], str]] = {
    "label": label,
    "agent": agent,
    "provider": provider,
    "connection": connection,
    "status": status,
    "tags": tags,
    "bought": bought,
    "synced": synced,
}
