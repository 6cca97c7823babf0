"""Whatever a page can do, a command can; and README's table of commands is what they say of themselves."""

from io import StringIO

from django.core.management import call_command

from numbers.permissions import COMMANDS, OWN, PAGES
from tests.support.stack import ROOT

#: For every page that takes a form: the commands that do the same.
TWINS = {
    "acknowledge": "reconcile",
    "alarms": "alarms",
    "agent-acknowledge": "agents",
    "agent-replace": "agents",
    "assign-next": "assign",
    "attention-snooze": "attention",
    "attention-wake": "attention",
    "budget": "budget",
    "drift-decide": "drift",
    "gate-accept": "sync",
    "gate-baseline": "gate",
    "gate-explain": "gate",
    "gate-retire": "gate",
    "gate-switch": "gate",
    "invoice": "invoice",
    "invoice-list": "invoice",
    "line-cancel": "order",
    "number": "assign label",
    "number-assign": "assign",
    "number-detach": "release",
    "number-link": "link",
    "number-prove": "prove",
    "number-prove-check": "prove",
    "number-release": "release",
    "order-again": "order",
    "order-approve": "order",
    "order-assign": "order",
    "order-cancel": "order",
    "order-new": "buy",
    "order-refuse": "order",
    "person-factors": "people",
    "person-invite": "people",
    "person-link": "people",
    "person-roles": "people",
    "person-sessions": "people",
    "person-switch": "people",
    "plan-apply": "plan",
    "plan-discard": "plan",
    "plan-give-up": "release",
    "plan-new": "assign label",
    "plan-prove": "release plan",
    "plan-retry": "plan",
    "plan-stop": "plan",
    "plan-take-back": "plan",
    "plan-undo": "plan",
    "price-remove": "prices",
    "prices": "prices",
    "reconcile-start": "reconcile",
    "review-line": "review",
    "review-look": "review",
    "sync": "sync",
    "upload": "plan",
    "view-delete": "views",
    "view-save": "views",
    "wants-upload": "buy",
}
#: They change nothing but what one person sees in a browser.
FOR_EYES = {"number-selected", "order-row", "order-start-over", "order-typed", "tour-end"}


def test_every_act_of_a_page_has_a_command():
    acting = {name for name, (_, post) in PAGES.items() if post}
    assert acting - FOR_EYES - set(TWINS) == set(), "write a command, or say here which one does it"
    assert set(TWINS) | FOR_EYES <= acting
    assert {word for words in TWINS.values() for word in words.split()} <= set(COMMANDS)
    assert {"account", "session-end"} == OWN  # one's own sessions end in a browser, all of them by `people`


def test_the_table_of_commands_is_what_they_say_of_themselves():
    out = StringIO()
    call_command("commands", markdown=True, stdout=out)
    assert out.getvalue() in (ROOT / "README.md").read_text(), (
        "put what `manage.py commands --markdown` prints into README.md"
    )
