"""What a piece of work asks the database: how much, and by which way it is found."""

from django.db import connection
from django.test.utils import CaptureQueriesContext


def count(queries: CaptureQueriesContext) -> int:
    """How many statements; PostgreSQL's clock, which is asked once a second, is left out."""
    return sum("clock_timestamp" not in query["sql"] for query in queries)


def steps_of(sql: str) -> list[str]:
    """How SQLite finds what `sql` asks for."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return [row[-1] for row in cursor.fetchall()]
