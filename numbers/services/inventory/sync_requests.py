"""The sync that a person asks for, or that is due by the schedule. It shows on the pages until it is done."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost, lease, nobody_holds
from numbers.db.wake import announce
from numbers.models import SyncRequest
from numbers.permissions import Right
from numbers.services.audit.events import SYSTEM, Actor
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone

from .sync import sync

NAME = "syncs"


class CannotAsk(NotDone):
    """No sync is possible; the text says why, for people."""


@needs(Right.ASSIGN)
def ask_for_sync(*, by: Actor = SYSTEM) -> bool:
    """Have a worker read everything. False where that is under way already. Raises CannotAsk."""
    if not settings.FLUENTS_API_TOKEN:
        raise CannotAsk("FLUENTS_API_TOKEN isn't set, so nothing can be synced.")
    with transaction.atomic():
        asked = {"requested_by": by.user, "request_id": by.request_id, "asked_at": db_now()}
        over = SyncRequest.objects.filter(finished_at__isnull=False)
        new = over.update(**asked, lease_until=None, finished_at=None)
        if not new:
            _, new = SyncRequest.objects.get_or_create(pk=SyncRequest.SINGLE, defaults=asked)
        announce()
    return bool(new)


def claim(*, limit: int) -> list[SyncRequest]:  # noqa: ARG001 -- as all kinds of work have it
    until = db_now() + lease()
    free = SyncRequest.objects.filter(nobody_holds(), finished_at=None)
    if not free.update(lease_until=until):
        return []
    return list(SyncRequest.objects.filter(lease_until=until).select_related("requested_by"))


def run(request: SyncRequest) -> None:
    """Read everything, for the person who asked. A sync that fails is over, too: the pages say why."""
    by = Actor.person(request.requested_by, request.request_id) if request.requested_by else SYSTEM
    try:
        sync(by=by, progress=lambda what, count: keep(request))
    finally:
        mine = SyncRequest.objects.filter(lease_until=request.lease_until)
        mine.update(finished_at=db_now(), lease_until=None)


def keep(request: SyncRequest) -> None:
    """Renew our lease once a third of it is over. Raises LeaseLost."""
    now = db_now()
    if request.lease_until and request.lease_until - now > lease() * 2 / 3:
        return
    mine = SyncRequest.objects.filter(lease_until=request.lease_until)
    if not mine.update(lease_until=now + lease()):
        raise LeaseLost("another worker is syncing now")
    request.lease_until = now + lease()


def defer(request: SyncRequest, error: Exception) -> None:
    """Nothing to do: `run` has ended it, or its lease runs out."""


def next_due(_after: datetime) -> datetime | None:
    return SyncRequest.objects.filter(finished_at=None).values_list("lease_until", flat=True).first()
