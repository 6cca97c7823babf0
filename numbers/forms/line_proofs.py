"""The choice to have each line called once it is bought or assigned, as a test."""

from collections.abc import Mapping

from django.conf import settings

from numbers.models import Number, Order
from numbers.permissions import Person, Right, may
from numbers.services.calls.asked import last_probe, read_probe
from numbers.services.calls.proofs import NotTested, why_off
from numbers.telephony.phone import pretty

FIELDS = ("prove", "prove_from")
LONGEST = 40  # characters of a phone number, however it is typed


def choice(sent: Mapping[str, str], again_of: Order | None = None) -> dict | None:
    """The choice as it was last `sent`, or as the order before had it; None where no call can be placed."""
    if why_off():
        return None
    before = again_of.prove_from if again_of else ""
    return {
        "chosen": "prove" in sent or bool(before),
        "prove_from": sent.get("prove_from", "")[:LONGEST] or pretty(before or last_probe()),
        "most": settings.PROOF_CALLS_PER_DAY,
    }


def offered(user: Person, sent: Mapping[str, str]) -> dict | None:
    """The choice, for people who may spend money."""
    return choice(sent) if may(user, Right.BUY) else None


def chosen(sent: Mapping[str, str]) -> str:
    """The line that calls each one, as typed; "" where none does. Raises NotTested."""
    typed = sent.get("prove_from", "").strip()
    if "prove" in sent and not typed:
        raise NotTested("Enter the line to call from.")
    return typed if "prove" in sent else ""


def chosen_line(sent: Mapping[str, str]) -> Number | None:
    """The line of ours that calls each one; None where none does. Raises NotTested."""
    return read_probe(chosen(sent))


def kept(sent: Mapping[str, str]) -> dict[str, str]:
    """What of it goes along where the same step is shown again."""
    return {name: sent.get(name, "")[:LONGEST] for name in FIELDS} if "prove" in sent else {}
