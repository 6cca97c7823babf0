"""How invoices and what was found in them read on a page."""

from django import template
from django.utils.safestring import SafeString

from numbers.models import Finding, Invoice
from numbers.services.costs.invoices import next_step

from .ui import badge

register = template.Library()

STATES = {
    Invoice.State.COLUMNS: ("amber", "columns-3"),
    Invoice.State.WAITING: ("blue", "loader-2"),
    Invoice.State.REFUSED: ("red", "circle-x"),
}
FINDINGS = {
    Finding.Kind.STRANGE: ("red", "zoom-question"),
    Finding.Kind.UNBILLED: ("amber", "phone"),
    Finding.Kind.PRICE: ("amber", "coin"),
    Finding.Kind.AWAY: ("red", "phone-off"),
}


@register.simple_tag
def invoice_badge(invoice: Invoice) -> SafeString:
    """Its state; of one that was matched, whether anything differs."""
    if invoice.state == Invoice.State.DONE:
        off = invoice.differences
        return badge("amber", "scale", "Differs") if off else badge("green", "circle-check", "Matches")
    return badge(*STATES[Invoice.State(invoice.state)], str(invoice.get_state_display()))


@register.simple_tag
def finding_badge(finding: Finding) -> SafeString:
    return badge(*FINDINGS[Finding.Kind(finding.kind)], str(finding.get_kind_display()))


@register.simple_tag
def next_step_of(finding: Finding) -> tuple[str, str]:
    """What to do about it, and the page where that begins."""
    return next_step(finding)
