"""The list by hand: raw SQL into the same bytes, inside the same Django stack, with its frame made once.

Nothing here is taken from the product's list but the frame, the keys of pages and a table of places.
"""

from datetime import UTC, datetime
from html import escape

from django.db import connection
from django.http import HttpResponse

from numbers.listing.query import ORDERS
from numbers.telephony.area_codes import REGIONS, areas
from numbers.views.numbers.list import number_list

ROWS = """SELECT n.id, n.e164, n.label, a.api_id, a.name, a.gone_at, c.label, n.status, n.drifted,
n.outbound_only, n.bought_at, n.bought_by FROM numbers_number n
LEFT JOIN numbers_agent a ON a.id = n.agent_id LEFT JOIN numbers_connection c ON c.id = n.connection_id
WHERE n.status NOT IN ('released', 'detached') AND {more} LIMIT 100"""
NEWEST = "n.id < %s ORDER BY n.id DESC"
FILTERED = f"n.status = 'inactive' AND a.api_id = 'a3' AND {NEWEST}"
BY_TIME = """n.bought_at <= %s AND (n.bought_at < %s OR n.id < %s)
ORDER BY n.bought_at DESC NULLS LAST, n.id DESC"""
TAGS = """SELECT t.number_id, g.name FROM numbers_number_tags t JOIN numbers_tag g ON g.id = t.tag_id
WHERE t.number_id IN ({holes}) ORDER BY g.name"""
STATES = {
    "active": '<span class="state state-green i-circle-check">Active</span>',
    "inactive": '<span class="state state-grey i-circle-off">Inactive</span>',
    "gone": '<span class="state state-red i-circle-x">Gone from Fluents</span>',
}
DIFFERS = ' <span class="state state-amber i-scale">Differs</span>'
PLACES = {code: (str(area), REGIONS[area.region]) for code, area in areas().items()}
NOTHING = "\N{EN DASH}"
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
shell: list[str] = []


def raw_list(request) -> HttpResponse:
    """The rows before an id, some of them, or those that hold a text."""
    if not shell:
        whole = number_list(request).text
        shell.extend([whole[: whole.index("<tbody>") + 8], whole[whole.index("</tbody>") :]])
    more, values = FILTERED if "filtered" in request.GET else NEWEST, [int(request.GET.get("before", 2**62))]
    if "before_time" in request.GET:
        pk, moment = ORDERS["-bought"].read(request.GET["before_time"])
        moment = connection.ops.adapt_datetimefield_value(moment)
        more, values = BY_TIME, [moment, moment, pk]
    if text := request.GET.get("q", "").lower():
        more, values = held(text), [f'"{text}"' if connection.vendor == "sqlite" else f"%{text}%", *values]
    tags: dict[int, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(ROWS.format(more=more), values)
        rows = cursor.fetchall()
        if rows:
            cursor.execute(TAGS.format(holes=", ".join(["%s"] * len(rows))), [row[0] for row in rows])
            for pk, name in cursor.fetchall():
                tags.setdefault(pk, []).append(name)
    now = datetime.now(UTC)
    return HttpResponse(
        shell[0] + "".join([made(now, tags.get(row[0], ()), *row) for row in rows]) + shell[1]
    )


def held(text: str) -> str:
    if connection.vendor == "sqlite":
        return f"n.id IN (SELECT rowid FROM numbers_search WHERE numbers_search MATCH %s) AND {NEWEST}"  # noqa: S608
    return f"n.search_text LIKE %s AND {NEWEST}"


def made(
    now,
    tags,
    pk,
    e164,
    label,
    agent_id,
    agent,
    gone,
    account,
    status,
    drifted,
    outbound,
    bought_at,
    bought_by,
) -> str:
    """A row, written once more by hand."""
    phone = f"+1\xa0{e164[2:5]}\xa0{e164[5:8]}\xa0{e164[8:]}"
    place, region = PLACES[e164[2:5]]
    label, shown, account, worn = (
        escape(label),
        escape(agent or "Unassigned"),
        escape(account or ""),
        ", ".join(tags),
    )
    kind = " state state-red i-alert-triangle" if gone else "" if agent else " state state-amber i-user-off"
    who = f'<span class="who{kind}">{shown}</span>'
    if status != "gone":
        who = (
            f'<a class="who edit{kind}" href="/numbers/{e164}/assign/"'
            f' aria-label="{shown}: change who answers {phone}">{shown}</a>'
        )
    below = '<span class="below">Outbound only</span>' if outbound else ""
    when = '<td class="at-when quiet">Bought elsewhere</td>'
    if bought_at:
        iso = bought_at.isoformat()
        day = f"{MONTHS[bought_at.month]} {bought_at.day}"
        text = f"{day}, {iso[11:16] if bought_at.year == now.year else bought_at.year}"
        when = (
            f'<td class="at-when" title="Bought by {escape(bought_by)}"><time datetime="{iso[:19]}Z"'
            f' title="{iso[:10]} {iso[11:19]} UTC">{text}</time></td>'
        )
    return (
        f'<tr data-number="{e164}" data-state="{agent_id or ""}"><td class="at-tick"><input'
        f' class="form-check-input tick" type="checkbox" name="number" value="{pk}" form="bulk"'
        f' aria-label="Select {phone}"></td>'
        f'<td class="at-number" title="{place}, {region}"><a class="row-link num"'
        f' href="/numbers/{e164}/">{phone}</a>\n{place}</td><td class="at-label" title="{label}">{label}</td>'
        f'<td class="at-agent" title="{escape(agent or "")}">{who}{below}</td>'
        f'<td class="at-connection" title="{account}">{account or NOTHING}</td>'
        f'<td class="at-state">{STATES[status]}{DIFFERS if drifted else ""}</td>'
        f'<td class="at-tags" title="{worn}">{worn}</td>{when}</tr>\n'
    )
