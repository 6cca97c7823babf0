"""Every address under hostile requests: no error of ours, no answer without a policy, nothing bought.

`FUZZ=20000 pytest tests/views/test_fuzz.py -s` sends more of them; `FUZZ_SEED` others.
"""

import logging
import os
import re
from collections import Counter

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.test import Client
from django.utils import timezone

from numbers.forms.orders import new_form_token
from numbers.models import Agent, Attempt, Connection, Event, Number, Order, Plan, Price, SavedView
from numbers.services import fluents_client
from numbers.services.audit.events import Actor
from numbers.services.orders.items import Want, keep_draft
from numbers.services.plans.lifecycle import plan_change
from numbers.states import Act, LineState
from tests.support.books import bare_line
from tests.views.fuzzing import Forms, Fuzzer, Sent
from tests.views.test_every_page import READABLE

COUNT = int(os.environ.get("FUZZ", "700"))
SEED = int(os.environ.get("FUZZ_SEED", "61"))


@pytest.fixture
def house(fluents, db, bob, admin_user, django_user_model):
    """Books with something of everything in them, and who may ask: people by name."""
    now = timezone.now()
    vera = django_user_model.objects.create_user("vera")
    Connection.objects.create(
        api_id=fluents.connection, label="Main", telephony_provider="twilio", synced_at=now
    )
    agent = Agent.objects.create(api_id="agent-1", name="Reception", known_as="Old name", synced_at=now)
    Agent.objects.create(api_id="agent-2", name="Bookings", known_as="Bookings", synced_at=now)
    drift = {"label": {"ours": "Ours", "theirs": "Theirs"}}
    Number.objects.create(e164="+14155550100", agent=agent, drifted=True, drift=drift, label="Ours")
    Number.objects.create(e164="+14155550102", bought_at=now)
    lines = [
        bare_line(state, phone_number=f"+1415555020{n}")
        for n, state in enumerate(LineState)
        if state != LineState.BOUGHT
    ]
    Price.objects.create(telephony_provider="twilio", monthly="1.15")
    Group.objects.create(name="Buyers")
    who = Actor.person(bob)
    plans = [
        plan_change(by=who, numbers=Number.objects.all(), changes={"label": "New"}),
        Plan.objects.create(title="One number is given up", act=Act.RELEASE, requested_by=bob),
    ]
    views = [SavedView.objects.create(user=user, name="Mine") for user in (bob, vera)]
    draft = keep_draft(
        owner=bob, form_token=new_form_token(bob.pk), telephony_provider="twilio",
        telephony_account_connection=fluents.connection, wants=[Want(area_code="415", quantity=2)],
    )  # fmt: skip
    review = next(line for line in lines if line.state == LineState.REVIEW)
    event = Event.objects.create(action="line.review", line=lines[0], order=lines[0].order)
    keys = [*lines, *(line.order for line in lines), *plans, *views, agent, bob, vera, event]
    known = {
        "pk": sorted({str(row.pk) for row in keys}),
        "object_id": sorted({str(row.pk) for row in keys}),
        "id": [str(vera.pk)],
        "e164": ["%2B14155550100", "+14155550102", "+14155550200", "+14155559999"],
        "app_label": ["numbers", "auth", "mfa"],
        "url": ["numbers", "x/y"],
        "pages": [
            f"/numbers/{e164}/{what}" for e164 in ("+14155550100",) for what in ("", "release/", "assign/")
        ],
    }
    known["pages"] += [
        f"/orders/{lines[0].order_id}/",
        f"/plans/{plans[0].pk}/",
        f"/plans/{plans[1].pk}/give-up/",
    ]
    known["pages"] += [f"/orders/new/?draft={draft.pk}", f"/agents/{agent.pk}/", f"/review/{review.pk}/"]
    known["pages"] += [
        "/admin/auth/user/add/",
        "/admin/auth/group/add/",
        "/admin/numbers/price/add/",
        "/admin/numbers/line/",
    ]
    return {"ada": admin_user, "bob": bob}, known


def forms_of(client: Client, paths: list[str]) -> dict[str, dict]:
    found: dict[str, dict] = {}
    for path in paths:
        parser = Forms(path)
        answer = client.get(path)
        if not answer.streaming:
            parser.feed(answer.text)
        found |= {where: fields for where, fields in parser.found.items() if fields}
    return found


class Errors(logging.Handler):
    """Listens to the log in place of the console: what went wrong, a refusal of something forged aside."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not (record.exc_info and isinstance(record.exc_info[1], SuspiciousOperation)):
            self.found.append(logging.Formatter().format(record))


@pytest.fixture
def errors(monkeypatch):
    heard = Errors()
    for name in ("", "django"):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [heard])
    return heard.found


class Visitors:
    """Sends requests as different people."""

    def __init__(self, people: dict) -> None:
        self.clients, self.jars = {}, {}
        for name, user in {**people, "": None}.items():
            self.clients[name] = client = Client(raise_request_exception=False)
            if user:
                client.force_login(user)
            self.jars[name] = client.cookies.output(header="").strip().split(";")[0]

    def send(self, sent: Sent):
        client = self.clients[sent.who]
        client.cookies.clear()
        client.cookies.load(self.jars[sent.who])
        for name, value in sent.cookies.items():
            client.cookies[name] = value
        length = (
            {"CONTENT_LENGTH": sent.headers["Content-Length"]} if "Content-Length" in sent.headers else {}
        )
        headers = {name: value for name, value in sent.headers.items() if name != "Content-Length"}
        answer = client.generic(
            sent.method, sent.path, sent.body, sent.content_type, headers=headers, **length
        )
        answer.whole = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return answer


def books() -> dict:
    """What no hostile request changes, whoever sends it."""
    people = get_user_model().objects.order_by("pk")
    return {
        "sent": Attempt.objects.count(),
        "owned": list(Number.objects.order_by("pk").values_list("e164", "status")),
        "orders": list(
            Order.objects.order_by("pk").values_list("pk", "form_token", "requested_by", "quantity")
        ),
        "people": list(people.values_list("username", "password", "is_superuser", "is_staff")),
    }


def wrong(sent: Sent, answer, before: dict, after: dict, people: dict) -> str:
    """What is wrong with the ANSWER to SENT, or with what it left behind."""
    if answer.status_code >= 500:
        return f"an answer of {answer.status_code}"
    if re.search(rb"Traceback|Exception Type|DatabaseError|SELECT .* FROM", answer.whole):
        return "an answer that tells what went wrong inside"
    if b"<script>alert" in answer.whole and "html" in answer.get("Content-Type", ""):
        return "markup of others in the page"
    if not answer.get("Content-Security-Policy", "").startswith("default-src 'none'"):
        return "no policy"
    if "X-Request-Id" not in answer or "Set-Cookie" in answer or "\n" in str(answer.get("Location")):
        return "headers"
    if re.match(r"(?:https?:)?[\\/]{2}", answer.get("Location", answer.get("HX-Redirect", ""))):
        return "a way to another site"
    new = [row for row in after["orders"] if row not in before["orders"]]
    if len(new) != len(after["orders"]) - len(before["orders"]) or len(new) > 1:
        return "orders that changed"
    if any(owner != people[sent.who].pk or not 1 <= quantity <= 1000 for _, _, owner, quantity in new):
        return "an order of somebody else"
    kept = ["sent", "owned"] + ["people"] * (
        not sent.path.startswith(("/admin/auth/", "/accounts/password/"))
    )
    return "".join(f"changed: {name}" for name in kept if before[name] != after[name])


def test_no_hostile_request_meets_an_error_or_changes_what_it_must_not(house, fluents, errors, monkeypatch):
    monkeypatch.setattr(fluents_client, "release", lambda: None)  # each request is a transaction of the test
    people, known = house
    visitors = Visitors(people)
    forms = forms_of(visitors.clients["ada"], [*READABLE, *known.pop("pages")])
    fuzzer = Fuzzer(SEED, known=known, forms=forms)
    before, found, answers = books(), [], Counter()
    for sent in fuzzer.requests(COUNT):
        with transaction.atomic():
            answer = visitors.send(sent)
            broken = bool(errors) or answer.status_code >= 500
            problem = "an error" if broken else wrong(sent, answer, before, books(), people)
            transaction.set_rollback(True)
        if problem:
            found.append("\n".join([f"{problem}: {answer.status_code} {sent}", *errors]))
        errors.clear()
        answers[answer.status_code] += 1
    print(f"\n{COUNT} hostile requests to {len(fuzzer.routes)} addresses, answers:", dict(answers))  # noqa: T201
    assert found == [], f"{len(found)} of {COUNT}, such as\n" + "\n\n".join(found[:10])
    assert answers.total() == COUNT >= len(fuzzer.routes) > 100
    assert {200, 302, 400, 403, 404, 405, 422} <= set(
        answers
    )  # it came as far as the pages, and past the forms
    assert fluents.charges() == []
