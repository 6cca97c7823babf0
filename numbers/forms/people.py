"""Who is invited, and with which roles."""

from django import forms
from django.conf import settings
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User

from numbers.permissions import RIGHTS, Role


class RolesForm(forms.Form):
    """The roles of one person; none at all is allowed and means that they see nothing."""

    roles = forms.MultipleChoiceField(
        label="Roles",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=Role.choices,
        help_text="Roles add up. Without a role, a person can log in but sees nothing.",
    )

    def choices(self) -> list[dict]:
        """Each role with its box and what it allows."""
        return [
            {"box": box, "rights": [str(right.label) for right in sorted_rights(Role(box.data["value"]))]}
            for box in self["roles"]
        ]

    def clean_roles(self) -> list[Role]:
        return [Role(value) for value in self.cleaned_data["roles"]]


class InviteForm(RolesForm):
    """A new person. The link goes out by mail where there is an address and mail is set up."""

    username = forms.CharField(
        label="Username",
        max_length=User._meta.get_field("username").max_length,
        help_text="Letters, digits, and @ . + - _. It's kept in the history, so it can't be changed later.",
    )
    email = forms.EmailField(label="Email", required=False, max_length=254)
    by_mail = forms.BooleanField(label="Email the link", required=False)
    field_order = ["username", "email", "by_mail", "roles"]

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        if data.get("by_mail") and not settings.NOTIFY_BY_MAIL:
            self.add_error(
                "by_mail", "This server can't send email: EMAIL_URL isn't set. Copy the link instead."
            )
        elif data.get("by_mail") and not data.get("email") and "email" not in self.errors:
            self.add_error("email", "Enter the email address for the link.")
        return data


class NewPasswordForm(SetPasswordForm):
    """What the owner of a link chooses."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].label = "Password"
        self.fields["new_password1"].help_text = "Use at least 12 characters, and nothing common."
        self.fields["new_password2"].label = "Confirm password"
        self.fields["new_password2"].help_text = ""


def sorted_rights(role: Role) -> list:
    return sorted(RIGHTS[role], key=list(type(next(iter(RIGHTS[role])))).index)
