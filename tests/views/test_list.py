"""The list of numbers: what it finds, in which order, page by page, in a fixed number of queries."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from numbers.listing.page import rows_of
from numbers.listing.query import COLUMNS, DEFAULT_COLUMNS, FILTERS, ORDERS, Query
from numbers.listing.rows import Pen
from numbers.listing.search import numbers_in
from numbers.models import Agent, Connection, Number, Plan, PlanRow, Price, SavedView, Tag
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.inventory.upsert import describe, refresh_search_text
from numbers.services.plans.lifecycle import apply_plan
from numbers.states import PlanState, RowState
from numbers.telephony.phone import pretty
from numbers.templatetags.ui import when
from tests.support.people import person

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = [
    "'",
    "\x00",
    "%",
    "_",
    "\\",
    "💥",
    "9" * 40,
    "-1",
    "1e9",
    "<b>",
    "a" * 5000,
    "٤١٥",
    "none",
    "1~",
    "~",
    "()",
    "+",
]


def described(e164: str, *, tags=(), **fields) -> Number:
    """A number as a sync would write it, not on the books yet."""
    provider = fields.pop("provider", "twilio")
    number = Number(e164=e164, telephony_provider=provider, area_code=e164[2:5], **fields)
    describe(number, tags)
    return number


def keep(e164: str, *, tags=(), **fields) -> Number:
    """A number on the books."""
    number = described(e164, tags=tags, **fields)
    number.save()
    number.tags.set([Tag.objects.get_or_create(name=name)[0] for name in tags])
    return number


def many(count: int) -> list[Number]:
    """COUNT numbers with everything that a row can show."""
    agents = [
        Agent.objects.get_or_create(api_id=f"a{n}", defaults={"name": f"Agent {n}"})[0] for n in range(3)
    ]
    connection, _ = Connection.objects.get_or_create(
        api_id="c1", defaults={"label": "Main", "telephony_provider": "twilio"}
    )
    tags = [Tag.objects.get_or_create(name=name)[0] for name in ("vip", "spring")]
    numbers = [
        described(
            f"+1415555{n:04}",
            agent=agents[n % 4] if n % 4 < 3 else None,
            connection=connection,
            tags=[tag.name for tag in tags[: n % 3]],
            label=f"Desk {n % 7}",
            region="CA",
            bought_at=T0 + timedelta(days=n % 5) if n % 3 else None,
            bought_by="ada",
            synced_at=T0 + timedelta(hours=n % 4) if n % 6 else None,
        )
        for n in range(count)
    ]
    Number.objects.bulk_create(numbers)
    Tagged = Number.tags.through  # noqa: N806
    Tagged.objects.bulk_create(
        Tagged(number=number, tag=tag) for n, number in enumerate(numbers) for tag in tags[: n % 3]
    )
    return numbers


def shown(answer) -> list[str]:
    assert answer.status_code == 200
    return re.findall(r'data-number="([^"]+)"', answer.content.decode())


def at(staff, **params) -> list[str]:
    return shown(staff.get("/numbers/", params))


@pytest.mark.parametrize(("count", "queries"), [(1, 8), (60, 9), (90, 9)])
def test_a_page_costs_nine_queries_and_one_less_where_it_shows_all(
    staff, count, queries, django_assert_num_queries
):
    many(count)
    with django_assert_num_queries(queries):
        assert len(shown(staff.get("/numbers/"))) == min(count, 50)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("(415) 555-01", ["+14155550100"]),
        ("4155550100", ["+14155550100"]),
        ("+1 415.555.0100", ["+14155550100"]),
        ("0100", ["+14155550100"]),
        ("front", ["+12125550199"]),
        ("FRONT DESK", ["+12125550199"]),
        ("desk front", ["+12125550199"]),
        ("front 212", ["+12125550199"]),
        ("reception", ["+14155550100"]),
        ("vip", ["+12125550199"]),
        ("front reception", []),
        ("%", []),
        ("_", []),
        ("12-34", ["+12125550199"]),
    ],
)
def test_the_search_finds_digits_however_typed_and_label_agent_and_tag(staff, typed, found):
    keep("+14155550100", agent=Agent.objects.create(api_id="r", name="Reception"))
    keep("+12125550199", label="Front desk 12-34", tags=["vip"])
    assert at(staff, q=typed) == found


@pytest.fixture
def one_of_each():
    reception = Agent.objects.create(api_id="r", name="Reception")
    main = Connection.objects.create(api_id="m", label="Main", telephony_provider="twilio")
    keep("+14155550001", agent=reception, region="CA", bought_at=T0)
    keep("+12125550002", region="NY", provider="telnyx", drifted=True, bought_at=T0 + timedelta(days=40))
    keep("+13055550003", connection=main, agent=reception, region="FL", tags=["vip"], status="inactive")
    keep("+13035550004", agent=reception, status="released")
    keep("+13035550005", status="gone")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, "1235"),
        ({"agent": "r"}, "13"),
        ({"agent": "none"}, "2"),
        ({"provider": "telnyx"}, "2"),
        ({"connection": "m"}, "3"),
        ({"region": "CA"}, "1"),
        ({"area_code": "212"}, "2"),
        ({"status": "inactive"}, "3"),
        ({"status": "released"}, "4"),
        ({"status": "any"}, "12345"),
        ({"tag": "vip"}, "3"),
        ({"drifted": "1"}, "2"),
        ({"bought_from": "2026-03-02"}, "2"),
        ({"bought_to": "2026-03-01"}, "1"),
        ({"bought_from": "2026-03-01", "bought_to": "2026-04-30"}, "12"),
        ({"agent": "r", "status": "any", "area_code": "303"}, "4"),
    ],
)
def test_every_filter(staff, one_of_each, params, found):
    assert sorted(number[-1] for number in at(staff, **params)) == sorted(found)


def test_the_count_of_the_tab_is_what_its_filter_finds(staff, one_of_each):
    text = staff.get("/attention/?tab=unassigned").content.decode()
    assert re.search(r'Unassigned <span class="count">1<', text)
    assert len(at(staff, agent="none")) == 1


def test_active_filters_are_chips_that_take_themselves_away(staff, one_of_each):
    text = staff.get("/numbers/?agent=r&region=CA&sort=label").content.decode()
    assert 'class="chip" href="/numbers/?agent=r&amp;sort=label"' in text
    assert 'class="chip" href="/numbers/?region=CA&amp;sort=label"' in text


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("sort", ORDERS)
def test_pages_by_key_show_each_number_once_in_both_directions(bob, monkeypatch, sort, size):
    monkeypatch.setattr(Query, "page_size", size)
    many(23)
    query, params, pages = Query(sort=sort), {}, []
    while params is not None:
        found = rows_of(query, params, user=bob)
        pages.append([row.e164 for row in found])
        params = {"before": found.older} if found.older else None
    assert sum(pages, []) == list(query.order.sorted(query.numbers()).values_list("e164", flat=True))  # noqa: RUF017
    back = []
    while found.newer:
        found = rows_of(query, {"after": found.newer}, user=bob)
        back.append([row.e164 for row in found])
    assert back[::-1] == pages[:-1]


def test_every_number_is_sent_and_filtered_and_paged_in_the_browser(staff):
    many(60)
    keep("+12125550001", label="Aaa")
    answer = staff.get("/numbers/?sort=label&area_code=415")
    text = answer.content.decode()
    assert len(shown(answer)) == 50
    assert "+12125550001" not in text
    older = re.search(r'id="older" href="([^"]+)"', text)[1].replace("&amp;", "&")
    assert "area_code=415" in older
    rest = staff.get(older)
    assert len(shown(rest)) == 10
    newer = re.search(r'id="newer" href="([^"]+)"', rest.content.decode())[1].replace("&amp;", "&")
    assert shown(staff.get(newer)) == shown(answer)


def test_the_page_is_empty_after_a_mass_edit_of_all_that_stood_there(staff):
    found = many(60)
    deep = f"/numbers/?agent=none&before={found[20].pk}"
    assert shown(staff.get(deep)) == [
        "+14155550019",
        "+14155550015",
        "+14155550011",
        "+14155550007",
        "+14155550003",
    ]
    Number.objects.filter(e164__lt="+14155550020").update(agent=Agent.objects.first())
    assert shown(staff.get(deep)) == at(staff, agent="none") != []


def test_a_row_has_few_elements(staff):
    """A browser lays out a hundred rows for each turn of a page."""
    for number in many(12):
        number.outbound_only, number.drifted = True, True
        number.save()

    def elements(address: str) -> int:
        rows = re.findall(r"<tr data-number.*?</tr>", staff.get(address).content.decode(), re.DOTALL)
        assert len(rows) == 12
        return max(len(re.findall(r"<[a-z]", row)) for row in rows)

    usual = elements("/numbers/")
    assert usual <= 16
    assert elements(f"/numbers/?cols={','.join(COLUMNS)}") <= usual + 2 * (
        len(COLUMNS) - len(DEFAULT_COLUMNS)
    )


def test_an_area_code_does_not_say_how_many_numbers_it_has(staff):
    many(12)
    keep("+12125550001")
    assert "12 numbers" in staff.get("/numbers/?area_code=415").content.decode()
    assert ">1 number<" in staff.get("/numbers/?area_code=212").content.decode()


def test_a_tag_that_many_have_finds_the_same(staff, monkeypatch):
    many(12)
    for sort in ("", "label", "-bought"):
        few = at(staff, tag="spring", sort=sort)
        with monkeypatch.context() as patched:
            patched.setattr("numbers.listing.match.MOST", 2)
            patched.setattr("numbers.listing.match.FEW", 2)
            assert at(staff, tag="spring", sort=sort) == few != []
            assert f"{len(few)} numbers" in staff.get("/numbers/?tag=spring").content.decode()


def test_a_stretch_of_time_is_sorted_by_when_each_was_bought(staff):
    numbers = [keep(f"+1415555{n:04}", bought_at=T0 - timedelta(hours=n)).e164 for n in range(5)]
    assert at(staff, bought_from="2026-03-01") == numbers
    assert at(staff, bought_from="2026-03-01", sort="bought") == numbers[::-1]


def test_a_sort_is_what_it_says(staff):
    many(12)
    labels = [Number.objects.get(e164=e164).label for e164 in at(staff, sort="-label")]
    assert labels == sorted(labels, reverse=True)
    times = [Number.objects.get(e164=e164).bought_at for e164 in at(staff, sort="bought")]
    assert times == sorted(times, key=lambda time: time or datetime.min.replace(tzinfo=UTC))


def test_hostile_parameters_never_break_the_list(staff, one_of_each):
    names = (*FILTERS, "sort", "size", "cols", "before", "after", "seen", "at", "state")
    for value in HOSTILE:
        for path in ("/numbers/", "/plans/", "/unassigned/"):
            assert staff.get(path, dict.fromkeys(names, value)).status_code == 200, value
        assert staff.get("/numbers/", {"q": value}).status_code == 200, value
        for sort in ("", "label", "-bought"):
            for name, key in (("before", f"1~{value}"), ("after", f"{value}~x")):
                assert staff.get("/numbers/", {"sort": sort, name: key}).status_code == 200, value


def test_totals_are_honest(staff, monkeypatch):
    many(12)
    assert "12 numbers" in staff.get("/numbers/").content.decode()
    monkeypatch.setattr("numbers.listing.query.MANY", 10)
    monkeypatch.setattr("numbers.listing.query.MANY_FOUND", 5)
    text = staff.get("/numbers/").content.decode()
    assert "More than 10 numbers" in text
    assert "More than 5 numbers" in staff.get("/numbers/?q=555").content.decode()
    assert '<strong class="num">12 numbers' not in text


def test_each_vendor_has_a_list_of_its_own_with_columns_that_cannot_be_chosen(staff):
    many(1)
    keep("+12125550001", provider="telnyx")
    answer = staff.get("/numbers/?cols=tags&cols=label")
    assert shown(answer) == ["+12125550001", "+14155550000"]
    assert re.findall(r'<th class="at-(\w+)"', answer.content.decode()) == ["tick", "number", "label", "tags"]


def test_the_filters_are_behind_one_button_and_those_that_are_set_are_in_sight(staff):
    many(1)
    text = staff.get("/numbers/?area_code=415&status=active&q=555").content.decode()
    form = text[
        text.index('<form class="filters"') : text.index("</form>", text.index('<form class="filters"'))
    ]
    assert {name for name in FILTERS if f'name="{name}"' not in form} == set()
    in_sight = re.sub(r"<details.*?</details>", "", form, flags=re.DOTALL)
    assert re.findall(r'name="(\w+)"', in_sight) == ["q"]
    assert text.count('<a class="chip"') == 3


def test_numbers_that_are_pasted_are_found_and_strangers_are_named(staff):
    keep("+14155550100", label="One")
    keep("+12125550199")
    keep("+13035550100", status="released")
    pasted = "(415) 555-0100\n+1 212 555 0199, +1 604 600 3277; 3035550100"
    text = staff.get("/numbers/", {"q": pasted}).content.decode()
    assert re.findall(r'data-number="([^"]+)"', text) == ["+12125550199", "+14155550100"]
    assert "4 pasted numbers" in text
    assert "2 pasted numbers aren't ours:" in text
    assert "6046003277" in re.sub(r"\D", "", text[text.index('id="strangers"') :][:600])
    assert at(staff, q=pasted, area_code="212") == ["+12125550199"]
    assert Query.read({"q": pasted}).q == "+14155550100 +12125550199 +16046003277 +13035550100"
    assert Query.of(str(Query.read({"q": pasted}))).pasted == Query.read({"q": pasted}).pasted


def test_the_word_that_the_list_has_for_no_agent_leads_to_those_numbers(staff):
    keep("+14155550100")
    text = staff.get("/numbers/", {"q": "Unassigned"}).text
    assert '<a class="btn btn-primary" href="/numbers/?agent=none">Show unassigned numbers</a>' in text
    assert at(staff, agent="none") == ["+14155550100"]


@pytest.mark.parametrize(
    ("pasted", "found", "unread"),
    [
        ("Phone\n415-555-0100\n(212) 555-0199", ["+14155550100", "+12125550199"], "Phone"),
        ("4155550100;2125550199;415555010", ["+14155550100", "+12125550199"], "415555010"),
        ("Desk\t4155550100\nBar\t1-212-555-0199", ["+14155550100", "+12125550199"], "Desk Bar"),
        ("4155550100 2125550199 +44 20 7946", ["+14155550100", "+12125550199"], "+44 20 7946"),
        ("4155550100 2125550199 93035550100", ["+14155550100", "+12125550199"], "93035550100"),
    ],
)
def test_what_stands_in_a_pasted_list_and_is_no_number_is_named_and_not_looked_for(
    staff, pasted, found, unread
):
    for e164 in ("+14155550100", "+12125550199", "+13035550100"):
        keep(e164)
    text = staff.get("/numbers/", {"q": pasted}).text
    assert sorted(re.findall(r'data-number="([^"]+)"', text)) == sorted(found)
    assert f"<strong>Not phone numbers:</strong> {unread}</p>" in text
    assert "ours:" not in text
    assert Query.of(str(Query.read({"q": pasted}))) == Query.read({"q": pasted})


@pytest.mark.parametrize("text", ["4155550100", "front 212", "415 555 0100 desk", "12 34", "", "💥" * 30])
def test_anything_else_is_searched_for_as_ever(text):
    assert numbers_in(text) == []


def test_the_list_is_sorted_by_who_answers_and_stays_so(staff):
    for number in many(9):
        change = Agent.objects.get(api_id="a0") if number.pk % 2 else None
        Number.objects.filter(pk=number.pk).update(agent=change)
    refresh_search_text(Number.objects.all())
    names = [str(Number.objects.get(e164=e164).agent or "") for e164 in at(staff, sort="agent")]
    assert names == sorted(names)
    assert set(names) == {"", "Agent 0"}
    assert names[::-1] == [
        str(Number.objects.get(e164=e164).agent or "") for e164 in at(staff, sort="-agent")
    ]


def test_cost_and_description_are_columns_to_choose(staff):
    keep("+14155550100", description="Spring campaign", provider="twilio")
    Price.objects.create(telephony_provider="twilio", monthly="1.15")
    text = staff.get("/numbers/?cols=description,cost").content.decode()
    assert '<td class="at-description" title="Spring campaign">Spring campaign</td>' in text
    assert '<td class="at-cost num" title="Estimate">$1.15</td>' in text
    assert "$1.15" not in staff.get("/numbers/").content.decode()


def test_the_bar_says_how_many_of_the_selected_are_not_in_this_list(staff):
    one, two, three = keep("+14155550100"), keep("+14155550101"), keep("+12125550100")
    ticked = {"ticked": f"{one.pk} {two.pk} {three.pk} x"}
    assert (
        staff.post("/numbers/selected/", ticked | {"query": "area_code=415"}).text == ", 1 not in this list"
    )
    assert staff.post("/numbers/selected/", ticked | {"query": ""}).text == ""


def test_a_filter_without_javascript_and_with_it_is_the_same_address(staff, one_of_each):
    form = {"q": "", "agent": "none", "region": "", "sort": "", "size": "50", "cols": ["label", "agent"]}
    headers = {"HX-Request": "true", "HX-Target": "number-rows", "HX-Trigger": "filters"}
    answer = staff.get("/numbers/", form, headers=headers)
    assert answer["HX-Push-Url"] == "/numbers/?agent=none&cols=label%2Cagent"
    assert shown(answer) == at(staff, **form) == ["+12125550002"]


class TestViews:
    def test_a_view_is_saved_applied_and_deleted(self, staff, bob, one_of_each):
        query = "agent=none&sort=label&cols=label%2Cagent"
        answer = staff.post("/numbers/views/", {"name": "Mine", "query": f"{query}&bogus=1"})
        assert answer.url == f"/numbers/?{query}"
        view = SavedView.objects.get()
        assert (view.user, view.name, view.query) == (bob, "Mine", query)
        text = staff.get(answer.url).content.decode()
        assert f'href="/numbers/?{query.replace("&", "&amp;")}" aria-current="true">Mine' in text
        staff.post("/numbers/views/", {"name": "Mine", "query": "region=CA"})
        assert SavedView.objects.get().query == "region=CA"
        staff.post(f"/numbers/views/{view.pk}/delete/")
        assert not SavedView.objects.exists()

    def test_a_shared_view_is_a_tab_for_everybody_and_is_deleted_by_its_owner(self, staff, bob):
        client = Client()
        staff.post("/numbers/views/", {"name": "Team", "query": "region=CA", "shared": "on"})
        client.force_login(person("ines", Role.VIEWER))
        text = client.get("/numbers/?region=CA").content.decode()
        assert 'aria-current="true" title="Shared by bob">Team</a>' in text
        assert "Delete “Team”" not in text
        assert client.post(f"/numbers/views/{SavedView.objects.get().pk}/delete/").status_code == 404
        staff.post("/numbers/views/", {"name": "Team", "query": "region=CA"})
        assert "Team</a>" not in client.get("/numbers/").content.decode()

    def test_nobody_sees_or_deletes_the_views_of_others(self, staff, django_user_model):
        other = django_user_model.objects.create_user("eve")
        view = SavedView.objects.create(user=other, name="Hers", query="")
        assert "Hers" not in staff.get("/numbers/").content.decode()
        assert staff.post(f"/numbers/views/{view.pk}/delete/").status_code == 404
        assert SavedView.objects.exists()

    @pytest.mark.parametrize("name", ["", " ", "x" * 61])
    def test_a_bad_name_saves_nothing(self, staff, name):
        staff.post("/numbers/views/", {"name": name})
        assert not SavedView.objects.exists()


class TestAssignInTheRow:
    def test_it_is_a_plan_of_one_row_that_the_row_then_shows(self, staff):
        number, *_ = many(1)
        answer = staff.post(f"/numbers/{number.e164}/assign/", {"agent": "agent 2", "seen": "a0"})
        assert answer.status_code == 302
        plan = Plan.objects.get()
        assert (plan.state, plan.rows.get().after) == (PlanState.APPLYING, {"agent": "a2"})
        text = staff.get("/numbers/").content.decode()
        assert "Changing…" in text
        assert "Assign to Agent 2" in text
        assert "data-moving" in text

    def test_the_page_refuses_to_set_up_a_number_that_is_not_active_yet(self, staff):
        number, *_ = many(1)
        Number.objects.update(status="inactive")
        assert staff.get(f"/numbers/{number.e164}/assign/").status_code == 200
        staff.post(f"/numbers/{number.e164}/assign/", {"agent": "Agent 2", "seen": "a0"})
        assert Plan.objects.get().rows.get().state == RowState.READY

    def test_with_htmx_the_list_is_told(self, staff):
        number, *_ = many(1)
        answer = staff.post(
            f"/numbers/{number.e164}/assign/",
            {"agent": "Agent 2", "seen": "a0"},
            headers={"HX-Request": "true"},
        )
        assert answer.status_code == 204
        told = json.loads(answer["HX-Trigger"])
        assert told["changed"] == {}
        assert told["told"]["text"] == f"Agent 2 will answer {pretty(number.e164)}."
        assert told["told"]["undo"] == f"/plans/{Plan.objects.get().pk}/take-back/"

    def test_a_change_that_was_not_sent_yet_is_taken_back_and_not_sent(self, staff):
        number, *_ = many(1)
        answer = staff.post(
            f"/numbers/{number.e164}/assign/", {"agent": "Agent 2", "seen": "a0"}, follow=True
        )
        undo = re.search(r'action="(/plans/\d+/take-back/)"', answer.text)[1]
        assert "Agent 2 will answer" in answer.text
        staff.post(undo)
        assert [row.state for row in PlanRow.objects.all()] == [RowState.SKIPPED]

    def test_a_change_that_is_under_way_is_followed_by_its_reverse(self, staff):
        number, *_ = many(1)
        staff.post(f"/numbers/{number.e164}/assign/", {"agent": "Agent 2", "seen": "a0"})
        first = Plan.objects.get()
        first.rows.update(state=RowState.APPLYING)
        answer = staff.post(f"/plans/{first.pk}/take-back/", headers={"HX-Request": "true"})
        assert "goes back to what it was" in answer["HX-Trigger"]
        row = Plan.objects.get(undo_of=first).rows.get()
        assert (row.before, row.after, row.state) == ({"agent": "a2"}, {"agent": "a0"}, RowState.READY)
        again = staff.post(f"/plans/{first.pk}/take-back/", follow=True)
        assert "This change was already undone." in again.text
        assert Plan.objects.count() == 2
        assert f'Undone by <a href="/plans/{row.plan_id}/">' in staff.get(f"/plans/{first.pk}/").text
        assert f"Undone by change {row.plan_id}" in staff.get("/plans/").text

    def test_a_change_of_many_is_not_undone_without_a_preview(self, staff):
        many(2)
        staff.post("/plans/new/", {"do": "label", "label": "x", "all": "1"})
        plan = Plan.objects.get()
        assert "Only a change of one number" in staff.post(f"/plans/{plan.pk}/take-back/", follow=True).text

    def test_somebody_else_was_quicker(self, staff):
        number, *_ = many(1)
        answer = staff.post(f"/numbers/{number.e164}/assign/", {"agent": "Agent 2", "seen": "a1"})
        text = answer.content.decode()
        assert answer.status_code == 422
        assert "Now answered by Agent 0" in text
        assert 'name="seen" value="a0"' in text  # so that a second try is a decision
        assert not Plan.objects.filter(rows__state=RowState.READY).exists()

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ("", "Choose an agent"),
            ("Nobody Such", "No agent is named"),
            ("agent", "Did you mean Agent 0, Agent 1, Agent 2?"),
            ("\x00", "Null characters"),
        ],
    )
    def test_a_name_that_is_no_agent_is_told_beside_the_field(self, staff, typed, says):
        number, *_ = many(1)
        answer = staff.post(f"/numbers/{number.e164}/assign/", {"agent": typed})
        assert answer.status_code == 422
        assert says in answer.content.decode()
        assert not Plan.objects.exists()

    def test_two_agents_of_one_name_are_told_apart(self, staff):
        number, *_ = many(1)
        Agent.objects.create(api_id="another-one", name="Agent 2")
        assert "Agent 2 (another-)" in staff.get("/numbers/").content.decode()
        staff.post(f"/numbers/{number.e164}/assign/", {"agent": "Agent 2 (another-)", "seen": "a0"})
        assert Plan.objects.get().rows.get().after == {"agent": "another-one"}

    def test_nobody(self, staff):
        number, *_ = many(1)
        staff.post(f"/numbers/{number.e164}/assign/", {"nobody": "1", "agent": "", "seen": "a0"})
        assert Plan.objects.get().rows.get().after == {"agent": ""}

    @pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil", "javascript:1"])
    def test_it_leads_back_to_our_own_pages_only(self, staff, path):
        number, *_ = many(1)
        answer = staff.post(
            f"/numbers/{number.e164}/assign/", {"agent": "Agent 2", "seen": "a0", "next": path}
        )
        assert answer.url == f"/numbers/{number.e164}/"


class TestPlans:
    def test_a_mass_edit_does_not_receive_the_ticked_numbers(self, staff):
        one, two, three = many(3)
        answer = staff.post(
            "/plans/new/",
            {
                "do": "assign",
                "agent": "Agent 2",
                "number": [one.pk, two.pk],
                "ticked": f"{two.pk} {three.pk} x",
            },
        )
        plan = Plan.objects.get()
        assert answer.url == f"/plans/{plan.pk}/"
        assert (plan.state, plan.rows.count()) == (PlanState.DRAFT, 3)
        text = staff.get(answer.url).content.decode()
        assert "Change 2 numbers" in text
        assert "Nothing to change" in text  # the third has this agent already

    def test_all_that_match(self, staff, one_of_each):
        staff.post("/plans/new/", {"do": "tags", "tags_add": "new, big", "all": "1", "query": "agent=r"})
        plan = Plan.objects.get()
        assert sorted(plan.rows.values_list("number__e164", flat=True)) == ["+13055550003", "+14155550001"]
        assert plan.rows.get(number__e164="+13055550003").after == {"tags": ["big", "new", "vip"]}

    @pytest.mark.parametrize(
        ("form", "after"),
        [
            ({"do": "unassign"}, {"agent": ""}),
            ({"do": "label", "label": "Hall"}, {"label": "Hall"}),
            ({"do": "label", "label": ""}, {"label": ""}),
            ({"do": "outbound"}, {"outbound_only": True}),
            ({"do": "tags", "tags_add": "a", "tags_remove": "vip"}, {"tags": ["a"]}),
        ],
    )
    def test_each_deed(self, staff, form, after):
        _, number = many(2)
        staff.post("/plans/new/", {**form, "number": number.pk})
        assert Plan.objects.get().rows.get().after == after

    @pytest.mark.parametrize(
        "form",
        [
            {},
            {"do": "assign", "number": 1},
            {"do": "assign", "agent": "Agent 2"},
            {"do": "assign", "agent": "Nobody Such", "number": 1},
            {"do": "tags", "number": 1},
            {"do": "tags", "tags_add": "x" * 51, "number": 1},
            {"do": "destroy", "number": 1},
            *({"do": "label", "number": value, "ticked": value} for value in HOSTILE),
        ],
    )
    def test_nonsense_plans_nothing(self, staff, form):
        many(1)
        answer = staff.post("/plans/new/", form)
        assert answer.status_code == 302
        assert not any_plan_has_rows()

    def test_a_reason_is_kept_with_the_change(self, staff):
        many(1)
        staff.post("/plans/new/", {"do": "label", "label": "x", "all": "1", "reason": "New front desk"})
        plan = Plan.objects.get()
        assert plan.reason == "New front desk"
        assert "Reason: New front desk" in staff.get(f"/plans/{plan.pk}/").text

    @pytest.mark.parametrize("count", [1, 60])
    def test_a_plans_page_costs_nine_queries(self, staff, count, django_assert_num_queries):
        many(count)
        staff.post("/plans/new/", {"do": "assign", "agent": "Agent 2", "all": "1"})
        plan = Plan.objects.get()
        with django_assert_num_queries(9):
            assert len(shown(staff.get(f"/plans/{plan.pk}/"))) == count

    def test_apply_discard_and_again(self, staff):
        many(4)
        for act, state in (("discard", PlanState.DISCARDED), ("apply", PlanState.APPLYING)):
            staff.post("/plans/new/", {"do": "label", "label": act, "all": "1"})
            plan = Plan.objects.latest("pk")
            staff.post(f"/plans/{plan.pk}/{act}/")
            staff.post(f"/plans/{plan.pk}/apply/")
            plan.refresh_from_db()
            assert plan.state == state

    def test_a_plan_that_gives_numbers_up_is_not_applied_by_a_click(self, staff):
        many(1)
        plan = Plan.objects.create(act="release", title="Release")
        assert staff.post(f"/plans/{plan.pk}/apply/").status_code == 403
        assert staff.post(f"/plans/{plan.pk}/retry/").status_code == 403

    def test_what_failed_is_tried_again_and_what_was_done_is_undone(self, staff):
        many(4)
        staff.post("/plans/new/", {"do": "label", "label": "x", "all": "1"})
        plan = Plan.objects.get()
        failed = list(plan.rows.values_list("pk", flat=True))[:2]
        plan.rows.update(state=RowState.DONE)
        plan.rows.filter(pk__in=failed).update(state=RowState.FAILED, reason="Fluents said no.")
        Plan.objects.update(state=PlanState.DONE, finished_at=datetime.now(UTC), counts={})
        Number.objects.update(label="x")
        text = staff.get(f"/plans/{plan.pk}/").content.decode()
        assert "Retry the 2 that failed" in text
        assert "Fluents said no." in text
        back = staff.post(f"/plans/{plan.pk}/undo/")
        undoing = Plan.objects.latest("pk")
        assert (back.url, undoing.undo_of, undoing.rows.count()) == (f"/plans/{undoing.pk}/", plan, 2)
        assert set(undoing.rows.values_list("after__label", flat=True)) == {"Desk 2", "Desk 3"}
        staff.post(f"/plans/{plan.pk}/retry/")
        plan.refresh_from_db()
        assert plan.state == PlanState.APPLYING
        assert plan.rows.filter(state=RowState.READY).count() == 2
        staff.post(f"/plans/{plan.pk}/stop/")
        assert plan.rows.filter(state=RowState.SKIPPED, reason="Stopped by bob.").count() == 2

    def test_its_page_asks_more_often_while_it_runs(self, staff):
        many(3)
        staff.post("/plans/new/", {"do": "label", "label": "x", "all": "1"})
        plan = Plan.objects.get()
        assert "data-moving" not in staff.get(f"/plans/{plan.pk}/").text
        apply_plan(plan_id=plan.pk, by=Actor(name="t"))
        assert "data-moving" in staff.get(f"/plans/{plan.pk}/").text
        plan.rows.filter(pk=plan.rows.first().pk).update(state="failed", reason="No")
        assert staff.get(f"/plans/{plan.pk}/?state=failed").text.count("data-row=") == 1


def any_plan_has_rows() -> bool:
    return Plan.objects.filter(rows__isnull=False).exists()


class TestUnassigned:
    def test_oldest_first_with_age_and_cost(self, staff):
        Price.objects.create(telephony_provider="twilio", monthly="1.15")
        old = keep("+14155550001", bought_at=datetime.now(UTC) - timedelta(days=100))
        keep("+14155550002", bought_at=datetime.now(UTC))
        text = staff.get("/unassigned/").content.decode()
        assert re.findall(r'<tr data-number="([^"]+)"', text) == [old.e164, "+14155550002"]
        assert "$4.60" in text  # four months begun
        assert "estimate" in text

    def test_an_amount_is_in_the_currency_of_its_price(self, staff):
        Price.objects.create(telephony_provider="twilio", monthly="1.15")
        Price.objects.create(telephony_provider="telnyx", monthly="2", currency="EUR")
        keep("+14155550001", provider="telnyx", bought_at=datetime.now(UTC))
        keep("+14155550002", bought_at=datetime.now(UTC))
        assert "about EUR 2.00 + $1.15 a month" in " ".join(
            staff.get("/unassigned/").content.decode().split()
        )
        assert "EUR 2.00 (estimate)" in staff.get("/numbers/+14155550001/").content.decode()

    def test_assigning_moves_on(self, staff):
        agent = Agent.objects.create(api_id="r", name="Reception")
        for n in range(3):
            keep(f"+1415555000{n}")
        headers = {"HX-Request": "true", "HX-Target": "queue"}
        answer = staff.post("/unassigned/assign/", {"number": "+14155550000", "agent": "r"}, headers=headers)
        assert re.findall(r'<tr data-number="([^"]+)"', answer.content.decode()) == [
            "+14155550001",
            "+14155550002",
        ]
        assert Plan.objects.get().rows.get().after == {"agent": agent.api_id}
        assert (
            staff.post("/unassigned/assign/", {"number": "+14155550001", "agent": "r"}).url == "/unassigned/"
        )

    @pytest.mark.parametrize("form", [{}, {"number": "+14155550000"}, {"number": "x", "agent": "r"}])
    def test_nonsense_assigns_nothing(self, staff, form):
        keep("+14155550000")
        headers = {"HX-Request": "true", "HX-Target": "queue"}
        assert staff.post("/unassigned/assign/", form, headers=headers).status_code == 422
        assert not Plan.objects.exists()

    @pytest.mark.parametrize("count", [1, 60])
    def test_it_costs_fourteen_queries(self, staff, count, django_assert_num_queries):
        for n in range(count):
            keep(f"+1415555{n:04}")
        with django_assert_num_queries(14):
            staff.get("/unassigned/")

    def test_the_count_in_the_header_ends_at_a_thousand(self, staff):
        Number.objects.bulk_create([Number(e164=f"+1415555{n:04}") for n in range(1001)])
        assert "1,000+" in staff.get("/").content.decode()


def test_nobody_gets_in_without_logging_in(client):
    for path in ("/numbers/", "/plans/", "/plans/1/", "/unassigned/", "/numbers/+14155550100/assign/"):
        assert client.get(path).status_code == 302
    assert client.post("/plans/new/", {"do": "unassign", "all": "1"}).status_code == 302


def test_whatever_comes_from_outside_is_escaped_in_a_row(staff):
    evil = "<script>alert('1')</script>\"&"
    agent = Agent.objects.create(api_id=evil[:20], name=evil)
    connection = Connection.objects.create(api_id="c1", label=evil)
    keep("+14155550100", agent=agent, connection=connection, label=evil, tags=[evil[:50]], provider=evil,
         bought_at=T0, bought_by=evil, drifted=True)  # fmt: skip
    gone = Agent.objects.create(api_id="gone", name=evil + "2", gone_at=T0)
    keep("+14155550101", agent=gone, outbound_only=True)
    text = staff.get("/numbers/").text
    assert "<script>alert" not in text
    rows = text[text.index("<tbody>") : text.index("</tbody>")]
    assert rows.count("&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&quot;&amp;") >= 10


def test_times_in_rows_read_as_everywhere_else(settings):
    pen = Pen(may_assign=True)
    for moment in (timezone.now(), timezone.now() - timedelta(days=40), T0, T0 - timedelta(days=999)):
        assert pen.when(moment) == when(moment)
