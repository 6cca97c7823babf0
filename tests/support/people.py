"""Accounts for tests, each with the roles that it needs."""

from django.contrib.auth.models import Group, User

from numbers.permissions import Role


def person(name: str, *roles: Role, password: str | None = None) -> User:
    user = User.objects.create_user(name, password=password)
    give(user, *roles)
    return user


def give(user: User, *roles: Role) -> None:
    """The groups are there: `migrate` has made them."""
    groups = Group.objects.filter(name__in=roles)
    assert len(groups) == len(roles)
    user.groups.add(*groups)
