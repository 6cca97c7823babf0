"""A person lives in the list of numbers: finds, ticks, assigns, undoes, by keyboard and without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from numbers.listing.query import COLUMNS
from tests.support.stack import wait_until

ROWS = "tr[data-number]"


def row(page: Page, number: str):
    return page.locator(f'tr[data-number="{number}"]')


def tick(page: Page, number: str) -> None:
    row(page, number).locator(".tick").click()


def answers(api, number: str) -> str:
    """Who answers that number at Fluents."""
    found = api.get("/v1/numbers", phone_number=number).json()
    return found.get("inbound_agent", {}).get("name", "")


def plan_bulk_assign(page: Page, agent: str) -> None:
    page.keyboard.press("a")
    expect(page.locator("#bulk-agent")).to_be_focused()
    page.keyboard.type(agent)
    page.keyboard.press("Enter")
    page.wait_for_url("**/plans/*/")


@pytest.fixture
def numbers(page: Page) -> list[str]:
    """The numbers on the first page, which is then open."""
    page.goto("/numbers/")
    return page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.dataset.number)")


#: What htmx does in one turn of a page, by its events, and the tasks between its swap and its settling.
TURN = """() => new Promise((done) => {
  const seen = { "htmx:beforeCleanupElement": 0, "htmx:beforeHistorySave": 0, tasks: 0 };
  for (const name in seen) document.addEventListener(name, () => { seen[name] += 1; });
  document.addEventListener("htmx:afterSwap", () => setTimeout(() => { seen.tasks += 1; }));
  document.addEventListener("htmx:afterSettle", () => done({ ...seen }), { once: true });
  document.getElementById("older").click();
})"""


def test_a_turn_of_the_page_neither_copies_it_nor_walks_through_its_rows(page: Page):
    page.goto("/numbers/")
    first = page.locator(ROWS).first.get_attribute("data-number")
    seen = page.evaluate(TURN)
    assert (seen["htmx:beforeHistorySave"], seen["tasks"]) == (0, 0)
    assert seen["htmx:beforeCleanupElement"] < 200  # fifty rows have six hundred elements
    expect(row(page, first)).to_have_count(0)
    page.go_back()
    expect(row(page, first)).to_be_visible()


#: The edges of the cells of each row, the table's head first, without what is hidden.
EDGES = """() => [...document.querySelectorAll(".numbers tr")].map((row) => {
  const boxes = [...row.cells].map((cell) => cell.getBoundingClientRect());
  return boxes.filter((box) => box.width).map((box) => `${box.left} ${box.right}`).join();
})"""
LAST = f"{ROWS}:last-child .row-link"


@pytest.mark.parametrize("size", [(1280, 500), (360, 640)])
def test_rows_out_of_sight_wait_and_nothing_moves_when_they_are_needed(page: Page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto("/numbers/")
    seen = "link => link.checkVisibility({ contentVisibilityAuto: true })"
    assert not page.locator(LAST).evaluate(seen)
    before = page.evaluate("document.documentElement.scrollHeight")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(f"({seen})(document.querySelector({LAST!r}))")
    after = page.evaluate("document.documentElement.scrollHeight")
    assert abs(after - before) < before * 0.1


@pytest.mark.parametrize(
    "columns",
    ["", "?cols=agent", *(f"?cols={','.join(list(COLUMNS)[:count])}" for count in (7, 8, len(COLUMNS)))],
)
@pytest.mark.parametrize("width", [800, 1280, 1920])
def test_each_row_has_its_cells_beneath_the_heads(page: Page, columns, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/numbers/{columns}")
    assert len(set(page.evaluate(EDGES))) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # the list scrolls, not the page


def test_search_narrows_the_list_while_one_types_and_the_address_follows(page: Page, numbers):
    wanted = numbers[7]
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type(f"({wanted[2:5]}) {wanted[5:8]}-{wanted[8:]}")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(row(page, wanted)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/numbers/\?q="))
    page.reload()
    expect(page.locator(ROWS)).to_have_count(1)


def test_a_filter_becomes_a_chip_and_a_view_keeps_it(page: Page, numbers):
    page.locator("summary", has_text="Filter").click()
    page.locator("#filters [name=region]").select_option("CA")
    expect(page.locator(".chip")).to_have_text(re.compile("Region California"))
    expect(page).to_have_url(re.compile(r"/numbers/\?region=CA$"))
    found = page.locator(ROWS).count()
    assert 0 < found < len(numbers)
    page.get_by_text("Save view").click()
    page.locator("#view-name").fill("California")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#views [aria-current]")).to_have_text("California")
    page.get_by_role("link", name="All numbers").click()
    expect(page.locator(".chip")).to_have_count(0)
    page.locator("#views").get_by_role("link", name="California").click()
    expect(page.locator(ROWS)).to_have_count(found)
    page.get_by_role("button", name="Delete “California”").click()
    expect(page.locator("#views").get_by_role("link", name="California")).to_have_count(0)


def test_ticks_survive_paging_and_a_bulk_assignment_goes_through_its_plan_to_done_and_back(page: Page, api):
    page.goto("/numbers/?sort=number")
    numbers = page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.dataset.number)")
    chosen = numbers[:2]
    before = {number: answers(api, number) for number in chosen}
    for number in chosen:
        tick(page, number)
    page.locator("#older").click()
    expect(row(page, numbers[0])).to_have_count(0)
    expect(page.locator("#ticked-words")).to_have_text("2 selected")
    third = page.locator(ROWS).first.get_attribute("data-number")
    tick(page, third)
    before[third] = answers(api, third)
    agent = next(name for name in ("Reception", "Billing desk") if name not in before.values())
    plan_bulk_assign(page, agent)
    expect(page.locator("#plan-live tbody tr")).to_have_count(3)
    expect(page.locator("#plan-live")).to_contain_text("Nothing has changed yet")
    api.fault("rate_limited", retry_after="2", path="/v1/numbers/update")
    api.fault("status", status=400, message="Not today", path="/v1/numbers/update")
    page.get_by_role("button", name="Change 3 numbers").click()
    expect(page.locator("#plan-live")).to_contain_text("of 3 finished")
    expect(page.locator("#plan-live .bar")).to_be_visible()
    expect(page.locator("#plan-live")).to_contain_text("2 of 3 changed")
    expect(page.locator('#plan-live [data-state="failed"]')).to_have_count(1)
    expect(page.locator('#plan-live [data-state="failed"]')).to_contain_text("Not today")
    page.get_by_role("button", name="Retry the one that failed").click()
    expect(page.locator("#plan-live")).to_contain_text("3 of 3 changed")
    expect(page.locator("#plan-live")).not_to_have_attribute("data-moving", "")
    assert {answers(api, number) for number in before} == {agent}
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Change 3 numbers").click()
    expect(page.locator("#plan-live")).to_contain_text("3 of 3 changed")
    assert {number: answers(api, number) for number in before} == before
    page.goto("/activity/")
    fold = page.locator(".fold").first
    for key, state in (("Enter", "true"), ("Enter", "false")):
        fold.press(key)
        expect(fold).to_have_attribute("aria-expanded", state)
        expect(fold).to_be_focused()  # it was swapped
    page.goto("/numbers/")
    expect(page.locator("#bulk")).to_be_hidden()  # the ticks are used up


def test_all_that_match_are_chosen_at_once(page: Page):
    page.goto("/numbers/?region=TX")
    count = page.locator(ROWS).count()
    page.locator("#all").click()
    expect(page.locator("#ticked-words")).to_have_text(f"All {count} matching numbers")
    page.locator("summary", has_text="Filter").click()
    page.locator("#filters [name=region]").select_option("CA")
    expect(page.locator("#bulk")).to_be_hidden()  # the choice was about Texas
    page.goto("/numbers/?region=TX")
    page.locator("#all").click()
    page.locator("summary", has_text="Tags").click()
    page.locator("#bulk-add").fill("texas")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name=f"Change {count} number").click()
    expect(page.locator("#plan-live")).to_contain_text(f"{count} of {count} changed")
    page.goto("/numbers/?tag=texas")
    expect(page.locator(ROWS)).to_have_count(count)


def test_in_the_row_by_keyboard_and_the_row_follows(page: Page, numbers, api):
    number = numbers[3]
    for _ in range(4):
        page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("#assign-dialog #id_agent")).to_be_focused()
    agent = "Spanish line" if answers(api, number) != "Spanish line" else "Reception"
    page.keyboard.type(agent)
    page.keyboard.press("Enter")
    expect(page.locator("#assign-dialog")).to_be_hidden()
    expect(row(page, number).locator(".at-agent")).to_contain_text("Changing")
    expect(row(page, number).locator(".who")).to_contain_text(agent)
    expect(page.locator("[data-moving]")).to_have_count(0)
    assert answers(api, number) == agent


def test_two_people_at_one_number_the_second_is_told(page: Page, open_page, numbers, api):
    number, other = numbers[5], open_page()
    agents = [
        name for name in ("Reception", "Sales follow-up", "French line") if name != answers(api, number)
    ]
    for one in (page, other):
        one.goto("/numbers/")
        row(one, number).locator(".edit").click()
        expect(one.locator("#assign-dialog #id_agent")).to_be_focused()
    page.locator("#id_agent").fill(agents[0])
    page.keyboard.press("Enter")
    expect(row(page, number).locator(".who")).to_contain_text(agents[0])
    other.locator("#id_agent").fill(agents[1])
    other.keyboard.press("Enter")
    expect(other.locator("#id_agent_error")).to_contain_text(f"Now answered by {agents[0]} since")
    expect(other.locator("#id_agent_error")).to_contain_text("by bob")
    assert answers(api, number) == agents[0]


def test_the_queue_by_keyboard_alone(page: Page, api):
    page.goto("/unassigned/")
    first = page.locator("form.next").get_attribute("data-number")
    agent = page.locator("#agent-2").inner_text().split("\n")[-1].strip().removeprefix("2").strip()
    page.keyboard.press("2")
    expect(page.locator("form.next")).not_to_have_attribute("data-number", first)
    wait_until(lambda: answers(api, first) == agent)
    second = page.locator("form.next").get_attribute("data-number")
    page.keyboard.press("s")
    expect(page.locator("form.next")).not_to_have_attribute("data-number", second)
    assert answers(api, second) == ""
    page.keyboard.press("/")
    page.keyboard.type("Reception")
    third = page.locator("form.next").get_attribute("data-number")
    page.keyboard.press("Enter")
    wait_until(lambda: answers(api, third) == "Reception")


def test_keys_are_explained(page: Page, numbers):
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator("h1")).to_contain_text(numbers[0][-4:])


def test_without_javascript_numbers_are_filtered_changed_and_assigned(open_page, api):
    page = open_page(java_script_enabled=False)
    page.goto("/numbers/")
    page.locator("summary", has_text="Filter").click()
    page.locator("#filters [name=region]").select_option("FL")
    page.get_by_role("button", name="Show", exact=True).click()
    number = page.locator(ROWS).first.get_attribute("data-number")
    page.locator(".tick").first.check()
    page.locator("summary", has_text="Label").click()
    page.locator("#bulk-label").fill("No script")
    page.locator("button[value=label]").click()
    page.get_by_role("button", name="Change 1 number").click()
    row(page, number).locator("a").click()
    page.goto(f"/numbers/{number}/assign/")
    page.locator("#id_agent").fill("French line")
    page.get_by_role("button", name="Assign", exact=True).click()
    wait_until(lambda: answers(api, number) == "French line")
    page.goto("/numbers/?q=No+script")
    expect(page.locator(ROWS)).to_have_count(1)
