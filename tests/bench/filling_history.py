"""Orders, lines, events and differences for books of any size, made by the database itself."""

from django.db import connection

from numbers.models import Agent, Connection, Event, Line, Number

from .filling import SERIES


def fill_history(count: int) -> None:
    """COUNT events about COUNT numbers, a tenth as many orders of one line each, and 1 % that differ."""
    sqlite = connection.vendor == "sqlite"
    pieces = {
        "count": count,
        "at": moment("n"),
        "back": moment(f"({count} - n)"),
        "no": "0" if sqlite else "false",
        "yes": "1" if sqlite else "true",
        "empty": "'{}'" if sqlite else "'{}'::jsonb",
        "list": "'[]'" if sqlite else "'[]'::jsonb",
        "cast": "" if sqlite else "::jsonb",
        "link": Connection.objects.get(api_id="c1").pk,
        "agent": Agent.objects.get(api_id="a0").pk,
        "events": SERIES[connection.vendor].format(count=count),
        "orders": SERIES[connection.vendor].format(count=count // 10),
    }
    assert Number.objects.order_by("pk").values_list("pk", flat=True).first() == 1
    with connection.cursor() as cursor:
        for statement in (ORDERS, LINES, EVENTS, DRIFT):
            cursor.execute(statement.format(**pieces))
        if not sqlite:
            cursor.execute("VACUUM ANALYZE")
    assert (Line.objects.count(), Event.objects.count()) == (count // 10, count)


def moment(n: str) -> str:
    """N times 20 seconds before the beginning of 2026."""
    if connection.vendor == "sqlite":
        return f"datetime('2026-01-01', '-' || ({n} * 20) || ' seconds')"
    return f"timestamptz '2026-01-01' - {n} * interval '20 seconds'"


ORDERS = """{orders} INSERT INTO numbers_order
(form_token, requested_by_name, quantity, approval, created_at, told_at, ending)
SELECT 'seed-' || n, 'ada', 1, '', {at}, {at}, CASE WHEN n % 50 = 0 THEN 'nothing' ELSE 'whole' END FROM s"""
LINES = """{orders} INSERT INTO numbers_line
(position, state, telephony_provider, area_code, wanted_number, phone_number, guarantee, by_area_code, reason,
 tries, sends, retries, searches, looks, absences, generation, raised, created_at, changed_at, settled_at,
 due_at, connection_id, number_id, order_id)
SELECT 1, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'bought' END, 'twilio', number.area_code, '', number.e164,
 'exact', {no}, CASE WHEN n % 50 = 0 THEN 'Refused by Fluents.' ELSE '' END, 1, 1, 0, 0, 0, 0, 1, 0,
 {at}, {at}, {at}, {at}, {link}, CASE WHEN n % 50 = 0 THEN NULL ELSE number.id END, n
FROM s JOIN numbers_number number ON number.id = n * 10"""
EVENTS = """{events} INSERT INTO numbers_event
(at, actor_name, action, before, after, reason, request_id, line_id, number_id, order_id, agent_id)
SELECT {back}, CASE WHEN n % 2 = 0 THEN 'ada' ELSE '' END,
 CASE WHEN n % 1000 = 1 THEN 'agent.renamed' WHEN n % 1000 = 2 THEN 'gate.paused'
  WHEN n % 1000 = 3 THEN 'number.accepted' WHEN n % 1000 = 4 THEN 'journal.reported'
  WHEN n % 20 = 5 THEN 'access.login' WHEN n % 10 = 6 THEN 'number.changed'
  WHEN n % 10 = 7 THEN 'order.placed' WHEN n % 3 = 0 THEN 'line.sending' ELSE 'line.bought' END,
 {empty}, {empty}, CASE WHEN n % 7 = 0 THEN 'Campaign ' || (n % 977) || ' begins on Monday.' ELSE '' END,
 'request-' || n / 3,
 CASE WHEN n % 10 IN (0, 1, 8, 9) AND n % 1000 > 4 THEN 1 + n % ({count} / 10) END,
 CASE WHEN n % 10 = 6 THEN 1 + (n * 7) % {count} END,
 CASE WHEN n % 10 = 7 THEN 1 + n % ({count} / 10) END,
 CASE WHEN n % 1000 = 1 THEN {agent} + (n / 1000) % 12 END
FROM s"""
DRIFT = """UPDATE numbers_number SET drifted = {yes},
 drift = ('{{"label": {{"ours": "' || label || '", "theirs": "Front desk"}}}}'){cast}
WHERE id % 100 = 7"""
