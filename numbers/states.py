"""The states of a line and the moves between them, as data.

A line is one wanted phone number. Fluents has no idempotency key, so what protects
money is this table: a state changes only along a move listed here, in one
compare-and-set statement, and `sending` is on disk before a purchase leaves.
"""

from datetime import UTC, datetime
from enum import StrEnum

from django.db.models import TextChoices


class LineState(TextChoices):
    """A line's state, with the words that staff read."""

    PLANNED = "planned", "Waiting"
    RESERVED = "reserved", "Number chosen"
    SENDING = "sending", "Buying"
    BOUGHT = "bought", "Bought"
    FAILED = "failed", "Not bought"
    UNKNOWN = "unknown", "Checking"
    REVIEW = "review", "Needs you"
    CANCELLED = "cancelled", "Cancelled"


S = LineState

#: A worker will take the line further without anybody's help.
DRIVEN = frozenset({S.PLANNED, S.RESERVED, S.SENDING, S.UNKNOWN})
#: Money may be spent on the line's number now or later: no other line may use that number.
HOLDING = frozenset({S.RESERVED, S.SENDING, S.UNKNOWN, S.REVIEW})
#: Nothing was sent yet for the number at hand, so the line may still be called off.
CANCELLABLE = frozenset({S.PLANNED, S.RESERVED})
#: The end.
FINAL = frozenset({S.BOUGHT, S.FAILED, S.CANCELLED})
OPEN = frozenset(set(S) - FINAL)

#: Every legal move. What is not here is a bug and raises.
MOVES = frozenset(
    {
        (S.PLANNED, S.RESERVED),  # worker: a number was chosen, looked up and is not ours
        (S.PLANNED, S.FAILED),  # worker: nothing to buy; nothing was sent for the number at hand
        (S.PLANNED, S.CANCELLED),
        (S.PLANNED, S.REVIEW),  # worker: our own code fails on it again and again
        (S.RESERVED, S.SENDING),  # worker: gate open, attempt on disk
        (S.RESERVED, S.PLANNED),  # worker: the number was given back, nothing was sent
        (S.RESERVED, S.CANCELLED),
        (S.RESERVED, S.REVIEW),  # worker: as above
        (S.SENDING, S.BOUGHT),  # worker: an answer with exactly that number
        (
            S.SENDING,
            S.PLANNED,
        ),  # worker: nothing left this machine, or refused where nothing can be looked up
        (S.SENDING, S.FAILED),  # worker: refused for good where nothing can be looked up
        (S.SENDING, S.UNKNOWN),  # worker: any other answer; scheduler: the worker is gone
        (S.UNKNOWN, S.BOUGHT),  # worker: found by its exact number
        (S.UNKNOWN, S.SENDING),  # worker: absence is settled, the same number again
        (S.UNKNOWN, S.PLANNED),  # worker: absence is settled, and Fluents said no: begins again
        (S.UNKNOWN, S.FAILED),  # worker: absence is settled, and Fluents said no for good
        (S.UNKNOWN, S.REVIEW),  # worker: a person must decide
        (S.REVIEW, S.BOUGHT),  # a person, with a reason
        (S.REVIEW, S.FAILED),
        (S.REVIEW, S.PLANNED),
    }
)


class Guarantee(StrEnum):
    """What the API at hand lets us promise, from strong to weak."""

    EXACT = "exact"  # each line buys one exact number, which is its own key
    SNAPSHOT = "snapshot"  # by area code, one at a time per connection, compared with a snapshot
    BLIND = "blind"  # nothing can be looked up: every unanswered purchase goes to a person


class ApprovalState(TextChoices):
    """Whether another person must let an order through, and what they said."""

    NOT_NEEDED = "", "Not needed"
    WAITING = "waiting", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Cancelled"  # before anybody had decided


class Ending(TextChoices):
    """What an order came to, once none of its lines moves any more: that is for good."""

    OPEN = "", "Open"  # or nobody has written its end down yet
    WHOLE = "whole", "Bought"
    PARTIAL = "partial", "Partly bought"
    NOTHING = "nothing", "Not bought"


#: Lines of these orders may be bought; those of all others, whatever their own state says, may not.
BUYABLE = frozenset({ApprovalState.NOT_NEEDED, ApprovalState.APPROVED})
#: When a line is due whose order waits for approval: no worker takes it before, of whatever release.
PUT_OFF = datetime(2999, 1, 1, tzinfo=UTC)


class Outcome(TextChoices):
    """What one attempt to buy came to."""

    SENDING = "sending", "Sent, no answer yet"
    BOUGHT = "bought", "Bought"
    REFUSED = "refused", "Refused"
    UNAVAILABLE = "unavailable", "Unavailable"
    RATE_LIMITED = "rate_limited", "Rate limited"
    NOT_SENT = "not_sent", "Nothing was sent"
    UNKNOWN = "unknown", "No clear answer"
    OTHER_NUMBER = "other_number", "Different number in the answer"


class Refusal(TextChoices):
    """What a plain no (4xx) to a purchase was about, and what comes once nothing was surely bought."""

    TAKEN = "taken", "Not available"  # another number
    NUMBER = "number", "Not this number"  # another number
    ORDER = "order", "Any number"  # the end
    ACCOUNT = "account", "Token, funds, or plan"  # again, when a person has opened the gate
    PACE = "pace", "Rate limited"  # the same number again


class NumberStatus(TextChoices):
    """What the books say of a number that we own or owned."""

    ACTIVE = "active", "Active"
    INACTIVE = "inactive", "Inactive"
    GONE = "gone", "Gone from Fluents"
    RELEASED = "released", "Released"
    DETACHED = "detached", "Detached"  # the connection still has it


#: Not ours to use any more; the rows stay.
AWAY = frozenset({NumberStatus.GONE, NumberStatus.RELEASED, NumberStatus.DETACHED})
#: The others by name, for queries: an index knows those, and no "not".
OURS = sorted(set(NumberStatus) - AWAY)


class Standing(TextChoices):
    """Whether anything explains that a number is ours: a purchase here, or a person's word."""

    EXPLAINED = "", "Explained"
    UNEXPLAINED = "unexplained", "Unexplained"
    HOLDS = "holds", "Blocks its area"  # perhaps a forgotten purchase: no line buys there
    WAIVED = "waived", "Waived"  # nothing explains it, and a person lets lines be bought there


class Origin(TextChoices):
    """How a number came onto our books."""

    BOUGHT = "bought", "Bought here"
    FOUND = "found", "Found in Fluents"
    LINKED = "linked", "Linked"


class PlanState(TextChoices):
    """A bulk step: worked out, shown, then applied exactly as shown."""

    WORKING = "working", "Preparing"  # a worker writes its rows
    DRAFT = "draft", "Draft"
    APPLYING = "applying", "In progress"
    DONE = "done", "Finished"
    DISCARDED = "discarded", "Discarded"


#: A worker will take the plan further.
UNDER_WAY = frozenset({PlanState.WORKING, PlanState.APPLYING})


class RowState(TextChoices):
    """One number of a plan."""

    READY = "ready", "Waiting"
    APPLYING = "applying", "Changing"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


#: A worker will take the row further.
OPEN_ROWS = frozenset({RowState.READY, RowState.APPLYING})


class Act(TextChoices):
    """What a plan does to its numbers."""

    CHANGE = "change", "Change"  # agent, label, description, outbound only, tags
    RELEASE = "release", "Release"  # give the number up for good
    DETACH = "detach", "Detach"  # the connection keeps it, Fluents does not use it any more
    PUSH = "push", "Keep ours"  # make Fluents agree with our books again
