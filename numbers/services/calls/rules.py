"""What providers say about numbers that are hardly called."""

from dataclasses import dataclass

LASTING = 12  # seconds from which a call counts for any of the rules


@dataclass(frozen=True, slots=True)
class Rule:
    """A provider may take a number back that has fewer than `calls` of `LASTING` seconds in a month."""

    provider: str
    calls: int

    def broken(self, lasting: int) -> str:
        """What it says of a number with so many such calls, or ""."""
        if lasting >= self.calls:
            return ""
        few = f"{lasting} call{'' if lasting == 1 else 's'} of {LASTING} s or more in 30 days"
        return f"{self.provider} may take it back: {few}, and it expects {self.calls}."


RULES = {"twilio": Rule("Twilio", 3)}
