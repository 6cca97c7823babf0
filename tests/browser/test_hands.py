"""What made hands stop and heads scratch, each with the test that holds it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.buying import empty_form

PRICE = """
from numbers.models import Price
Price.objects.get_or_create(telephony_provider="twilio", defaults={"monthly": "1.15", "once": "1.25"})
"""


@pytest.fixture(scope="module", autouse=True)
def priced(stack):
    stack.shell(PRICE)


# --- Buying ---------------------------------------------------------------------------------


def test_finding_an_area_code_works_before_a_connection_is_chosen(page: Page):
    empty_form(page)
    page.locator("[name=telephony_account_connection]").select_option(index=0)
    page.locator("#find").fill("boston")
    expect(page.locator("#found")).to_contain_text("617")
    page.get_by_role("link", name="View 617").click()
    expect(page.locator("#found")).to_contain_text("Available just now")


def test_the_area_field_takes_a_city_and_offers_its_codes(page: Page):
    empty_form(page)
    page.locator("[name=telephony_account_connection]").select_option(index=1)
    page.locator("#id_area_code").fill("beantown")
    expect(page.locator("#hint-1")).to_contain_text("Beantown: 617 857")
    page.locator("#hint-1").get_by_role("button", name="Use 857").click()
    expect(page.locator("#id_area_code")).to_have_value("857")
    expect(page.locator("#hint-1")).to_contain_text("for sale")
    page.locator("#id_area_code").fill("Wyoming")
    expect(page.locator("#hint-1")).to_contain_text("307 Cheyenne, WY")
    page.get_by_role("button", name="Review 1 line").click()
    expect(page.locator("table.wants")).to_contain_text("307")


def test_a_row_says_what_is_for_sale_what_it_costs_and_what_is_missing(page: Page):
    empty_form(page)
    page.locator("[name=telephony_account_connection]").select_option(index=1)
    page.locator("#id_area_code").fill("212")
    page.locator("#id_quantity").fill("7")
    hint = page.locator("#hint-1")
    expect(hint).to_contain_text("3 for sale, you want 7.")
    expect(hint).to_contain_text("$1.15 a month each, $8.05 for 7, plus $8.75 once")
    expect(page.locator("#total")).to_have_text("Total: 7 lines, about $8.05 a month and $8.75 once")
    hint.get_by_role("button", name="Add 4 in").click()
    expect(page.locator("#id_quantity")).to_have_value("3")
    expect(page.locator("#id_quantity-2")).to_have_value("4")
    expect(page.locator("#id_area_code-2")).to_have_value(re.compile("332|646|917"))
    expect(page.locator("#hint-1")).to_contain_text("3 for sale.")
    expect(page.locator("#total")).to_contain_text("7 lines")
    page.locator("#id_quantity-2").fill("5")
    expect(page.locator("#total")).to_have_text(
        re.compile(r"Total: 8 lines, about \$9\.20 a month and \$10(\.00)? once")
    )


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("area_code", "999", "999 can't be bought."),
        ("area_code", "800", "It's toll-free."),
        ("area_code", "232", "232 isn't a known area code."),
        ("phone_number", "+44 20 7946 0000", "isn't a US or Canadian number."),
    ],
)
def test_a_place_that_cannot_be_bought_is_told_at_its_row(page: Page, field, typed, words):
    empty_form(page)
    page.locator(f"#id_{field}").fill(typed)
    expect(page.locator("#hint-1")).to_contain_text(words)


def test_the_last_connection_is_remembered(page: Page, stack):
    stack.shell(
        "from django.contrib.auth.models import User; from numbers.models import Connection, Line, Order\n"
        "bob = User.objects.get(username='bob'); it = Connection.objects.filter(gone_at=None, "
        "telephony_provider='twilio').last()\n"
        "order = Order.objects.create(requested_by=bob, quantity=1, form_token='remembered')\n"
        "Line.objects.create(order=order, position=1, state='cancelled', area_code='415', "
        "telephony_provider='twilio', connection=it)"
    )
    empty_form(page)
    expect(page.locator("[name=telephony_account_connection]")).not_to_have_value("")


# --- Numbers --------------------------------------------------------------------------------

ROWS = "#number-rows tr[data-number]"


def listed(page: Page) -> list[str]:
    return page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.dataset.number)")


def test_the_first_row_is_above_320_and_filters_stand_behind_one_button(open_page):
    page = open_page(viewport={"width": 1280, "height": 800})
    page.goto("/numbers/")
    assert page.locator(ROWS).first.bounding_box()["y"] < 320
    expect(page.locator("#f-region")).to_be_hidden()
    page.locator("summary", has_text="Filter").click()
    page.locator("#f-region").select_option("CA")
    expect(page.locator(".chip")).to_contain_text("Region California")
    expect(page.locator("#f-region")).to_be_visible()


def test_the_list_is_sorted_by_who_answers_and_by_status(page: Page):
    page.goto("/numbers/")
    for name, sort in (("Who answers", "agent"), ("Status", "status")):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(f"sort={sort}$"))
        expect(page.locator(f"th.at-{sort}, th.at-state, th[aria-sort]").first).to_be_visible()
        expect(page.locator("th[aria-sort=ascending]")).to_contain_text(name)


def test_numbers_that_are_pasted_are_found_and_strangers_are_named(page: Page):
    page.goto("/numbers/")
    wanted = listed(page)[:3]
    lines = "\n".join([*wanted, "(907) 273-0199"])
    page.locator("#q").evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
        }""",
        lines,
    )
    expect(page.locator(ROWS)).to_have_count(3)
    assert sorted(listed(page)) == sorted(wanted)
    expect(page.locator("#strangers")).to_contain_text("1 pasted number isn't ours")
    expect(page.locator("#strangers")).to_contain_text("907")


def test_the_bar_says_what_is_not_in_this_list_and_never_stands_over_an_empty_one(page: Page):
    page.goto("/numbers/")
    for box in page.locator(".tick").all()[:3]:
        box.click()
    expect(page.locator("#bulk strong")).to_have_text("3 selected")
    first = listed(page)[0]
    page.goto(f"/numbers/?q={first[2:]}")
    expect(page.locator("#bulk strong")).to_have_text("3 selected, 2 not in this list")
    page.goto("/numbers/?q=zzzz")
    expect(page.locator("#bulk")).to_be_hidden()
    page.goto("/numbers/")
    page.locator("#untick").click()
    expect(page.locator("#bulk")).to_be_hidden()


def test_shift_selects_everything_in_between_and_a_menu_of_the_bar_takes_the_focus(page: Page):
    page.goto("/numbers/")
    boxes = page.locator(".tick")
    boxes.nth(5).click()
    boxes.nth(1).click(modifiers=["Shift"])
    expect(page.locator("#bulk strong")).to_have_text("5 selected")
    page.locator("#bulk-assign").click()
    expect(page.locator("#bulk-agent")).to_be_focused()
    page.keyboard.press("Escape")
    boxes.nth(3).click(modifiers=["Shift"])
    expect(page.locator("#bulk strong")).to_have_text("2 selected")
    page.locator("#untick").click()
    expect(page.locator("#bulk")).to_be_hidden()


def test_a_change_of_one_number_says_so_and_is_undone_by_a_key(page: Page, api):
    page.goto("/numbers/?agent=none")
    number = listed(page)[0]
    page.goto("/numbers/")
    row = page.locator(f'tr[data-number="{number}"]')
    row.locator(".edit").click()
    expect(page.locator("#assign-dialog #id_agent")).to_be_focused()
    page.keyboard.type("Reception")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Reception will answer")
    expect(row.locator(".who")).to_contain_text("Reception")
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_contain_text("Undone")
    expect(row.locator(".who")).to_contain_text("Unassigned")


def test_a_row_that_one_s_own_change_takes_off_the_list_leaves_the_focus_at_the_next(page: Page, api):
    page.goto("/numbers/?agent=none")
    number, after = listed(page)[1:3]
    page.locator(f'tr[data-number="{number}"] .edit').press("Enter")
    expect(page.locator("#assign-dialog #id_agent")).to_be_focused()
    page.keyboard.type("Reception")
    page.keyboard.press("Enter")
    expect(page.locator(f'tr[data-number="{number}"]')).to_have_count(0)
    expect(page.locator(f'tr[data-number="{after}"] a').first).to_be_focused()
    expect(page.locator("#held")).to_be_hidden()


def test_a_swap_without_the_row_at_hand_leaves_the_focus_at_the_next(page: Page):
    page.goto("/numbers/?agent=none")
    number, after = listed(page)[:2]
    page.locator(f'tr[data-number="{number}"] .row-link').focus()
    gone = r'<tr data-number="\+' + number[1:] + r'".*?</tr>'

    def without(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(gone, "", answer.text(), flags=re.DOTALL))

    page.route("**/numbers/?agent=none", without)
    page.evaluate("htmx.trigger(document.body, 'changed')")
    expect(page.locator(f'tr[data-number="{after}"] .row-link')).to_be_focused()


def test_a_key_in_the_queue_says_what_it_did_and_u_takes_it_back(page: Page):
    page.goto("/unassigned/")
    first = page.locator("form.next").get_attribute("data-number")
    page.keyboard.press("1")
    expect(page.locator("form.next")).not_to_have_attribute("data-number", first)
    expect(page.locator("#toast")).to_contain_text("will answer")
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_contain_text("Undone")


# --- Finding and keys -----------------------------------------------------------------------


def test_the_palette_is_a_combobox_whose_enter_opens_and_whose_escape_gives_the_focus_back(page: Page):
    page.goto("/activity/")
    page.get_by_role("combobox", name="Who").focus()
    page.keyboard.press("Control+k")
    field = page.locator("#palette-q")
    expect(field).to_be_focused()
    expect(page.locator("#palette-results [role=option]").first).to_be_visible()
    expect(field).not_to_have_attribute("aria-activedescendant", re.compile("."))
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.get_by_role("combobox", name="Who")).to_be_focused()
    page.locator("#search").focus()
    page.keyboard.press("/")
    page.keyboard.type("numb")
    expect(page.locator("#palette-results[data-about=numb]")).to_be_visible()
    options = page.locator("#palette-results [role=option]")
    for at, key in ((0, None), (1, "ArrowDown"), (0, "ArrowUp"), (-1, "ArrowUp"), (0, "ArrowDown")):
        if key:
            page.keyboard.press(key)
        option = options.nth(at) if at >= 0 else options.last
        expect(option).to_have_attribute("aria-selected", "true")
        expect(field).to_have_attribute("aria-activedescendant", option.get_attribute("id"))
    expect(page.locator("#palette-results [aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/numbers/")


def test_enter_opens_a_whole_number_before_the_palette_has_answered(page: Page):
    page.goto("/numbers/")
    number = listed(page)[0]
    page.route(
        "**/find/?q=*", lambda route: route.continue_() if route.request.is_navigation_request() else None
    )
    page.goto("/orders/")
    page.keyboard.press("Control+k")
    page.keyboard.type(number[2:])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/numbers/{number}/")


def test_escape_closes_every_menu_and_dialog_and_gives_the_focus_back(page: Page):
    page.goto("/numbers/?agent=none")
    number = listed(page)[0]
    page.locator(".tick").first.click()
    menus = 0
    for path in ("/numbers/", f"/numbers/{number}/", "/activity/", "/attention/?tab=unassigned"):
        page.goto(path)
        for menu in page.locator("details.menu:has(> summary:visible)").all()[:10]:
            summary, menus = menu.locator("> summary"), menus + 1
            summary.press("Enter")
            expect(menu).to_have_attribute("open", "")
            page.keyboard.press("Tab")
            page.keyboard.press("Escape")
            expect(menu).not_to_have_attribute("open", "")
            expect(summary).to_be_focused()
    assert menus >= 10
    page.goto("/numbers/")
    expect(page.locator("#bulk strong")).to_have_text("1 selected")  # which Escape would clear, too
    edit = page.locator(f'tr[data-number="{listed(page)[0]}"] .edit')
    for opener, dialog in ((edit, "#assign-dialog"), (page.locator("[data-opens=keys]"), "#keys")):
        opener.press("Enter")
        expect(page.locator(dialog)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(dialog)).to_be_hidden()
        expect(opener).to_be_focused()
    page.locator("#untick").click()


def test_the_focus_comes_back_to_the_row_also_where_the_row_was_swapped_meanwhile(page: Page):
    page.goto("/numbers/")
    number = listed(page)[0]
    page.locator(f'tr[data-number="{number}"] .edit').press("Enter")
    expect(page.locator("#assign-dialog #id_agent")).to_be_focused()
    with page.expect_response("**/numbers/"):
        page.evaluate("htmx.trigger(document.body, 'changed')")
    expect(page.locator("#assign-dialog")).to_be_hidden()
    expect(page.locator(f'tr[data-number="{number}"] .row-link')).to_be_focused()
