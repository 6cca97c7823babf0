"""Who comes in by single sign-on: as which account, and with which roles."""

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction

from dashboard.accounts.single_sign_on import NotAdmitted
from dashboard.htmx import Request
from numbers.permissions import Role, roles_of
from numbers.services.audit.events import ADDRESS, Actor

from .accounts import NotDone, apply_roles, check, names, tell, told


def admit(*, request: Request, user: User | None, claims: dict) -> User:
    """The account for `claims` of the provider: `user`, who came in before, an invited one, or a new one.

    Where OIDC_ROLES names roles, the account has exactly those that the provider gives from now on.
    Raises NotAdmitted.
    """
    by = Actor(name=settings.OIDC_NAME, request_id=request.id, address=ADDRESS.get())
    roles = roles_in(claims)
    with transaction.atomic():
        Group.objects.select_for_update().get(name=Role.ADMIN)  # nobody changes roles meanwhile
        user = user or invited(claims)
        if not user:
            if settings.OIDC_ROLES and not roles:
                raise NotAdmitted("Your account has no role here. Ask an administrator.")
            return made(claims, roles, by)
        if not user.is_active:
            raise NotAdmitted("Your account is deactivated. Ask an administrator.")
        before = roles_of(user)
        if settings.OIDC_ROLES and not user.is_superuser and set(before) != set(roles):
            apply_roles(user, roles)
            event = told(
                by, "account.roles", user, before={"roles": names(before)}, after={"roles": names(roles)}
            )
            tell(user, by, event, f"changed your roles: {', '.join(names(roles)) or 'none'}.")
    return user


def roles_in(claims: dict) -> list[Role]:
    """The roles that the provider gives, in our order. Values that nobody has named give none."""
    said = claims.get(settings.OIDC_ROLE_CLAIM)
    values = said if isinstance(said, list) else [said]
    given = {settings.OIDC_ROLES.get(value) for value in values if isinstance(value, str)}
    return [role for role in Role if str(role) in given]


def invited(claims: dict) -> User | None:
    """The one account with the address that the provider has verified; an owner's is never taken over."""
    email = claims.get("email")
    if not email or claims.get("email_verified") is not True:
        return None
    found = list(User.objects.filter(email__iexact=str(email), is_superuser=False)[:2])
    return found[0] if len(found) == 1 else None


def made(claims: dict, roles: list[Role], by: Actor) -> User:
    """A new account, named as at the provider. Raises NotAdmitted where somebody else has that name."""
    name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    email = str(claims.get("email") or "") if claims.get("email_verified") is True else ""
    user = User(username=User.normalize_username(name), email=email)
    user.set_unusable_password()
    try:
        check(user)
    except NotDone as error:
        raise NotAdmitted(f"{error} Ask an administrator to add your email address to it.") from error
    user.save()
    apply_roles(user, roles)
    told(by, "account.created", user, after={"roles": names(roles), "email": email})
    return user
