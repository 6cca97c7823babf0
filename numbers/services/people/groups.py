"""The groups that stand for the roles."""

from django.contrib.auth.models import Group

from numbers.permissions import Role


def make_groups(using: str) -> None:
    """A group for each role is there."""
    groups = Group.objects.using(using)
    known = set(groups.filter(name__in=Role.values).values_list("name", flat=True))
    groups.bulk_create([Group(name=role) for role in Role if role not in known], ignore_conflicts=True)
