"""The choice of the confirming step to have each line called once it is bought, as a test."""

from collections.abc import Mapping

from django.conf import settings

from numbers.models import Order
from numbers.services.calls.proofs import why_off
from numbers.services.orders.line_proofs import NotProvable, last_probe
from numbers.telephony.phone import pretty

FIELDS = ("prove", "prove_from")
LONGEST = 40  # characters of a phone number, however it is typed


def choice(sent: Mapping[str, str], again_of: Order | None) -> dict | None:
    """The choice as it was last `sent`, or as the order before had it; None where no call can be placed."""
    if why_off():
        return None
    before = again_of.prove_from if again_of else ""
    return {
        "chosen": "prove" in sent or bool(before),
        "prove_from": sent.get("prove_from", "")[:LONGEST] or pretty(before or last_probe()),
        "most": settings.PROOF_CALLS_PER_DAY,
    }


def chosen(sent: Mapping[str, str]) -> str:
    """The line that calls each one that is bought, as typed; "" where none does. Raises NotProvable."""
    typed = sent.get("prove_from", "").strip()
    if "prove" in sent and not typed:
        raise NotProvable("Enter the line to call from.")
    return typed if "prove" in sent else ""


def kept(sent: Mapping[str, str]) -> dict[str, str]:
    """What of it goes along where the confirming step is shown again."""
    return {name: sent.get(name, "")[:LONGEST] for name in FIELDS} if "prove" in sent else {}
