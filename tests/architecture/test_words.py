"""Everything people read is plain US English: phrases that were taken out do not come back.

`manage.py messages` prints the messages that are searched here.
"""

import re
from functools import cache

import pytest

from numbers.management.messages import Message, messages
from tests.support.stack import ROOT

#: What may be said nowhere, and what to say instead: regular expressions, from word to word.
BANNED = {
    r"shall": "will, or should",
    r"mend(s|ed|ing)?": "fix",
    r"all the same": "anyway",
    r"(goes|go|going) on": "continue, resume, happen",
    r"by itself|by themselves": "automatically",
    r"looked at|looks? at (it|this)": "review, view, check",
    r"(take|takes|took|taken) theirs|push(es)? ours": "use Fluents', keep ours",
    r"ticked": "selected",
    r"(was|were|is|are) not to be had": "available",
    r"our books|on the books": "our records",
    r"under way": "in progress",
    r"any more": "no longer",
    r"which is no|is no (phone|whole|area)": "isn't a",
    r"(numbers|gone|called) at Fluents": "in Fluents",
    r"log-ins?|log-outs?": "login",
    r"e-mails?": "email",
    r"drift inbox": "differences",
    r"giv(e|ing) up": "release or detach",
    r"take (away|it away)": "remove, export",
    r"hand(ed|s)? over": "reassign",
    r"idle numbers": "unassigned numbers",
    r"numbers of ours": "our numbers",
    r"is it still you": "confirm it's you",
    r"please|successfully": "(nothing)",
    r"colours?|behaviours?|honours?|licence": "US spelling",
}
#: What messages and pages do not say either; documents may.
BANNED_IN_MESSAGES = {
    r"nobody(?! yet)|anybody|everybody|somebody": "no one, anyone, everyone, someone",
    r"whoever|whatever": "anyone who, anything that",
    r"(do|does|did|is|are|was|were|could|will|has|have) not|cannot": "a contraction: don't, isn't, can't",
    r"the gate": "buying",
    r"meanwhile": "(nothing)",
}
UNHEARD = (  # what says what the Fluents API says, and errors that are a programmer's
    "numbers/sandbox/",
    "numbers/models/",
    "numbers/services/purchasing/transitions.py",
)
PROGRAMMERS = re.compile(r"the gate can be locked|must not be called inside|a line cannot go|^Cannot $")
NAMES = re.compile(r"`[^`]*`|--[a-z-]+|\{[^{}]*\}|<[^>]*>|https?://\S+")
PAGES = ("README.md", "CHANGELOG.md", "docs/operations.md", "docs/settings.md")


@cache
def found() -> list[Message]:
    return list(messages())


def said() -> list[Message]:
    """What people read of it; the rest is for programs and programmers."""
    return [m for m in found() if not m.path.startswith(UNHEARD) and not PROGRAMMERS.search(m.text)]


def written() -> list[Message]:
    """The lines of the documents that people read who run this."""
    return [
        Message(page, n, line)
        for page in PAGES
        for n, line in enumerate((ROOT / page).read_text().splitlines(), start=1)
    ]


def with_phrase(phrase: str, texts: list[Message]) -> list[str]:
    search = re.compile(rf"(?<![\w-])(?:{phrase})(?![\w-])", re.IGNORECASE).search
    return [f"{path}:{n}: {text}" for path, n, text in texts if search(NAMES.sub(" ", text))]


def test_phrases_that_were_taken_out_do_not_come_back():
    messages, pages = said(), written()
    wrong = {
        f"{phrase} (say: {better})": where
        for phrase, better in BANNED.items()
        if (where := with_phrase(phrase, [*messages, *pages]))
    }
    assert wrong == {}


def test_nor_do_those_that_no_message_has():
    texts = said()
    wrong = {
        f"{phrase} (say: {better})": where
        for phrase, better in BANNED_IN_MESSAGES.items()
        if (where := with_phrase(phrase, texts))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "Needs attention",  # a heading
        "Choose a connection",  # the first choice of a field
        "Enter a reason for the history.",  # a field's error
        "What you found and where. It's kept in the history with your name.",  # a help text
        "Show whether buying is on, and turn it on or off. Exit status: 0 done, 2 refused.",  # a command
        "No SECRET_KEY is set.",  # a check
        "Someone else already decided on this line.",  # what a service refuses
        "Your account at Fluents numbers",  # a mail
    ],
)
def test_messages_of_every_kind_are_among_those_searched(text):
    assert text in {message.text for message in found()}
