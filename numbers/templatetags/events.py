"""How events read on a page, each kind with its icon, its color and its words."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from numbers.models import Event

from .ui import icon, phone, plural

register = template.Library()


EVENTS = {
    "line.reserved": ("target-arrow", "blue", "Chose a number"),
    "line.sending": ("loader-2", "blue", "Asked Fluents to buy"),
    "line.bought": ("circle-check", "green", "Bought"),
    "line.failed": ("circle-x", "red", "Not bought"),
    "line.unknown": ("zoom-question", "violet", "No clear answer, checking"),
    "line.review": ("hand-stop", "amber", "Needs you"),
    "line.planned": ("clock", "grey", "Returned to waiting"),
    "line.cancelled": ("ban", "grey", "Cancelled"),
    "gate.paused": ("player-pause", "amber", "Buying paused"),
    "gate.opened": ("check", "green", "Buying resumed"),
    "gate.stopped": ("hand-stop", "red", "Buying stopped automatically"),
    "journal.begun": ("receipt", "grey", "Worker started a send journal"),
    "journal.reported": ("check", "grey", "Send journal reported"),
    "journal.waived": ("hand-stop", "amber", "Buying resumed without a send journal's report"),
    "journal.retired": ("ban", "amber", "Send journal retired"),
    "baseline.accepted": ("check", "green", "Accepted the numbers from the first sync"),
    "order.placed": ("receipt", "grey", "Ordered"),
    "order.rebuilt": ("arrow-back-up", "amber", "Order rebuilt from a send journal"),
    "books.reconciled": ("scale", "grey", "Compared our records with Fluents"),
    "number.acknowledged": ("check", "green", "Kept, although its line ended without it"),
    "alarm.changed": ("bell", "grey", "Changed an alarm"),
    "budget.changed": ("coin", "grey", "Changed a budget"),
    "proof.asked": ("phone", "grey", "Test call requested"),
    "proof.sending": ("loader-2", "blue", "Calling the line as a test"),
    "proof.answers": ("circle-check", "green", "Test call: the right agent answers"),
    "proof.wrong": ("alert-triangle", "red", "Test call: the wrong agent answers"),
    "proof.silent": ("phone-off", "red", "Test call: no answer"),
    "proof.unclear": ("zoom-question", "amber", "Test call: couldn't be told"),
    "proof.checked": ("scale", "grey", "Checked whether Fluents places calls"),
    "proof.alarm": ("alert-triangle", "red", "Fluents accepted an empty request to place a call"),
    "invoice.columns": ("columns-3", "grey", "Chose an invoice's columns"),
    "invoice.matched": ("scale", "grey", "Matched an invoice"),
    "invoice.refused": ("circle-x", "amber", "Invoice couldn't be read"),
    "sync.accepted": ("check", "amber", "Accepted a sync's question"),
    "sync.finished": ("refresh", "grey", "Synced with Fluents"),
    "number.gone": ("phone-off", "red", "Gone from Fluents"),
    "number.found": ("zoom-question", "amber", "Appeared in Fluents"),
    "number.back": ("phone", "amber", "Back in Fluents"),
    "number.drifted": ("scale", "amber", "Differs from Fluents"),
    "number.agreed": ("check", "green", "Matches Fluents again"),
    "number.changed": ("check", "green", "Changed"),
    "number.accepted": ("check", "green", "Used Fluents' values"),
    "number.waived": ("hand-stop", "amber", "Buying allowed despite an unexplained number"),
    "number.attributed": ("check", "green", "Attributed to a line"),
    "number.pushed": ("arrow-back-up", "green", "Kept ours and updated Fluents"),
    "number.released": ("phone-off", "red", "Released"),
    "number.detached": ("phone-off", "amber", "Detached"),
    "number.link_asked": ("loader-2", "blue", "Asked Fluents to link a number"),
    "number.linked": ("phone-plus", "green", "Linked"),
    "agent.acknowledged": ("check", "green", "Agent's new name confirmed"),
    "agent.gone": ("user-off", "red", "Agent deleted in Fluents"),
    "agent.back": ("check", "green", "Agent back in Fluents"),
    "agent.renamed": ("user-off", "amber", "Agent renamed in Fluents"),
    "plan.drafted": ("receipt", "grey", "Change drafted"),
    "plan.applied": ("loader-2", "blue", "Change applied"),
    "plan.retried": ("refresh", "blue", "Change retried"),
    "plan.stopped": ("hand-stop", "amber", "Change stopped"),
    "plan.discarded": ("ban", "grey", "Change discarded"),
    "plan.finished": ("circle-check", "green", "Change finished"),
    "order.refused": ("ban", "amber", "Order refused"),
    "order.approval_asked": ("user-check", "amber", "Requested approval"),
    "order.approved": ("user-check", "green", "Order approved"),
    "order.approval_refused": ("ban", "red", "Approval refused"),
    "order.approval_denied": ("ban", "red", "Denied: not allowed to decide on the order"),
    "order.withdrawn": ("ban", "grey", "Cancelled before approval"),
    "access.denied": ("ban", "red", "Denied: no access"),
    "access.login": ("check", "grey", "Logged in"),
    "access.logout": ("logout", "grey", "Logged out"),
    "access.failed": ("ban", "amber", "Login refused"),
    "access.changed": ("check", "amber", "Changed own two-factor login"),
    "account.created": ("user-check", "amber", "Account created"),
    "account.changed": ("user-check", "amber", "Account changed"),
    "account.invited": ("user-check", "amber", "Person invited"),
    "account.roles": ("user-check", "amber", "Roles changed"),
    "account.off": ("user-off", "red", "Account deactivated"),
    "account.on": ("user-check", "amber", "Account reactivated"),
    "account.sessions": ("logout", "amber", "Sessions ended"),
    "account.factors": ("key", "amber", "Two-factor login reset"),
    "account.link": ("key", "amber", "Password link created"),
    "account.password": ("key", "amber", "Password changed"),
    "price.changed": ("receipt", "amber", "Prices changed"),
}


@register.simple_tag
def event_badge(event: Event) -> SafeString:
    colour_icon = EVENTS.get(event.action, ("info-circle", "grey", ""))
    return format_html('<span class="dot dot-{}">{}</span>', colour_icon[1], icon(colour_icon[0]))


@register.filter
def event_sentence(event: Event) -> str:
    """What happened, in words; an action without words here is shown as it is."""
    if event.action == "order.placed":
        return f"Ordered {wanted(event.after)}"
    if event.action == "sync.finished":
        return synced(event.after)
    if event.action == "line.unknown" and event.after.get("refusal"):
        return "Refused, confirming"
    words = EVENTS.get(event.action)
    return words[2] if words else event.action


def wanted(about: dict) -> str:
    if about.get("what"):
        return f"{plural(about.get('quantity', 1), 'line')}: {about['what']}"
    if about.get("wanted_number"):
        return phone(about["wanted_number"])
    return f"{plural(about.get('quantity', 1), 'line')} in area code {about.get('area_code', '')}"


def synced(about: dict) -> str:
    text = f"Synced with Fluents: {plural(about.get('numbers', 0), 'number')}"
    text += f", {about['gone']} gone" if about.get("gone") else ""
    return text + (f", {about['unreadable']} unreadable" if about.get("unreadable") else "")
