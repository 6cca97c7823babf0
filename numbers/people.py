"""Accounts and their roles: loaded in one query, and the groups that stand for the roles."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, StringAgg, Value

from .prepared import Prepared, columns_of, read
from .roles import Role
from .statements import slot

#: What the role admin may do in Django's own rooms. Books are only read there: services write them.
ROOMS = Q(content_type__app_label="numbers", codename__startswith="view_") | Q(
    content_type__app_label__in=["auth", "numbers", "mfa"],
    codename__in=[
        *(f"{act}_price" for act in ("add", "change", "delete")),
        *(f"{act}_user" for act in ("add", "change", "view")),
        *("view_group", "view_authenticator", "delete_authenticator"),
    ],
)


class Backend(ModelBackend):
    """Loads the account of a session together with the names of its roles."""

    def authenticate(self, request, username=None, password=None, **kwargs) -> User:
        if user := super().authenticate(request, username, password, **kwargs):
            return user
        raise PermissionDenied  # the backend that earlier sessions name would only check it once more

    def get_user(self, user_id: int) -> User | None:
        for *values, role_names in ACCOUNT.rows(user=user_id):
            user = read(User, values)
            user.role_names = role_names
            return user if self.user_can_authenticate(user) else None
        return None


def with_roles() -> QuerySet:
    """Every request begins with this one."""
    names = StringAgg("groups__name", Value(" "), filter=Q(groups__name__in=Role.values))
    return User.objects.filter(pk=slot("user")).annotate(names=names).values_list(*columns_of(User), "names")


ACCOUNT = Prepared(with_roles)


def make_groups(using: str) -> None:
    """A group for each role is there, and the one of admins may use Django's own rooms."""
    groups = Group.objects.using(using)
    known = set(groups.filter(name__in=Role.values).values_list("name", flat=True))
    groups.bulk_create([Group(name=role) for role in Role if role not in known], ignore_conflicts=True)
    admins = groups.get(name=Role.ADMIN)
    missing = Permission.objects.using(using).filter(ROOMS).exclude(group=admins)
    if missing:
        admins.permissions.add(*missing)
