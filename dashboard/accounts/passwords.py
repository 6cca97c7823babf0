"""Passwords that somebody who knows this place, or a list of common passwords, would guess."""

import string

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

#: What people here have before their eyes: the product, what it works with, and the roles.
CONTEXT = {
    *("admin", "administrator", "agent", "approver", "assigner", "buyer", "dashboard", "fluents", "number"),
    *("numbers", "operator", "phone", "telephony", "telnyx", "twilio", "viewer", "vocode", "voice"),
}
PADDING = string.digits + string.punctuation + string.whitespace


class GuessablePasswordValidator(CommonPasswordValidator):
    """Django's 20,000 common passwords are mostly shorter than ours may be, so people pad and join them.

    Refuses a common password or a word of CONTEXT that is only lengthened by digits and signs, repeated, or
    joined to another of them.
    """

    def validate(self, password: str, user: AbstractUser | None = None) -> None:  # noqa: ARG002 -- Django's own
        text = password.lower()
        core = text.strip(PADDING)
        known = CONTEXT | self.passwords
        pairs = ((core[:at].rstrip(PADDING), core[at:].lstrip(PADDING)) for at in range(3, len(core) - 2))
        if {text.strip(), core} & known or any(left in known and right in known for left, right in pairs):
            raise ValidationError(self.get_error_message(), code="password_too_common")
