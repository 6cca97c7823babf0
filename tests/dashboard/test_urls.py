"""Which addresses of other people's packages can be reached."""

from django.urls import URLPattern, get_resolver


def names(patterns: list) -> set[str]:
    found: set[str] = set()
    for one in patterns:
        if isinstance(one, URLPattern):
            found.add(one.name or "")
        else:
            found |= names(one.url_patterns)
    return found


def test_of_allauth_only_what_this_dashboard_uses_can_be_reached():
    theirs = {name for name in names(get_resolver().url_patterns) if name.startswith(("account_", "mfa_"))}
    factors = {
        "mfa_index",
        "mfa_authenticate",
        "mfa_reauthenticate",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_remove_webauthn",
        "mfa_edit_webauthn",
        "mfa_reauthenticate_webauthn",
        "mfa_login_webauthn",
    }
    assert theirs == factors | {"account_login", "account_reauthenticate", "account_change_password"}
