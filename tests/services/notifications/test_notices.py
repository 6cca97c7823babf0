"""What people are told, once, and how it leaves the house."""

import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core import mail

from numbers.db.clock import db_now
from numbers.models import Delivery, Line, Notice, Order
from numbers.services.audit.events import SYSTEM, Actor
from numbers.services.notifications import delivery, notices
from numbers.services.purchasing.transitions import move
from numbers.services.spending import gate
from numbers.states import LineState
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db
SECRET = "a secret of the tests"


class Receiver(ThreadingHTTPServer):
    """A webhook that keeps what it is sent and answers with `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict, bytes]] = []
        self.status = 204
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=not-for-logs"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def hook(settings):
    receiver = Receiver()
    settings.NOTIFY_WEBHOOK_URL, settings.NOTIFY_WEBHOOK_SECRET = receiver.url, SECRET
    yield receiver
    receiver.shutdown()
    receiver.server_close()


@pytest.fixture
def post(settings, bob):
    """Mail is on, and bob has an address."""
    settings.NOTIFY_BY_MAIL = True
    settings.SITE_URL = "https://lines.example"
    bob.email = "bob@example.com"
    bob.save()
    return bob


def ended(user=None, *states: str) -> Order:
    """An order of USER with a line in each of STATES."""
    line = bare_line(states[0])
    order = line.order
    for position, state in enumerate(states[1:], start=2):
        Line.objects.create(
            order=order,
            position=position,
            state=state,
            connection=line.connection,
            telephony_provider="twilio",
            area_code="415",
        )
    Order.objects.filter(pk=order.pk).update(requested_by=user, quantity=len(states))
    return order


def deliver_all() -> None:
    for one in delivery.claim(limit=100):
        delivery.run(one)


def test_the_end_of_an_order_is_told_once(bob):
    order = ended(bob, LineState.FAILED, LineState.CANCELLED, LineState.REVIEW)
    assert notices.tell_ends() == 1
    notice = Notice.objects.get()
    assert (notice.user, notice.order) == (bob, order)
    assert notice.text == f"Order {order.pk} is done: 1 not bought, 1 cancelled, 1 needs you."
    assert notices.tell_ends() == 0


@pytest.mark.parametrize("state", [LineState.PLANNED, LineState.SENDING, LineState.UNKNOWN])
def test_an_order_with_a_line_that_moves_has_not_ended(state):
    ended(None, LineState.FAILED, state)
    assert notices.tell_ends() == 0


def test_a_line_that_needs_a_person_is_told_in_its_own_transaction(bob):
    line = bare_line(LineState.UNKNOWN, phone_number="+14155550100")
    Order.objects.update(requested_by=bob)
    move(Line.objects.get(pk=line.pk), LineState.REVIEW, reason="Nobody can tell.", lease_until=None)
    notice = Notice.objects.get()
    assert (notice.kind, notice.user, notice.line) == ("line.review", bob, line)
    assert "needs you: Nobody can tell." in notice.text


def test_the_gate_tells_when_it_closes_by_itself_and_not_when_a_person_closes_it(post, hook):
    ended(post, LineState.PLANNED)
    gate.pause(reason="Lunch", by=Actor.person(post))
    assert not Notice.objects.exists()
    gate.open_gate(reason="Lunch is over", by=Actor.person(post))
    gate.pause(reason="The send journal is gone.", by=SYSTEM)
    notice = Notice.objects.get()
    assert notice.text == "Buying has stopped. The send journal is gone."
    assert set(notice.deliveries.values_list("channel", "to")) == {
        ("mail", "bob@example.com"),  # his lines wait
        ("webhook", ""),
    }


def test_a_trial_that_fails_again_is_no_news():
    gate.note(outcome="refused", status=401, now=db_now())
    gate.note(outcome="refused", status=401, now=db_now())
    assert Notice.objects.count() == 1


def test_without_settings_nothing_leaves_the_house(bob):
    bob.email = "bob@example.com"
    bob.save()
    ended(bob, LineState.FAILED)
    notices.tell_ends()
    assert (Notice.objects.count(), Delivery.objects.count()) == (1, 0)


def test_a_mail_says_what_came_of_it_and_where(post):
    order = ended(post, LineState.FAILED, LineState.FAILED)
    notices.tell_ends()
    deliver_all()
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["bob@example.com"], f"Order {order.pk} is done")
    assert "2 not bought" in message.body
    assert f"https://lines.example/orders/{order.pk}/" in message.body
    deliver_all()
    assert len(mail.outbox) == 1


def test_the_webhook_gets_signed_json_with_an_id(hook):
    order = ended(None, LineState.FAILED)
    notices.tell_ends()
    deliver_all()
    ((headers, body),) = hook.got
    told = json.loads(body)
    assert (told["kind"], told["order"], told["lines"]) == ("order.finished", order.pk, {"failed": 1})
    assert told["id"] == headers["X-Notice-Id"] == str(Notice.objects.get().key)
    key = hmac.new(SECRET.encode(), f"{headers['X-Timestamp']}.".encode() + body, hashlib.sha256)
    assert headers["X-Signature"] == f"sha256={key.hexdigest()}"


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_webhook_that_says_no_is_tried_again_later_with_the_same_id_and_then_given_up(hook, status):
    hook.status = status
    ended(None, LineState.FAILED)
    notices.tell_ends()
    deliver_all()
    sent = Delivery.objects.get()
    assert (sent.tries, sent.sent_at) == (1, None)
    assert sent.error == f"The webhook returned status {status}."
    assert sent.due_at > db_now() + timedelta(seconds=50)
    for _ in range(10):
        Delivery.objects.exclude(due_at=None).update(due_at=db_now())
        deliver_all()
    assert len(hook.got) == 5  # a redirect is not followed
    assert len({headers["X-Notice-Id"] for headers, _ in hook.got}) == 1
    assert Delivery.objects.get().due_at is None


def test_an_address_that_nobody_answers_is_no_secret_in_logs(settings, caplog):
    settings.NOTIFY_WEBHOOK_URL = "http://127.0.0.1:9/hook?token=not-for-logs"
    settings.NOTIFY_WEBHOOK_SECRET = SECRET
    ended(None, LineState.FAILED)
    notices.tell_ends()
    deliver_all()
    sent = Delivery.objects.get()
    assert "can't be reached" in sent.error
    assert "not-for-logs" not in sent.error + caplog.text
    assert SECRET not in sent.error + caplog.text


def test_due_deliveries_are_claimed_once(hook):
    ended(None, LineState.FAILED)
    notices.tell_ends()
    assert len(delivery.claim(limit=9)) == 1
    assert delivery.claim(limit=9) == []
