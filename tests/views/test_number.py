"""The page of one number: facts, changes with what was seen, history."""

import re

import pytest
from django.utils import timezone

from numbers.models import Event, Number, Plan, PlanRow, Tag
from numbers.services.audit.events import SYSTEM, Actor
from numbers.services.plans.lifecycle import apply_plan, plan_change
from tests.views.upkeep import HOSTILE, agent, allow_release, differing, numbers

pytestmark = pytest.mark.django_db


def fields(staff, path: str) -> dict:
    """What the form of the page would send if nobody touched it."""
    text = staff.get(path).content.decode()
    seen = re.search(r'name="seen" value="([^"]+)"', text)[1]
    chosen = re.search(r'<option value="([^"]*)" selected>', text)
    values = {"seen": seen, "inbound_agent": chosen[1] if chosen else ""}
    for name in ("label", "tags"):
        found = re.search(rf'name="{name}" value="([^"]*)"', text)
        values[name] = found[1] if found else ""
    return values | {"description": ""}


@pytest.mark.parametrize("count", [1, 60])
def test_the_page_asks_as_much_for_a_long_history_as_for_a_short_one(staff, django_assert_num_queries, count):
    (number,) = numbers(1, agent=agent())
    for n in range(count):
        tag = Tag.objects.create(name=f"tag {n}")
        number.tags.add(tag)
        about = {"before": {"agent": "id of Reception"}, "after": {"agent": "", "label": str(n)}}
        Event.objects.create(action="number.changed", number=number, **about)
        plan = Plan.objects.create(title=f"Plan {n}", state="done")
        PlanRow.objects.create(plan=plan, number=number, state="done", before={}, after={})
    with django_assert_num_queries(15):
        staff.get(number.get_absolute_url())


def test_where_a_number_is_from_stands_there_with_a_map(staff):
    numbers(1)
    text = staff.get("/numbers/+14155550000/").content.decode()
    assert "California is highlighted." in text
    assert "San Francisco" in text
    assert "America/Los_Angeles" in text
    assert text.count('<g class="here">') == 1


def test_a_number_from_nowhere_known_has_a_page_too(staff):
    Number.objects.create(e164="+442079460000")
    text = staff.get("/numbers/+442079460000/").content.decode()
    assert "No region is highlighted." in text
    assert "Unknown" in text


def test_only_what_was_changed_is_planned_and_at_once(staff):
    (number,) = numbers(1, agent=agent("Reception"), label="Front")
    agent("Bookings")
    path = number.get_absolute_url()
    answer = staff.post(path, fields(staff, path) | {"label": "Back", "tags": "b, a"})
    assert (answer.status_code, answer.url) == (302, path)
    (row,) = PlanRow.objects.all()
    assert row.plan.state == "applying"
    assert row.before == {"label": "Front", "tags": []}
    assert row.after == {"label": "Back", "tags": ["a", "b"]}
    text = staff.get(path).content.decode()
    assert "Changing." in text
    assert "data-moving" in text
    PlanRow.objects.update(state="done")
    assert "Label is now Back" in staff.get(path).content.decode()


@pytest.mark.parametrize(
    "kept",
    [
        {"description": "Two\nlines"},  # a browser sends them with CRLF
        {"description": "\nA first line that is empty"},
        {"label": " padded ", "description": "x\n"},
        {"label": "two  spaces"},
        {"label": "Cafe\u0301"},
        {"label": "an old\x07one"},  # it came from Fluents so
    ],
    ids=range(6),
)
def test_a_tick_changes_what_it_says_and_nothing_that_a_browser_writes_otherwise(staff, kept):
    (number,) = numbers(1, **kept)
    odd = Tag.objects.create(name="odd, with a comma")
    number.tags.add(odd)
    path = number.get_absolute_url()
    form = staff.get(path).context["form"]
    sent = {name: form[name].value() or "" for name in ("label", "description", "tags", "inbound_agent")}
    sent = {name: value.replace("\n", "\r\n") for name, value in sent.items()}
    staff.post(path, sent | {"seen": form.stamp, "outbound_only": "on"})
    assert PlanRow.objects.get().after == {"outbound_only": True}


def test_two_people_change_the_same_field_and_the_second_sees_what_happened(staff):
    (number,) = numbers(1, agent=agent("Reception"))
    other = agent("Bookings")
    path = number.get_absolute_url()
    mine = fields(staff, path)
    Number.objects.update(agent=other)
    Event.objects.create(
        action="number.changed", number=number, actor_name="anna", after={"agent": other.api_id}
    )
    answer = staff.post(path, mine | {"inbound_agent": ""})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Now answered by Bookings since" in text
    assert "by anna" in text
    assert Number.objects.get().agent == other
    # The form that came back has seen it, so sending it again is a decision.
    again = re.search(r'name="seen" value="([^"]+)"', text)[1]
    assert staff.post(path, mine | {"inbound_agent": "", "seen": again}).status_code == 302


def test_another_field_that_somebody_changed_meanwhile_is_left_alone(staff):
    (number,) = numbers(1, label="Front")
    path = number.get_absolute_url()
    mine = fields(staff, path)
    Number.objects.update(label="Changed by anna")
    assert staff.post(path, mine | {"description": "Mine"}).status_code == 302
    assert PlanRow.objects.get().after == {"description": "Mine"}


def test_nothing_different_changes_nothing(staff):
    (number,) = numbers(1, agent=agent())
    path = number.get_absolute_url()
    answer = staff.post(path, fields(staff, path))
    assert answer.status_code == 422
    assert "No changes to save" in answer.content.decode()
    assert not Plan.objects.exists()


@pytest.mark.parametrize("name", ["inbound_agent", "label", "description", "tags", "outbound_only", "seen"])
def test_odd_values_break_nothing(staff, name):
    for number, text in zip(numbers(len(HOSTILE)), HOSTILE, strict=True):
        path = number.get_absolute_url()
        assert staff.post(path, fields(staff, path) | {name: text}).status_code in (302, 422), text
        assert staff.get(path, {"before": text, "seen": text}).status_code == 200, text


def test_the_stamp_of_another_form_is_not_taken(staff):
    first, second = numbers(2)
    other = fields(staff, first.get_absolute_url())["seen"]
    assert staff.post(second.get_absolute_url(), {"label": "X", "seen": other[:-2]}).status_code == 422
    assert not Plan.objects.exists()


def test_the_history_has_who_when_before_after_why_and_the_request(staff, bob):
    (number,) = numbers(1, agent=agent("Reception"))
    agent("Bookings")
    Event.objects.create(
        action="number.changed",
        actor=bob,
        actor_name="bob",
        number=number,
        before={"agent": "id of Reception"},
        after={"agent": "id of Bookings"},
        reason="Because",
        request_id="request-0001",
    )
    text = staff.get(number.get_absolute_url()).content.decode()
    for words in ("Reception</del>", "Bookings</ins>", "Because", "request-0001", "bob"):
        assert words in text


def test_secrets_of_an_answer_are_not_there_to_be_shown(staff, fluents):
    fluents.control("reset", {"numbers": 1})
    from numbers.services.inventory.sync import sync  # noqa: PLC0415

    sync()
    number = Number.objects.get()
    text = staff.get(number.get_absolute_url()).content.decode()
    assert "Latest Fluents response" in text
    assert "auth_token" not in text
    assert "prompt" not in text


def test_what_fluents_says_beyond_our_books_is_shown(staff, fluents):
    fluents.control(
        "numbers", {"sms_enabled": True, "tags": ["vip", "east"], "example_context": {"plan": "gold"}}
    )
    from numbers.services.inventory.sync import sync  # noqa: PLC0415

    sync()
    number = Number.objects.get()
    assert number.answer["user_id"]
    text = staff.get(number.get_absolute_url()).content.decode()
    for fact in (
        f'<dt>Fluents account</dt><dd><span class="id">{number.answer["user_id"]}</span></dd>',
        "<dt>Text messages</dt><dd>Enabled</dd>",
        "<dt>Routing number</dt><dd>No</dd>",
        "<dt>Tags in Fluents</dt><dd>vip, east</dd>",
        "&quot;plan&quot;: &quot;gold&quot;",
    ):
        assert fact in text
    Number.objects.update(answer={})
    text = staff.get(number.get_absolute_url()).content.decode()
    assert text.count("<dd>Unknown</dd>") == 2


def test_a_difference_stands_on_the_page_and_is_decided_there(staff):
    (number,) = differing(1)
    path = number.get_absolute_url()
    text = staff.get(path).content.decode()
    assert "Theirs" in text
    stamp = re.search(r'name="number" value="([^"]+)"', text)[1]
    answer = staff.post("/drift/decide/", {"number": stamp, "decision": "theirs", "back": path})
    assert answer.url == path
    assert Number.objects.get().label == "Theirs"


def test_the_menu_is_there_only_for_those_who_may_release(staff, bob):
    (number,) = numbers(1)
    assert "/release/" not in staff.get(number.get_absolute_url()).content.decode()
    allow_release(bob)
    assert "/release/" in staff.get(number.get_absolute_url()).content.decode()


def test_a_number_that_was_given_up_cannot_be_changed(staff, bob):
    allow_release(bob)
    (number,) = numbers(1, status="released")
    text = staff.get(number.get_absolute_url()).content.decode()
    assert "number-form" not in text
    assert "/release/" not in text


def test_a_failed_change_says_why(staff):
    (number,) = numbers(1)
    plan = plan_change(by=Actor(name="bob"), numbers=Number.objects.all(), changes={"label": "X"})
    apply_plan(plan_id=plan.pk, by=SYSTEM)
    PlanRow.objects.update(state="failed", reason="Fluents said no.", changed_at=timezone.now())
    text = staff.get(number.get_absolute_url()).content.decode()
    assert "Not changed. Fluents said no." in text


def test_an_agent_that_is_gone_is_said_to_be_gone(staff):
    gone = agent("Old desk", gone_at=timezone.now())
    (number,) = numbers(1, agent=gone)
    text = staff.get(number.get_absolute_url()).content.decode()
    assert "Old desk was deleted in Fluents" in text
    assert "Old desk (deleted in Fluents)" in text  # still chosen, so saving a label keeps it
