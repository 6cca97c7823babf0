"""How people read on a page."""

from django import template
from django.utils.safestring import SafeString

from numbers.services.people.directory import Person

from .ui import badge

register = template.Library()

STATES = {
    "active": ("green", "circle-check", "Active"),
    "invited": ("blue", "clock", "Invited"),
    "expired": ("amber", "alert-triangle", "Invitation expired"),
    "off": ("grey", "user-off", "Deactivated"),
}


@register.simple_tag
def person_badge(person: Person) -> SafeString:
    return badge(*STATES[person.state])


@register.simple_tag
def roles_in_words(person: Person) -> str:
    """What `person` is here: "Buyer, Approver"."""
    if person.user.is_superuser:
        return "Owner: can do everything"
    return ", ".join(str(role.label) for role in person.roles) or "No role: no access"
