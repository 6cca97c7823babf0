"""What open pages ask all the time, and what they are told: nothing, until something has changed."""

import re
import shutil
from datetime import timedelta
from html import unescape
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from numbers import context_processors
from numbers.db import news, prepared
from numbers.db.memory import Remembered
from numbers.fluents import FluentsError
from numbers.middleware import LIVE, checksum
from numbers.models import (
    Agent,
    Commit,
    Connection,
    Gate,
    Invoice,
    Line,
    Notice,
    Number,
    Order,
    Plan,
    SavedView,
    Snooze,
    Tag,
)
from numbers.services.inventory.sync import sync
from numbers.services.scheduler import Scheduler
from numbers.states import LineState
from tests.support.stack import migrated

# In one transaction a test's own changes hide behind whatever else is committed at PostgreSQL meanwhile.
pytestmark = pytest.mark.django_db(transaction=True)
#: Tables that live pages read, and whose changes come with another one's or show to nobody.
UNSEEN = {
    "numbers_approval",
    "numbers_commit",
    "numbers_event",
    "numbers_finding",
    "numbers_journal",
    "numbers_putaway",
}


class Tab:
    """A page that is open in a browser."""

    def __init__(self, client, path: str) -> None:
        self.client, self.path = client, path
        found = re.search(r'data-seen="([^"]+)"', client.get(path).text)
        self.seen = unescape(found[1]) if found else None

    def poll(self):
        answer = self.client.get(self.path, headers={"X-Seen": self.seen})
        self.seen = answer.get("X-Seen", self.seen)
        return answer


def settled(client, path: str) -> Tab:
    """A page that has been told once what it shows."""
    tab = Tab(client, path)
    tab.seen = ""
    assert tab.poll().status_code == 200
    assert tab.poll().status_code == 204
    return tab


@pytest.fixture
def number(db):
    link = Connection.objects.create(api_id="c1", label="Main", telephony_provider="twilio")
    return Number.objects.create(e164="+14155550100", area_code="415", region="CA", connection=link)


@pytest.fixture
def line(number):
    order = Order.objects.create(form_token="t", quantity=2)
    wants = {"order": order, "connection": number.connection, "area_code": "415"}
    Line.objects.create(position=2, **wants)
    return Line.objects.create(position=1, **wants)


def assign(number: Number) -> None:
    agent = Agent.objects.create(api_id="a1", name="Reception")
    Number.objects.filter(pk=number.pk).update(agent=agent, answerer="reception")


def review(line: Line) -> None:
    Line.objects.filter(pk=line.pk).update(
        state=LineState.REVIEW, reason="Look at this.", changed_at=timezone.now()
    )


@pytest.mark.parametrize(
    ("path", "change", "shows"),
    [
        ("/", review, "Look at this."),
        ("/numbers/", lambda line: assign(Number.objects.get()), "Reception"),
        ("/numbers/+14155550100/", lambda line: assign(Number.objects.get()), "Reception</option>"),
        ("/orders/", review, "Needs you"),
        ("/orders/{order}/", review, "Look at this."),
        ("/attention/", review, "Look at this."),
        ("/attention/?tab=unassigned", lambda line: assign(Number.objects.get()), "Nothing needs you"),
    ],
)
def test_a_page_is_told_what_has_changed_and_nothing_else(staff, line, path, change, shows):
    tab = settled(staff, path.format(order=line.order_id))
    change(line)
    answer = tab.poll()
    assert (answer.status_code, shows in answer.text) == (200, True)
    assert tab.poll().status_code == 204


def test_only_rows_that_have_changed_are_sent(staff, line):
    tab = settled(staff, line.order.get_absolute_url())
    review(line)
    text = tab.poll().text
    others = line.order.lines.exclude(pk=line.pk).values_list("pk", flat=True)
    assert re.findall(r'<tr id="line-(\d+)"[^>]* data-same></tr>', text) == [str(pk) for pk in others]
    assert "Look at this." in text
    tab.seen = ""  # another tab, which knows none of them
    assert "data-same" not in tab.poll().text


def order_of(link: Connection, count: int) -> Order:
    """Half of its lines are bought."""
    order = Order.objects.create(form_token=f"of-{count}", quantity=count)
    numbers = [Number(e164=f"+1415{count:03}{n:04}", connection=link) for n in range(count // 2)]
    Number.objects.bulk_create(numbers)
    wants = {"order": order, "connection": link, "area_code": "415"}
    Line.objects.bulk_create(
        Line(position=n + 1, number=number, **bought(number), **wants)
        for n, number in enumerate([*numbers, *[None] * (count - len(numbers))])
    )
    return order


def bought(number: Number | None) -> dict:
    return {"state": LineState.BOUGHT, "phone_number": number.e164} if number else {}


class OrderTab(Tab):
    """An order that is open in a browser, which tells what it has."""

    def __init__(self, client, order: Order) -> None:
        super().__init__(client, order.get_absolute_url())
        self.sums: dict[str, str] = {}
        self.keep(client.get(self.path).text)

    def keep(self, text: str) -> None:
        self.sums |= dict(re.findall(r'id="([^"]+)"[^>]* data-sum="([^"]+)"', text))

    def poll(self):
        headers = {"X-Seen": self.seen, "X-Held": ",".join(self.sums.values())}
        with CaptureQueriesContext(connection) as self.asked:
            answer = self.client.get(self.path, headers=headers)
        self.seen = answer.get("X-Seen", self.seen)
        self.keep(answer.text)
        return answer


def test_an_open_order_gets_the_lines_that_have_changed_whatever_else_it_has(staff, number):
    sizes = []
    for count in (20, 90):
        tab = OrderTab(staff, order_of(number.connection, count))
        line = Line.objects.get(order__quantity=count, position=count - 1)
        review(line)
        answer = tab.poll()
        assert re.findall(r'<tr id="line-(\d+)"', answer.text) == [str(line.pk)]
        assert "Look at this." in answer.text
        assert f"{count // 2} of {count} bought" in answer.text
        assert re.search(r'Attention <span class="count">\d+<', answer.text)
        assert "<main" not in answer.text
        sizes.append((len(answer.content) + len(answer["X-Seen"]), len(tab.asked)))
        assert tab.poll().status_code == 204
    assert sizes[1][0] - sizes[0][0] < 50  # longer figures, and less than one more line
    assert sizes[0][1] == sizes[1][1]


def test_a_line_that_was_written_late_with_an_early_time_is_sent(staff, line):
    early = line.changed_at - timedelta(hours=1)
    tab = OrderTab(staff, line.order)
    Line.objects.filter(pk=line.pk).update(state=LineState.REVIEW, changed_at=early)
    assert re.findall(r'<tr id="line-(\d+)"', tab.poll().text) == [str(line.pk)]
    agent = Agent.objects.create(api_id="a1", name="Reception")
    Line.objects.filter(pk=line.pk).update(agent=agent, changed_at=early)
    assert '<td class="at-agent">Reception</td>' in tab.poll().text
    Agent.objects.update(name="Front desk")
    assert '<td class="at-agent">Front desk</td>' in tab.poll().text


def test_an_order_that_is_over_or_stands_still_is_sent_as_a_whole(staff, line):
    tab = OrderTab(staff, line.order)
    Gate.objects.update(paused=True, pause_reason="Not now.")
    assert "<main" in tab.poll().text
    Line.objects.update(state=LineState.CANCELLED, changed_at=timezone.now())
    assert "<main" in tab.poll().text
    at, _, made = tab.seen.partition("~")
    tab.seen = f"{at}~{int(made.partition('!')[0]) - 61}"
    assert "<main" in tab.poll().text


def test_the_frame_of_every_other_page_is_kept_up_to_date(staff, bob, line):
    tab = settled(staff, "/gate/")
    review(line)
    Notice.objects.create(user=bob, kind=Notice.Kind.REVIEW, occasion="o", text="A line needs you.")
    Gate.objects.update(breaker="open", breaker_reason="Fluents fails.", breaker_at=timezone.now())
    answer = tab.poll()
    assert re.search(r'Attention <span class="count">2<', answer.text)  # the line and the number
    assert "Notices: 1 new" in answer.text
    assert "Fluents fails." in answer.text
    assert "<main" not in answer.text


@pytest.mark.django_db(transaction=True)
def test_nothing_new_costs_one_cheap_statement(staff, django_assert_num_queries):
    for path in ("/numbers/", "/gate/"):
        tab = Tab(staff, path)
        with django_assert_num_queries(4):  # session, person, their roles, and whether there is anything
            assert tab.poll().status_code == 204


@pytest.mark.django_db(transaction=True)
def test_work_that_shows_nowhere_is_no_news(line):
    seen = news.look()[0]
    Line.objects.update(lease_until=timezone.now(), generation=7)
    Gate.objects.update(next_send_at=timezone.now())
    Plan.objects.update(lease_until=timezone.now())
    Number.objects.filter(pk=0).update(label="No such number")
    assert news.look(seen)[1] is False
    Snooze.objects.create(kind="unassigned", item=1, until=timezone.now(), reason="Later", by_name="bob")
    assert news.look(seen)[1] is True


@pytest.mark.django_db(transaction=True)
def test_a_sync_that_fails_as_the_last_one_did_is_no_news(fluents):
    fluents.fault("error_before", path="/v1/numbers/list", times=9)
    for is_news in (True, False):
        seen = news.look()[0]
        with pytest.raises(FluentsError):
            sync()
        assert news.look(seen)[1] is is_news


@pytest.fixture
def two(tmp_path, monkeypatch, transactional_db):
    """Two real connections beside the one that `look` uses, to a database that others can open, too."""
    if connection.vendor == "sqlite":
        file = tmp_path / "books.sqlite3"
        shutil.copy(migrated(), file)
    made = [connection.copy() for _ in range(3)]
    for one in made:
        if connection.vendor == "sqlite":
            one.settings_dict["NAME"] = str(file)
    for module in (news, prepared):
        monkeypatch.setattr(module, "connection", made[0])
    yield made[1:]
    for one in made:
        one.close()


@pytest.fixture
def keeping(monkeypatch):
    """This process keeps what it has read for frames, as one that serves people."""
    monkeypatch.setattr(Remembered, "on", True)
    monkeypatch.setattr(news, "_kept", news.Kept())
    monkeypatch.setattr(news, "FRESH", float("inf"))


def frame_of(client, path: str = "/help/") -> tuple[str, bool]:
    """How many things need somebody, by the frame of a page; and whether it was read for that."""
    with CaptureQueriesContext(connection) as asked:
        text = client.get(path).text
    count = re.search(r'Attention <span class="count">(\d+)<', text)
    return count[1] if count else "0", any("AS counted" in query["sql"] for query in asked)


def test_the_frame_is_read_once_while_nothing_has_changed(keeping, staff, number):
    assert frame_of(staff) == ("1", True)
    for path in ("/help/", "/numbers/", "/gate/"):
        assert frame_of(staff, path) == ("1", False)
    Number.objects.create(e164="+14155550101")
    assert frame_of(staff, "/numbers/") == ("2", True)
    with transaction.atomic():
        Number.objects.create(e164="+14155550102")
        assert frame_of(staff) == ("3", True)
        assert frame_of(staff) == ("3", True)  # what may be undone is not kept
        transaction.set_rollback(True)
    assert frame_of(staff)[0] == "2"


def test_what_filters_offer_is_read_once_while_nothing_has_changed(keeping, staff, bob):
    def offered() -> tuple[bool, bool]:
        """Whether the list offers the tag, and whether that was read for it."""
        with CaptureQueriesContext(connection) as asked:
            text = staff.get("/numbers/").text
        return '<option value="vip"' in text, any("numbers_savedview" in query["sql"] for query in asked)

    assert offered() == (False, True)
    assert offered() == (False, False)
    tag = Tag.objects.create(name="vip")
    assert offered() == (True, True)
    assert offered() == (True, False)
    SavedView.objects.create(user=bob, name="Mine", query="q=1")
    assert offered() == (True, True)
    tag.delete()
    assert offered() == (False, True)


def test_the_frame_is_read_when_what_somebody_put_off_comes_back(keeping, staff, number, monkeypatch):
    until = timezone.now() + timedelta(hours=1)
    Snooze.objects.create(kind="unassigned", item=number.pk, until=until, reason="Later", by_name="bob")
    assert frame_of(staff) == ("0", True)
    assert frame_of(staff) == ("0", False)
    monkeypatch.setattr(context_processors, "timezone", SimpleNamespace(now=lambda: until))
    assert frame_of(staff) == ("0", True)  # the database's clock goes on as before


def test_each_person_has_a_frame_of_their_own(keeping, staff, bob, number):
    Notice.objects.create(user=bob, kind=Notice.Kind.REVIEW, occasion="o", text="A line needs you.")
    ada = get_user_model().objects.create_superuser("ada")
    assert frame_of(staff)[1]
    other = Client()
    other.force_login(ada)
    assert "Notices: 1 new" in staff.get("/help/").text
    assert "Notices: 1 new" not in other.get("/help/").text


def run(one, sql: str) -> None:
    with one.cursor() as cursor:
        cursor.execute(sql)


def test_no_commit_is_too_late_to_be_seen(two):
    early, quick = two
    first = news.look()[0]
    early.set_autocommit(False)
    run(early, "UPDATE numbers_syncstate SET error = 'late'")  # it has its number now
    assert news.look(first)[1] is False
    if connection.vendor == "postgresql":  # SQLite's other writers wait
        run(quick, "UPDATE numbers_gate SET pause_reason = 'quick'")
        assert news.look(first)[1] is True
    before = news.look()[0]
    assert news.look(before)[1] is False
    early.commit()
    after, changed, _ = news.look(before)
    assert changed is True
    assert news.look(after)[1] is False
    early.set_autocommit(True)
    run(quick, "UPDATE numbers_gate SET pause_reason = 'again'")
    assert news.look(after)[1] is True


def test_what_is_undone_is_no_news(two):
    early, _ = two
    seen = news.look()[0]
    early.set_autocommit(False)
    run(early, "UPDATE numbers_syncstate SET error = 'undone'")
    early.rollback()
    assert news.look(seen)[1] is False


def test_a_page_is_made_anew_each_minute_and_sent_if_it_is_another(staff, number):
    tab = settled(staff, "/numbers/")
    at, _, made = tab.seen.partition("~")
    now, _, known = made.partition("!")
    tab.seen = f"{at}~{int(now) - 61}!{known}"
    answer = tab.poll()
    assert (answer.status_code, "X-Seen" in answer) == (204, True)


@pytest.mark.parametrize(
    "seen", ["", "~", "!", "x~1!y", "1:2", "9:8:7,x~0", f"1:{'9' * 30}:~1", f"1:1:1,,~{'9' * 30}", "1:2:3:4"]
)
def test_nonsense_gets_the_page(staff, number, seen):
    assert staff.get("/numbers/", headers={"X-Seen": seen}).status_code == 200
    assert staff.get("/gate/", headers={"X-Seen": seen}).status_code == 200


def test_checksums_overlook_the_tokens_of_forms(staff, number):
    assert checksum(b'<input value="' + b"a" * 64 + b'">') == checksum(b'<input value="' + b"B" * 64 + b'">')
    assert checksum(b'<input value="a">') != checksum(b'<input value="b">')


def test_a_poll_takes_no_message_from_the_page_that_it_is_for(staff, number):
    tab = Tab(staff, "/numbers/")
    assert staff.post("/drift/decide/", {}).status_code == 302
    assert "No numbers selected." not in tab.poll().text
    tab.seen = ""
    assert "No numbers selected." not in tab.poll().text
    assert "No numbers selected." in staff.get("/numbers/").text


def test_pages_that_are_not_as_their_address_says_have_no_news(staff, client):
    assert Tab(staff, "/orders/999/").seen is None
    assert Tab(staff, "/nowhere/").seen is None
    assert Tab(staff, "/people/").seen is None  # refused
    assert "data-seen" not in staff.post("/orders/new/", {}).text
    assert "data-seen" not in staff.get("/orders/", headers={"HX-Request": "true"}).text


def test_a_poll_after_the_end_of_a_session_is_sent_to_the_log_in(staff):
    tab = Tab(staff, "/numbers/")
    staff.logout()
    assert tab.poll()["Location"].startswith("/accounts/login/")


def test_all_that_live_pages_read_is_watched(staff, line):
    Plan.objects.create(title="x")
    invoice = Invoice.objects.create(
        name="x", telephony_provider="twilio", month="2026-11-01", currency="USD"
    )
    paths = {
        "invoice": invoice.get_absolute_url(),
        "number": Number.objects.get().get_absolute_url(),
        "number-list": "/numbers/?cols=cost",
        "order": line.order.get_absolute_url(),
        "order-list": "/orders/?tab=open",
        "overview": "/",
        "plan": Plan.objects.get().get_absolute_url(),
        "plan-list": "/plans/",
    }
    for name in LIVE:
        with CaptureQueriesContext(connection) as asked:
            assert staff.get(paths.get(name, f"/{name}/")).status_code == 200, name
        read = set(re.findall(r'(?:FROM|JOIN) "?(numbers_\w+)', " ".join(query["sql"] for query in asked)))
        assert read - UNSEEN <= news.WATCHED.keys(), name


def test_each_watched_table_and_column_is_there():
    columns = {
        model._meta.db_table: {field.column for field in model._meta.concrete_fields}
        for model in apps.get_app_config("numbers").get_models(include_auto_created=True)
    }
    for table, watched in news.WATCHED.items():
        assert set(watched) <= columns[table], table


@pytest.mark.django_db
def test_putting_up_again_changes_nothing_and_puts_back_what_is_missing(number):
    news.put_up(connection)
    found = news._OF_POSTGRES if connection.vendor == "postgresql" else news._OF_SQLITE
    with connection.cursor() as cursor:
        before = cursor.execute(found).fetchall()
        name, table = next(row for row in before if row[1] == "numbers_number")
        cursor.execute(f"DROP TRIGGER {name} {f'ON {table}' if connection.vendor == 'postgresql' else ''}")
        news.put_up(connection)
        assert sorted(cursor.execute(found).fetchall()) == sorted(before)


@pytest.mark.django_db
def test_what_no_page_asks_about_any_more_is_forgotten():
    Commit.objects.all().delete()
    Commit.objects.create(n=1)
    Commit.objects.create(n=2)
    Commit.objects.filter(n=1).update(at=timezone.now() - timedelta(hours=2))
    Scheduler(keeper=False).round()
    kept = set(Commit.objects.values_list("n", flat=True))
    assert (1 in kept) == (connection.vendor == "sqlite")
    assert 2 in kept or connection.vendor == "sqlite"
