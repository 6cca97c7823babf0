"""Named ways to look at the list, each kept for one person, who may share it with everybody."""

from django.contrib.auth.models import User

from numbers.models import SavedView
from numbers.services.errors import NotDone

from .filter_options import VIEWS
from .query import Query


def save_view(*, user: User, name: str, query: Query, shared: bool) -> SavedView:
    """Keep filters, order and columns under `name`; the same name is written over. Raises NotDone."""
    views = SavedView.objects.filter(user=user)
    if views.count() >= VIEWS and not views.filter(name=name).exists():
        raise NotDone(f"You have {VIEWS} views. Delete one first.")
    kept = {"query": str(query), "shared": shared}
    return views.update_or_create(user=user, name=name, defaults=kept)[0]
