"""Books of any size in a moment: the numbers are made by the database itself, the same ones each time."""

from datetime import UTC, datetime, timedelta

from django.db import connection

from numbers.listing import search
from numbers.models import Agent, CallReading, Connection, Number, Tag
from numbers.telephony.area_codes import areas

AGENTS = (
    "Reception", "Sales", "Support", "Billing", "Night desk", "Returns", "Bookings", "Recruiting",
    "Surveys", "Collections", "Concierge", "Dispatch",
)  # fmt: skip
TEAMS = ("Clinic", "Store", "Branch", "Warehouse", "Campaign", "Hotline", "Franchise", "Pop-up")
TAGS = ("support", "sales", "spring campaign", "vip")
SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count})",
    "postgresql": "WITH s AS (SELECT generate_series(1::bigint, {count}) AS n)",
}
MIX = "((n * 7919 + n / 97) % {over})"  # spreads neighbours over the choices


def fill(count: int) -> None:
    """COUNT numbers with agents, labels, tags and times, and the search index over them."""
    agents = [Agent.objects.get_or_create(api_id=f"a{n}", name=name)[0] for n, name in enumerate(AGENTS)]
    twilio, _ = Connection.objects.get_or_create(api_id="c1", label="Main", telephony_provider="twilio")
    telnyx, _ = Connection.objects.get_or_create(api_id="c2", label="Second", telephony_provider="telnyx")
    tags = [Tag.objects.get_or_create(name=name)[0] for name in TAGS]
    take_index_away()
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS.format(**pieces(count, agents, twilio, telnyx)).replace("%", "%%") % ())
        cursor.execute(WORN.format(first=tags[0].pk, many=len(tags)).replace("%", "%%") % ())
    now = datetime.now(UTC)
    CallReading.objects.update(supported=True, since=now - timedelta(days=100), until=now)
    search.put_up(connection)
    if connection.vendor == "postgresql":  # which does so by itself, unlike SQLite
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    assert Number.objects.count() == count


def take_index_away() -> None:
    """Filling an index row by row takes minutes; it is built at the end instead."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP INDEX IF EXISTS {search.INDEX}")
            return
        for name in search.TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def pieces(count: int, agents: list[Agent], twilio: Connection, telnyx: Connection) -> dict:
    """The parts of the statement below that follow from what is there."""
    sqlite = connection.vendor == "sqlite"
    codes = sorted(areas())
    first_agent, team = agents[0].pk, listed(TEAMS, MIX.format(over=len(TEAMS)))
    when = "datetime('2026-01-01', '-' || {n} || ' minutes')" if sqlite else (
        "timestamptz '2026-01-01' - {n} * interval '1 minute'"
    )  # fmt: skip
    called = (
        "datetime('now', '-' || (n % 200000) || ' minutes')"
        if sqlite
        else "now() - (n % 200000) * interval '1 minute'"
    )
    return {
        "series": SERIES[connection.vendor].format(count=count),
        "code": listed(codes, MIX.format(over=len(codes))),
        "region": listed([areas()[code].region for code in codes], MIX.format(over=len(codes))),
        "tail": "printf('%07d', 2000000 + n)" if sqlite else "lpad((2000000 + n)::text, 7, '0')",
        "agent": f"CASE WHEN n % 33 = 0 THEN NULL ELSE {first_agent} + {MIX.format(over=len(agents))} END",
        "agent_name": listed([name.lower() for name in AGENTS], MIX.format(over=len(agents))),
        "label": f"CASE WHEN n % 10 < 7 THEN {team} || ' ' || (n % 399 + 1) ELSE '' END",
        "connection": f"CASE WHEN n % 2 = 0 THEN {twilio.pk} ELSE {telnyx.pk} END",
        "bought_at": f"CASE WHEN n % 5 < 4 THEN {when.format(n='(n % 1296000)')} ELSE NULL END",
        "now": when.format(n="0"),
        "called": called,
        "no": "0" if sqlite else "false",
        "yes": "1" if sqlite else "true",
        "json": "'{}'" if sqlite else "'{}'::jsonb",
        "lower": "lower",
        "chr10": "char(10)" if sqlite else "chr(10)",
    }


def listed(values, index: str) -> str:
    """The SQL for the one of VALUES at INDEX."""
    if connection.vendor == "postgresql":
        names = ", ".join(f"'{value}'" for value in values)
        return f"(ARRAY[{names}])[1 + ({index})::int]"
    names = ", ".join(f'"{value}"' for value in values)
    return f"json_extract('[{names}]', '$[' || {index} || ']')"


NUMBERS = """{series} INSERT INTO numbers_number
(e164, api_id, telephony_provider, connection_id, agent_id, label, description, outbound_only, status,
 area_code, region, origin, drift, drifted, answer, bought_at, bought_by, synced_at, created_at, answerer,
 calls_30, last_call_at, wrong_agent, search_text)
SELECT e164, 'seed-' || n, provider, connection, agent, label, '', {no}, status, code, region, 'bought',
 {json}, {no}, {json}, bought_at, 'ada', {now}, {now},
 CASE WHEN agent IS NULL THEN '' ELSE {lower}(agent_name) END,
 CASE WHEN n % 9 = 0 OR n % 200000 > 43200 THEN 0 ELSE n % 701 END,
 CASE WHEN n % 9 = 0 THEN NULL ELSE {called} END, CASE WHEN n % 5003 = 0 THEN {yes} ELSE {no} END,
 {lower}(e164 || CASE WHEN label = '' THEN '' ELSE chr10 || label END
   || CASE WHEN agent IS NULL THEN '' ELSE chr10 || agent_name END || worn)
FROM (SELECT n, '+1' || {code} || {tail} AS e164, {code} AS code, {region} AS region,
  CASE WHEN n % 2 = 0 THEN 'twilio' ELSE 'telnyx' END AS provider, {connection} AS connection,
  {agent} AS agent, {agent_name} AS agent_name, {label} AS label, {bought_at} AS bought_at,
  CASE WHEN n % 100 < 96 THEN 'active' WHEN n % 100 < 98 THEN 'inactive' WHEN n % 100 < 99 THEN 'gone'
    ELSE 'released' END AS status,
  chr10, CASE WHEN n % 3 = 0 THEN chr10 || 'tagged' ELSE '' END AS worn
 FROM s CROSS JOIN (SELECT {chr10} AS chr10) AS c) AS made"""
WORN = """INSERT INTO numbers_number_tags (number_id, tag_id)
SELECT id, {first} + id % {many} FROM numbers_number WHERE id % 3 = 0"""
