"""The list by hand: raw SQL into the same HTML, inside the same Django stack, with its frame made once."""

from datetime import UTC

from django.db import connection
from django.http import HttpResponse

from numbers.listing import row_of
from numbers.queries import ORDERS
from numbers.rows import rows_html
from numbers.views.listing import number_list

COLUMNS = ["label", "agent", "provider", "connection", "status", "tags", "bought", "synced"]
FIELDS = {
    "pk": "n.id", "e164": "n.e164", "label": "n.label", "agent__api_id": "a.api_id", "agent__name": "a.name",
    "agent__label": "a.label", "agent__gone_at": "a.gone_at", "telephony_provider": "n.telephony_provider",
    "connection__api_id": "c.api_id", "connection__label": "c.label", "status": "n.status",
    "outbound_only": "n.outbound_only", "drifted": "n.drifted", "bought_at": "n.bought_at",
    "bought_by": "n.bought_by", "synced_at": "n.synced_at",
}  # fmt: skip
TIMES = ("bought_at", "synced_at")
ROWS = f"""SELECT {", ".join(FIELDS.values())} FROM numbers_number n
LEFT JOIN numbers_agent a ON a.id = n.agent_id LEFT JOIN numbers_connection c ON c.id = n.connection_id
WHERE n.status NOT IN ('released', 'detached') AND {{more}} LIMIT 100"""  # noqa: S608
NEWEST = "n.id < %s ORDER BY n.id DESC"
FILTERED = f"n.status = 'inactive' AND a.api_id = 'a3' AND {NEWEST}"
BY_TIME = """n.bought_at <= %s AND (n.bought_at < %s OR n.id < %s)
ORDER BY n.bought_at DESC NULLS LAST, n.id DESC"""
TAGS = """SELECT t.number_id, g.name FROM numbers_number_tags t JOIN numbers_tag g ON g.id = t.tag_id
WHERE t.number_id IN ({holes}) ORDER BY g.name"""
shell: list[str] = []


def raw_list(request) -> HttpResponse:
    """The rows before an id, some of them, or those that hold a text."""
    if not shell:
        whole = number_list(request).text
        shell.extend([whole[: whole.index("<tbody>") + 7], whole[whole.index("</tbody>") :]])
    more, values = FILTERED if "filtered" in request.GET else NEWEST, [int(request.GET.get("before", 2**62))]
    if "before_time" in request.GET:
        pk, moment = ORDERS["-bought"].read(request.GET["before_time"])
        moment = connection.ops.adapt_datetimefield_value(moment)
        more, values = BY_TIME, [moment, moment, pk]
    if text := request.GET.get("q", "").lower():
        more, values = held(text), [f'"{text}"' if connection.vendor == "sqlite" else f"%{text}%", *values]
    with connection.cursor() as cursor:
        cursor.execute(ROWS.format(more=more), values)
        rows = [made(dict(zip(FIELDS, row, strict=True))) for row in cursor.fetchall()]
        by_pk = {row.pk: row for row in rows}
        if rows:
            cursor.execute(TAGS.format(holes=", ".join(["%s"] * len(rows))), list(by_pk))
            for pk, name in cursor.fetchall():
                by_pk[pk].tags.append(name)
    return HttpResponse(f"{shell[0]}{rows_html(rows, COLUMNS, may_assign=True)}{shell[1]}")


def held(text: str) -> str:
    if connection.vendor == "sqlite":
        return f"n.id IN (SELECT rowid FROM numbers_search WHERE numbers_search MATCH %s) AND {NEWEST}"  # noqa: S608
    return f"n.search_text LIKE %s AND {NEWEST}"


def made(values: dict):
    if connection.vendor == "sqlite":  # which knows no time zones
        for name in TIMES:
            if values[name]:
                values[name] = values[name].replace(tzinfo=UTC)
    return row_of(values)
