"""Keeping the inventory true: drift, agents that vanish, giving up, a table that comes back."""

import csv
import re

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture(scope="module", autouse=True)
def rights(stack):
    """bob may release numbers here."""
    stack.shell(
        "from django.contrib.auth.models import Group, User; "
        "User.objects.get(username='bob').groups.add(Group.objects.get(name='admin'))"
    )


@pytest.fixture
def fleet(api, stack) -> list[dict]:
    """Five numbers of this test's own, on our books as Fluents has them."""
    rows = []
    for _ in range(5):
        label = {"area_code": "503", "label": "Before"}
        rows.append(api.call("POST", "/_sandbox/numbers", json=label).json())
    accept_all(stack)
    return rows


def accept_all(stack) -> None:
    """Our books say what Fluents says."""
    stack.manage("sync")
    stack.shell(
        "from numbers.models import Number; from numbers.services.inventory.drift import accept_theirs; "
        "from numbers.services.audit.events import SYSTEM; "
        "accept_theirs(by=SYSTEM, numbers=Number.objects.all())"
    )


def sync(page: Page) -> None:
    """Press Sync now and wait until the page says that it is done."""
    page.goto("/drift/")
    page.get_by_role("button", name="Sync now").first.click()
    expect(page.locator("#sync-state")).to_contain_text("Syncing")
    expect(page.locator("#sync-state")).to_contain_text("Last synced")


def change(api, number: str, **fields) -> None:
    api.call("PATCH", "/_sandbox/numbers", params={"phone_number": number}, json=fields)


def is_owned(api, number: str) -> bool:
    return api.get("/v1/numbers", phone_number=number).status_code == 200


def agent_of(api, name: str) -> str:
    return api.call("POST", "/_sandbox/agents", json={"name": name}).json()["id"]


def apply(page: Page) -> None:
    """Apply the plan that the page shows and wait for its end."""
    page.locator("#apply").click()
    expect(page.locator("#plan-live")).to_contain_text(re.compile("Finished|Done"))


def test_drift_is_seen_and_either_side_can_be_taken(page: Page, api, stack, fleet):
    changed, pushed, removed = (row["number"] for row in fleet[:3])
    change(api, changed, label="Their label")
    change(api, pushed, label="Not ours")
    api.call("DELETE", "/_sandbox/numbers", params={"phone_number": removed})
    added = api.call("POST", "/_sandbox/numbers", json={"area_code": "503"}).json()["number"]
    sync(page)
    row = page.locator(f'tr[data-number="{changed}"]')
    expect(row).to_contain_text("Before")
    expect(row).to_contain_text("Their label")
    expect(page.locator(f'tr[data-number="{removed}"]')).to_contain_text("Gone")
    expect(page.locator(f'tr[data-number="{added}"]')).to_contain_text("Appeared")
    row.get_by_role("button", name="Use Fluents'").click()
    expect(page.locator("#messages")).to_contain_text("Used Fluents' values for 1 number")
    for number in (removed, added):
        page.locator(f'tr[data-number="{number}"]').get_by_role("checkbox").check()
    page.locator(".decide").get_by_role("button", name="Use Fluents'").click()
    expect(page.locator("#messages")).to_contain_text("Used Fluents' values for 2 numbers")
    page.locator(f'tr[data-number="{pushed}"]').get_by_role("button", name="Keep ours").click()
    page.wait_for_url("**/plans/*/")
    apply(page)
    assert api.get("/v1/numbers", phone_number=pushed).json()["label"] == "Before"
    page.goto("/drift/")
    expect(page.get_by_role("heading", name="Our records match Fluents")).to_be_visible()
    expect(page.locator(".events")).to_contain_text("Used Fluents' values")
    assert stack.manage("reconcile", "--json", check=False).returncode == 0
    page.goto(f"/numbers/{removed}/")
    expect(page.locator(".head")).to_contain_text("Gone from Fluents")


def test_an_agent_that_vanishes_rings_until_its_numbers_have_another(page: Page, api, stack, fleet):
    gone, heir = agent_of(api, "Vanishing"), agent_of(api, "Heir")
    change(api, fleet[3]["number"], inbound_agent=gone)
    accept_all(stack)
    api.call("DELETE", "/_sandbox/agents", params={"id": gone})
    change(api, fleet[3]["number"], inbound_agent=None)
    sync(page)
    page.goto("/")
    expect(page.locator(".needs")).to_contain_text("Vanishing was deleted in Fluents")
    page.goto("/agents/")
    alarm = page.locator(f'.alarm[data-agent="{gone}"]')
    expect(alarm).to_contain_text("1 number")
    alarm.locator("select").select_option(value=heir)
    alarm.get_by_role("button", name="Preview change").click()
    page.wait_for_url("**/plans/*/")
    expect(page.locator("#main")).to_contain_text("Heir in place of Vanishing")
    apply(page)
    page.goto("/agents/")
    expect(alarm).to_have_count(0)
    accept_all(stack)


def test_a_renamed_agent_rings_until_somebody_says_that_it_is_fine(page: Page, api, stack, fleet):
    one = agent_of(api, "Old name")
    change(api, fleet[4]["number"], inbound_agent=one)
    accept_all(stack)
    api.call("PATCH", "/_sandbox/agents", params={"id": one}, json={"name": "New name"})
    sync(page)
    page.goto("/agents/")
    alarm = page.locator(f'.alarm[data-agent="{one}"]')
    expect(alarm).to_contain_text("Old name is now called New name")
    alarm.get_by_role("button", name="Keep it").click()
    expect(alarm).to_have_count(0)


def test_a_number_is_changed_on_its_page_and_the_page_follows(page: Page, api, fleet):
    number = fleet[0]["number"]
    page.goto(f"/numbers/{number}/")
    page.get_by_label("Label").fill("Front desk")
    page.get_by_label("Tags").fill("west, vip")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#changing")).to_contain_text("Label is now Front desk")
    expect(page.locator(".head")).to_contain_text("Front desk")
    expect(page.locator("#events")).to_contain_text("Changed")
    assert api.get("/v1/numbers", phone_number=number).json()["label"] == "Front desk"


def test_a_number_is_released_only_by_typing_it(page: Page, api, fleet):
    number = fleet[1]["number"]
    page.goto(f"/numbers/{number}/")
    page.locator(".head-actions summary").click()
    page.get_by_role("link", name="Release number").click()
    expect(page.locator("#main")).to_contain_text("can't be undone")
    button = page.locator("#give-up-form .btn-danger")
    button.click()
    expect(page.locator("#id_phone_number_error")).to_contain_text("Enter the number to confirm")
    page.get_by_label("Enter the number to confirm").fill(fleet[2]["number"])
    button.click()
    expect(page.locator("#id_phone_number_error")).to_contain_text("number on this page")
    assert is_owned(api, number)
    page.get_by_label("Enter the number to confirm").fill(f"({number[2:5]}) {number[5:8]}-{number[8:]}")
    button.click()
    expect(page.locator("#changing")).to_contain_text("Released")
    expect(page.locator(".head")).to_contain_text("No longer owned")
    assert not is_owned(api, number)


def test_many_are_given_up_only_by_typing_how_many(page: Page, api, fleet):
    given_up = [row["number"] for row in fleet[3:]]
    page.goto("/numbers/?area_code=503&q=before")
    for number in given_up:
        page.locator(f'tr[data-number="{number}"] .tick').click()
    page.locator("#bulk summary", has_text="Release or detach").click()
    page.get_by_role("button", name="Release…").click()
    page.get_by_label("Enter how many").fill("5")
    page.get_by_role("button", name="Release 2 numbers").click()
    expect(page.locator("#id_count_error")).to_contain_text("not how many")
    page.get_by_label("Enter how many").fill("2")
    page.get_by_role("button", name="Release 2 numbers").click()
    expect(page.locator("#plan-live")).to_contain_text("2 of 2 changed")
    assert [is_owned(api, row["number"]) for row in fleet] == [True, True, True, False, False]


def test_a_number_that_a_connection_holds_is_linked(page: Page, api):
    items = api.get("/v1/account_connections/list").json()["items"]
    number, connection = next((one["steering_pool"][0], one["id"]) for one in items if one["steering_pool"])
    page.goto("/numbers/link/")
    page.get_by_label("Number", exact=True).fill(number)
    page.get_by_label("Connection").select_option(value=connection)
    page.get_by_role("button", name="Link this number").click()
    expect(page.locator("#messages")).to_contain_text("It's unassigned")
    assert page.url.endswith(f"/numbers/{number}/") or number[1:] in page.url
    assert is_owned(api, number)


def test_a_table_leaves_is_edited_and_comes_back_as_a_plan(page: Page, api, stack, fleet, tmp_path):
    number = fleet[2]["number"]
    page.goto("/numbers/upload/")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export all numbers as CSV").click()
    file = tmp_path / "numbers.csv"
    waiting.value.save_as(file)
    with file.open(newline="") as table:
        rows = list(csv.DictReader(table))
    row = next(row for row in rows if row["number"].removeprefix("'") == number)
    row["outbound_only"] = "perhaps"
    save(file, rows)
    upload(page, file)
    expect(page.locator(".errors")).to_contain_text("outbound_only")
    row |= {"outbound_only": "yes", "label": "From a table"}
    save(file, rows)
    upload(page, file)
    page.wait_for_url("**/plans/*/")
    expect(page.locator("#main")).to_contain_text("From a table")
    apply(page)
    answer = api.get("/v1/numbers", phone_number=number).json()
    assert (answer["label"], answer["outbound_only"]) == ("From a table", True)


def save(file, rows: list[dict]) -> None:
    with file.open("w", newline="") as table:
        writer = csv.DictWriter(table, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def upload(page: Page, file) -> None:
    page.locator("[name=file]").set_input_files(file)
    page.get_by_role("button", name="Preview changes").click()


def test_the_history_is_filtered_and_taken_away(page: Page, fleet):
    page.goto("/activity/")
    page.get_by_label("Event").select_option(value="sync")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#events")).to_contain_text("Synced with Fluents")
    expect(page.locator("#events")).not_to_contain_text("Appeared")
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="JSON").click()
    assert waiting.value.suggested_filename == "activity.json"


def test_everything_works_without_scripts(open_page, api, stack, fleet):
    page = open_page(java_script_enabled=False)
    change(api, fleet[0]["number"], label="No script")
    stack.manage("sync")
    page.goto("/drift/")
    page.locator(f'tr[data-number="{fleet[0]["number"]}"]').get_by_role("button", name="Use Fluents'").click()
    expect(page.locator("#messages")).to_contain_text("Used Fluents' values")
