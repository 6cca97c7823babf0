"""The rows of the list as HTML, put together in Python: a template takes ten times as long for so many cells.

Everything from outside goes through `escape` here, which a template would do automatically.
"""

from collections.abc import Callable, Iterable
from datetime import UTC
from functools import cache, lru_cache, partial
from html import escape

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from numbers.templatetags.ui import spell_phones, time_tag

from .page import Row

NOTHING = "\N{EN DASH}"
escape_often = lru_cache(maxsize=1024)(escape)  # what many rows share: names of agents, places, tags
LONGEST, TAGS = 60, 3  # characters of a text, and tags, that a cell shows


def rows_html(
    rows: Iterable[Row], columns: Iterable[str], *, may_assign: bool, calls_known: bool = False
) -> SafeString:
    """rows with the cells of columns, and what a row always has; checkboxes and links for those who may."""
    pen = Pen(may_assign=may_assign, calls_known=calls_known)
    cells = [CELLS[name] for name in columns]
    parts = [f"{pen.start(row)}{''.join([cell(pen, row) for cell in cells])}</tr>\n" for row in rows]
    return mark_safe("".join(parts))  # noqa: S308 -- every value is escaped where it is written


class Pen:
    """What the rows of one page share, made once: addresses, badges, moments, names."""

    def __init__(self, *, may_assign: bool, calls_known: bool = False) -> None:
        self.may_assign, self.calls_known = may_assign, calls_known
        self.base = reverse("number-list")
        self.now = timezone.now().astimezone(UTC)
        self.when = cache(partial(time_tag, now=self.now))  # as the tag `when` writes it
        self.text = escape_often
        self.badge = cache(self.make_badge)
        self.state, self.tags = cache(self.make_state), cache(self.make_tags)

    def make_state(self, badge: tuple[str, str, str], differs: bool) -> str:
        beside = f" {self.badge('amber', 'scale', 'Differs')}" if differs else ""
        return f'<td class="at-state">{self.badge(*badge)}{beside}</td>'

    def make_tags(self, tags: tuple[str, ...]) -> str:
        names = ", ".join([self.text(tag) for tag in tags])
        more = f" +{len(tags) - TAGS}" if len(tags) > TAGS else ""
        shown = ", ".join([self.text(cut(tag)) for tag in tags[:TAGS]])
        return f'<td class="at-tags" title="{names}">{shown}{more}</td>'

    def make_badge(self, colour: str, icon: str, word: str) -> str:
        """A state whose icon comes from the stylesheet: a row has a hundred times as many as a page."""
        return f'<span class="state state-{colour} i-{icon}">{escape(word)}</span>'

    def start(self, row: Row) -> str:
        """The row's tag, its checkbox and its number."""
        state = "changing" if row.changing else self.text(row.agent_id)
        place, pk, e164, phone = self.text(row.place), row.pk, row.e164, row.phone
        box = self.may_assign and (
            '<td class="at-tick"><input class="form-check-input tick" type="checkbox" name="number"'
            f' value="{pk}" form="bulk" aria-label="Select {phone}"></td>'
        )
        return (
            f'<tr data-number="{e164}" data-state="{state}">{box or ""}'
            f'<td class="at-number" title="{place}, {row.region}"><a class="row-link num"'
            f' href="{self.base}{e164}/">{phone}</a>\n{place}</td>'
        )


def label(pen: Pen, row: Row) -> str:  # noqa: ARG001 -- as the other cells
    text, shown = whole_and_cut(row.label)
    return f'<td class="at-label" title="{text}">{shown}</td>'


def whole_and_cut(text: str) -> tuple[str, str]:
    """`text`, and what a cell shows of it, both as HTML."""
    whole = escape(text)
    return whole, whole if len(text) <= LONGEST else escape(cut(text))


def cut(text: str) -> str:
    """`text` as far as it fits on two lines of a cell."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def agent(pen: Pen, row: Row) -> str:
    """Who answers, with the way to change it; or what is being changed, or was refused."""
    name = pen.text(row.agent)
    if row.changing:
        moving = (
            f'{pen.badge("blue", "loader-2", "Changing…")}<span class="below">{escape(row.changing)}</span>'
        )
        return f'<td class="at-agent" title="{name}">{moving}</td>'
    below = ""
    if row.refused:
        said = escape(spell_phones(row.refused))
        below = f'<span class="below words-red" title="{escape(row.refused)}">Not changed: {said}</span>'
    elif row.outbound_only:
        below = '<span class="below">Outbound only</span>'
    return f'<td class="at-agent" title="{name}">{who(pen, row, name)}{below}</td>'


def who(pen: Pen, row: Row, name: str) -> str:
    """The agent's name, which is a link to change it for those who may (list.js opens the dialog)."""
    kind = "" if name else " state state-amber i-user-off"
    if row.agent_gone:
        kind = " state state-red i-alert-triangle"
    shown = name or "Unassigned"
    if not (row.ours and pen.may_assign):
        return f'<span class="who{kind}">{shown}</span>'
    return (
        f'<a class="who edit{kind}" href="{pen.base}{row.e164}/assign/"'
        f' aria-label="{shown}: change who answers {row.phone}">{shown}</a>'
    )


def provider(pen: Pen, row: Row) -> str:
    return f'<td class="at-provider">{pen.text(row.provider)}</td>'


def connection(pen: Pen, row: Row) -> str:
    text = pen.text(row.connection)
    return f'<td class="at-connection" title="{text}">{text or NOTHING}</td>'


def status(pen: Pen, row: Row) -> str:
    return pen.state(row.badge, row.drifted)


def tags(pen: Pen, row: Row) -> str:
    return pen.tags(tuple(row.tags))


def description(pen: Pen, row: Row) -> str:  # noqa: ARG001 -- as the other cells
    text, shown = whole_and_cut(row.description)
    return f'<td class="at-description" title="{text}">{shown}</td>'


def cost(pen: Pen, row: Row) -> str:
    return f'<td class="at-cost num" title="Estimate">{pen.text(row.cost) or NOTHING}</td>'


def bought(pen: Pen, row: Row) -> str:
    if not row.bought_at:
        return '<td class="at-when quiet">Bought elsewhere</td>'
    return f'<td class="at-when" title="Bought by {pen.text(row.bought_by)}">{pen.when(row.bought_at)}</td>'


def synced(pen: Pen, row: Row) -> str:
    return f'<td class="at-synced">{pen.when(row.last_seen) if row.last_seen else "Never"}</td>'


def calls(pen: Pen, row: Row) -> str:
    return f'<td class="at-calls num">{f"{row.calls:,}" if pen.calls_known else "Not known"}</td>'


def last_call(pen: Pen, row: Row) -> str:
    if not pen.calls_known:
        return '<td class="at-last">Not known</td>'
    return f'<td class="at-last">{pen.when(row.last_call_at) if row.last_call_at else "None"}</td>'


#: How each column that can be chosen is written.
CELLS: dict[str, Callable[[Pen, Row], str]] = {
    "label": label,
    "agent": agent,
    "provider": provider,
    "connection": connection,
    "status": status,
    "tags": tags,
    "description": description,
    "cost": cost,
    "bought": bought,
    "synced": synced,
    "calls": calls,
    "last_call": last_call,
}
