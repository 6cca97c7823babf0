"""A sync that a person asks for. It shows on the pages until it is done."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q

from ..models import Gate
from ..tasks import sync_all
from .history import SYSTEM, By, db_now
from .syncing import sync

GIVEN_UP = timedelta(minutes=10)  # after which a sync that was asked for is asked for anew


class CannotAsk(Exception):
    """No sync is possible; the text says why, for people."""


def ask_for_sync(*, by: By) -> bool:
    """Have the worker read everything. False where that is under way already. Raises CannotAsk."""
    if not settings.FLUENTS_API_TOKEN:
        raise CannotAsk("No Fluents token is set (FLUENTS_API_TOKEN), so nothing can be read.")
    now = db_now()
    with transaction.atomic():
        idle = Gate.objects.filter(
            Q(sync_asked_at=None) | Q(sync_asked_at__lt=now - GIVEN_UP), pk=Gate.SINGLE
        )
        if not idle.update(sync_asked_at=now):
            return False
        sync_all.enqueue(asked_by=by.user.pk if by.user else None, request_id=by.request_id)
    return True


def run_asked(*, user_id: int | None, request_id: str) -> None:
    """Read everything, for whoever asked; nobody did where the schedule rang."""
    user = get_user_model().objects.filter(pk=user_id).first() if user_id else None
    started = db_now()
    try:
        sync(by=By.person(user, request_id) if user else SYSTEM)
    finally:
        Gate.objects.filter(pk=Gate.SINGLE, sync_asked_at__lte=started).update(sync_asked_at=None)
