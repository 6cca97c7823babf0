"""How numbers are found by parts of their digits, label, agent or tags, among a million as among ten.

The database keeps an index of all runs of three characters of `search_text`, and keeps it up to date
automatically: SQLite by an FTS5 table and triggers, PostgreSQL by an index of pg_trgm. What is shorter
than three characters finds beginnings: "41" numbers and words that begin so.

Put up after every `migrate`, as SQLite drops a table's triggers whenever Django makes the table anew.
"""

import re
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import and_, or_
from time import time

from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup, Q, TextField
from django.db.models.expressions import RawSQL

from numbers.db.sql import Slot
from numbers.telephony.characters import folded, plain
from numbers.telephony.phone import to_e164

BROAD = 10_000  # matches; beyond, looking through the list in its order finds a page sooner than the index
SHORTEST = 3
REMEMBERED = 10  # seconds
#: A list of phone numbers, as people paste it: each whole, with anything of these between them.
NUMBER = re.compile(
    r"(?<![\d+])(?:\+(?!1\d)\d{7,15}|(?:\+?1[-.\s]?)?\(?\d{3}\)?[-.\s]{0,2}\d{3}[-.\s]?\d{4})(?!\d)"
)
SEPARATORS = re.compile(r"[\s,;|/'\"]+")
SHORTEST_NUMBER, LONGEST_PASTE, MOST_PASTED, MOST_BESIDE = 8, 4000, 100, 200  # all but the third: characters
NUMBER_LIKE = re.compile(r"(?=[+(\s]*\d)[+(\d][\d\s().+/-]*")
AROUND = "\"'()[]{}<>,;:"  # a word, which it is no part of
TABLE, INDEX = "numbers_number", "numbers_search"


@TextField.register_lookup
class Like(Lookup):
    """`search_text__like=pattern`: the pattern as it goes to the database, so it may be a slot."""

    lookup_name = "like"

    def as_sql(self, compiler, connection) -> tuple[str, tuple]:
        (text, params), (pattern, value) = (
            side(compiler, connection) for side in (self.process_lhs, self.process_rhs)
        )
        return f"{text} LIKE {pattern} ESCAPE '\\'", (*params, *value)


@dataclass(frozen=True, slots=True)
class Search:
    """How a text is looked for: by `matches` in SQLite's index, where it finds few enough there, and by the
    `patterns` that are left, of each term at least one."""

    matches: str
    patterns: tuple[tuple[str, ...], ...]
    count: int | None = None  # how many the index finds, where it is known to be few
    numbers: tuple[str, ...] = ()  # that were pasted, and nothing else

    @classmethod
    def of(cls, text: str) -> "Search":
        """For digits, label, agent or tags: digits however they are typed, and each word."""
        if numbers := numbers_in(text):
            return cls("", (), len(numbers), tuple(numbers))
        terms, matches, count = terms_of(text), "", None
        if connection.vendor == "sqlite" and (found := matches_of(terms)) and not is_broad(found):
            matches, terms = found, [parts for parts in terms if not indexed(parts)]
            count = counted(found, BROAD, int(time() / REMEMBERED))
        escaped = connection.ops.prep_for_like_query
        patterns = tuple(tuple(f"%{escaped(part)}%" for part in parts) for parts in terms)
        return cls(matches, patterns, count)

    @property
    def shape(self) -> "Search":
        """The same with slots for the values."""
        patterns = (
            tuple(Slot(f"like-{n}-{m}") for m in range(len(parts))) for n, parts in enumerate(self.patterns)
        )
        numbers = tuple(Slot(f"number-{n}") for n in range(len(self.numbers)))
        return Search(self.matches and Slot("matches"), tuple(patterns), numbers=numbers)

    @property
    def values(self) -> dict[str, str]:
        """What fills the slots."""
        likes = zip(self.shape.patterns, self.patterns, strict=True)
        found = {name: like for names, parts in likes for name, like in zip(names, parts, strict=True)}
        numbers = dict(zip(self.shape.numbers, self.numbers, strict=True))
        return found | numbers | {"matches": self.matches}

    @property
    def holding(self) -> Q:
        """The numbers that are found so."""
        return self.held_by("search_text")

    def held_by(self, text: str) -> Q:
        """As `holding`, with the column `text` in place of the one that PostgreSQL has the index for."""
        found = Q(e164__in=self.numbers) if self.numbers else Q()
        if self.matches:
            query = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s"  # noqa: S608 -- our own names
            found = Q(pk__in=RawSQL(query, [self.matches]))  # noqa: S611 -- as above
        likes = (reduce(or_, (Q(**{f"{text}__like": part}) for part in parts)) for parts in self.patterns)
        return reduce(and_, likes, found)


def numbers_in(text: str) -> list[str]:
    """The phone numbers that `text` lists, each once; none where there is only one."""
    text = plain(text)
    if len(text) < 2 * SHORTEST_NUMBER:
        return []
    found = [e164 for typed in NUMBER.findall(text) if (e164 := to_e164(typed))]
    return list(dict.fromkeys(found))[:MOST_PASTED] if len(found) > 1 else []


def beside_numbers(text: str) -> str:
    """What stands in a list of phone numbers and is none: a heading, or a number with a digit missing."""
    rest = NUMBER.sub(lambda typed: "" if to_e164(typed[0]) else typed[0], plain(text))
    return " ".join(SEPARATORS.sub(" ", rest).split())[:MOST_BESIDE]


def index_knows_many(text: str) -> bool:
    """Whether SQLite's index already knows that more than `BROAD` numbers hold `text`."""
    terms = terms_of(text)
    if connection.vendor != "sqlite" or numbers_in(text) or not all(map(indexed, terms)):
        return False
    return is_broad(matches_of(terms)) and not missing(connection)


def terms_of(text: str) -> list[list[str]]:
    """What `text` asks for: all of the terms, and of each at least one part."""
    text = " ".join(folded(text).split())
    if e164 := to_e164(text):  # also where it is written as a link, with letters or with an exit code
        return [[text, e164, e164.removeprefix("+1")]]
    words = (word.strip(AROUND) for word in NUMBER_LIKE.sub(" ", text).split())
    terms = [parts_of(word) for word in words if word]
    for typed in NUMBER_LIKE.findall(text):
        typed, digits = typed.strip(), "".join(filter(str.isdigit, typed))
        terms.append(list(dict.fromkeys(parts_of(typed) + (parts_of(digits) if digits else []))))
    return terms


def parts_of(word: str) -> list[str]:
    """`word`, or where it is too short for the index, how a number or a word may begin with it."""
    if len(word) >= SHORTEST:
        return [word, word.replace(",", ", ")] if re.search(r",\w", word) else [word]  # "boston,ma"
    beginnings = [f"\n{word}", f" {word}"]
    if word.isascii() and word.isdigit():
        beginnings += [f"+1{word}", f"+{word}"]
    return [part for part in beginnings if len(part) >= SHORTEST] or [word]


def indexed(parts: list[str]) -> bool:
    return all(len(part) >= SHORTEST for part in parts)


def matches_of(terms: list[list[str]]) -> str:
    """`terms` in the words of FTS5, as far as the index can find them."""
    quoted = [[f'"{part.replace('"', '""')}"' for part in parts] for parts in terms if indexed(parts)]
    return " AND ".join(f"({' OR '.join(parts)})" for parts in quoted)


def is_broad(matches: str) -> bool:
    """Whether the index would find too many; also where this SQLite has no index."""
    try:
        return counted(matches, BROAD, int(time() / REMEMBERED)) > BROAD
    except DatabaseError:
        return True


@lru_cache(maxsize=256)
def counted(matches: str, most: int, period: int) -> int:  # noqa: ARG001 -- the key of the cache
    """How many the index finds, up to one more than `most`: it chooses the way to look, so it may be old."""
    found = f"SELECT count(*) FROM (SELECT 1 FROM {INDEX} WHERE {INDEX} MATCH %s LIMIT %s)"  # noqa: S608
    with connection.cursor() as cursor:
        return cursor.execute(found, [matches, most + 1]).fetchone()[0]


def put_up(connection: BaseDatabaseWrapper) -> None:
    """Make the index where it is missing. Harmless to do again."""
    if TABLE not in connection.introspection.table_names():
        return
    if connection.vendor == "sqlite":
        put_up_sqlite(connection)
    elif connection.vendor == "postgresql":
        put_up_postgresql(connection)


def put_up_sqlite(connection: BaseDatabaseWrapper) -> None:
    """The index and its triggers; filled where they were not all there, for then it may be behind."""
    with connection.cursor() as cursor:
        if not missing(connection):
            return
        try:
            cursor.execute(FTS)
        except DatabaseError:  # an SQLite without FTS5, or older than 3.34: the search reads the table
            return
        for name, sql in TRIGGERS.items():
            cursor.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {sql}")
        cursor.execute(f"INSERT INTO {INDEX}({INDEX}) VALUES ('rebuild')")  # noqa: S608


def put_up_postgresql(connection: BaseDatabaseWrapper) -> None:
    """The index, made while others go on writing; nothing where the extension may not be had."""
    if not missing(connection):
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError:
        return
    online = "" if connection.in_atomic_block else "CONCURRENTLY"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {online} IF EXISTS {INDEX}")  # one that broke off is there, but not valid
        cursor.execute(f"CREATE INDEX {online} {INDEX} ON {TABLE} USING gin (search_text gin_trgm_ops)")
        cursor.execute(f"ANALYZE {TABLE}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """What the search lacks: without it, it still finds everything, slowly."""
    if connection.vendor == "sqlite":
        wanted, query = {INDEX, *TRIGGERS}, "SELECT name FROM sqlite_master"
    else:
        wanted = {INDEX}
        query = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisvalid"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return sorted(wanted - {name for (name,) in cursor.fetchall()})


# The index holds no text of its own, so each trigger names the text that was there before.
FTS = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX} USING fts5(search_text, content='{TABLE}',"
    " content_rowid='id', columnsize=0, tokenize='trigram case_sensitive 1')"
)
_FORGET = f"INSERT INTO {INDEX}({INDEX}, rowid, search_text) VALUES ('delete', old.id, old.search_text);"  # noqa: S608
_LEARN = f"INSERT INTO {INDEX}(rowid, search_text) VALUES (new.id, new.search_text);"  # noqa: S608
TRIGGERS = {
    "numbers_search_insert": f"AFTER INSERT ON {TABLE} BEGIN {_LEARN} END",
    "numbers_search_delete": f"AFTER DELETE ON {TABLE} BEGIN {_FORGET} END",
    "numbers_search_update": f"AFTER UPDATE OF search_text ON {TABLE}"
    f" WHEN old.search_text IS NOT new.search_text BEGIN {_FORGET} {_LEARN} END",
}
