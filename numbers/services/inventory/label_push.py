"""bought -> labelled: telling Fluents the label that was ordered with a line.

A purchase carries no label, so our books have it first. One try: where it fails, the next sync finds
Fluents without the label, and the drift inbox lets a person push ours.
"""

import logging

from numbers import fluents
from numbers.db.clock import db_now
from numbers.models import Line, Number
from numbers.services.fluents_client import client

from .upsert import answer_of

log = logging.getLogger(__name__)


def push_label(line: Line) -> None:
    """Write the label of a line that was just bought on its number at Fluents. Harmless to repeat."""
    number = line.number
    if not number or not line.label or number.answer.get("label") == line.label:
        return
    try:
        info = client().update(phone_number=number.e164, id=number.api_id, changes={"label": line.label})
    except fluents.FluentsError as error:
        log.warning("the label of line %s stays in our books alone: %s", line.pk, error)
        return
    if info.number == number.e164 and info.label == line.label:
        Number.objects.filter(pk=number.pk).update(**answer_of(info), synced_at=db_now())
