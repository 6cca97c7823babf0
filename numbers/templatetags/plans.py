"""How plans and their rows read on a page."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from numbers.models import Plan, PlanRow, PlanSource, Proof
from numbers.services.calls.row_proofs import Outlook
from numbers.states import PlanState, RowState

from .lines import TEST_CALLS, test_call
from .numbers import PROOF_BADGES
from .ui import badge, icon, stretched

register = template.Library()


ROW_BADGES = {
    RowState.DONE: ("green", "circle-check"),
    RowState.APPLYING: ("blue", "loader-2"),
    RowState.FAILED: ("red", "circle-x"),
    RowState.SKIPPED: ("amber", "ban"),
    RowState.READY: ("grey", "clock"),
}


PLAN_BADGES = {
    PlanState.WORKING: ("blue", "loader-2"),
    PlanState.DRAFT: ("amber", "list-check"),
    PlanState.APPLYING: ("blue", "loader-2"),
    PlanState.DONE: ("green", "circle-check"),
    PlanState.DISCARDED: ("grey", "ban"),
}


@register.simple_tag
def plan_dot(plan: Plan) -> SafeString:
    """What came of `plan` as the picture beside its entry in the history."""
    colour, name = PLAN_BADGES[PlanState(plan.state)]
    if plan.counts.get(RowState.FAILED):
        colour, name = ROW_BADGES[RowState.FAILED]
    return format_html('<span class="dot dot-{}">{}</span>', colour, icon(name))


@register.filter
def plan_tally(counts: dict, plan_state: str = "") -> list[dict]:
    """How many rows of a plan are in each state, in the order of its bar."""
    draft = {RowState.READY: "Will change", RowState.SKIPPED: "Skipped"}
    words = draft if plan_state == PlanState.DRAFT else {}
    return [
        {
            "state": state,
            "count": counts[state],
            "colour": ROW_BADGES[state][0],
            "word": words.get(state, state.label),
        }
        for state in ROW_BADGES
        if counts.get(state)
    ]


@register.simple_tag
def plan_bar(counts: dict, plan_state: str) -> SafeString:
    """The rows of a plan as one bar, a stretch for each state, in the words of its tally."""
    parts = plan_tally(counts, plan_state)
    words = ", ".join(f"{part['count']:,} {part['word'].lower()}" for part in parts)
    return stretched([(part["colour"], part["count"]) for part in parts], words or "no rows")


@register.simple_tag
def working_bar(source: PlanSource) -> SafeString:
    """How much of `source` is worked out."""
    parts = [("blue", source.position), ("grey", source.total - source.position)]
    return stretched(parts, f"{source.position:,} of {source.total:,} prepared")


@register.simple_tag
def plan_row_badge(state: str, plan_state: str = "") -> SafeString:
    """The state of a plan's row; in a draft, what will become of it."""
    if plan_state == PlanState.DRAFT and state == RowState.READY:
        return badge("blue", "check", "Will change")
    if plan_state == PlanState.DRAFT and state == RowState.SKIPPED:
        return badge("grey", "ban", "Skipped")
    if plan_state == PlanState.DISCARDED:
        return badge("grey", "ban", "Not changed")
    return badge(*ROW_BADGES[RowState(state)], RowState(state).label)


@register.simple_tag
def plan_badge(plan: Plan) -> SafeString:
    if plan.state == PlanState.DONE and plan.counts.get(RowState.FAILED):
        return badge("red", "alert-triangle", "Some failed")
    return badge(*PLAN_BADGES[PlanState(plan.state)], plan.get_state_display())


TESTED = {**dict(Proof.Verdict.choices), "testing": "Testing", "waiting": "Waiting", "missed": "Not tested"}


@register.simple_tag
def row_test_call(outlook: Outlook, row: PlanRow) -> SafeString | str:
    """How far the test call of a row has come; "" where none is asked for, or not yet."""
    return test_call(outlook.of(row))


@register.filter
def test_tally(counts: dict[str, int]) -> list[dict]:
    """How many test calls of a plan came to what, from those with a verdict to those never made."""
    colours = {word: colour for word, (colour, _) in (PROOF_BADGES | TEST_CALLS).items()}
    found = [word for word in colours if word in counts]
    return [{"colour": colours[word], "count": counts[word], "word": TESTED[word]} for word in found]
