"""What can go wrong, sorted by what the caller may do next.

Not sent: nothing left this machine, so trying again is safe.
Refused: Fluents answered with a clear no.
Outcome unknown: it may have happened; look before doing anything else.

Every error that the client raises belongs to one of the three. `str()` of an error and its
`user_message` are safe to show and to store: they hold no token and nothing of the request's body.
"""

from typing import Any

UNREADABLE = "the answer couldn't be read"


class FluentsError(Exception):
    """A call to Fluents that did not end well.

    `status` is the HTTP status or None, `request` names the call ("POST /v1/numbers/buy"),
    `user_message` is a sentence for people, `detail` is what Fluents said, shortened, or
    what came instead of an answer. `quoted` tells which: True where these are Fluents' words.
    `evidence` holds the number, id and area code that could still be read in an answer
    that could not be read as a whole.
    """

    say = "Fluents can't be used."

    def __init__(
        self,
        *,
        request: str,
        status: int | None = None,
        detail: str = "",
        quoted: bool | None = None,
        evidence: dict[str, str] | None = None,
    ) -> None:
        self.request = request
        self.status = status
        self.detail = detail
        self.quoted = bool(status and status >= 300) if quoted is None else quoted
        self.evidence = evidence or {}
        super().__init__(f"{request}: {status or 'no answer'} {detail}".strip())

    @property
    def user_message(self) -> str:
        if not self.detail:
            return self.say
        if self.quoted:
            return f"{self.say} Fluents says: {self.detail}."
        return f"{self.say.removesuffix('.')}: {self.detail}."


class NotSent(FluentsError):
    """No byte of the request left: no address, no connection, an invalid certificate, or no token."""

    say = "Fluents can't be reached. Nothing was sent, so nothing was spent."

    @property
    def user_message(self) -> str:
        return self.say


class NotConfigured(NotSent):
    say = "The Fluents token (FLUENTS_API_TOKEN) is missing or unusable. Nothing was sent."


class Unsendable(NotSent, ValueError):
    """The request cannot be made up as asked: found before a connection is opened."""

    say = "The request to Fluents couldn't be built. Nothing was sent, so nothing was spent."


class OutcomeUnknown(FluentsError):
    """The request may have been carried out: a time-out, a cut connection, a 5xx, an unreadable answer."""

    say = "Fluents gave no clear answer."

    @property
    def user_message(self) -> str:
        if self.status and 200 <= self.status < 300 and self.request.startswith("POST"):
            why = f" ({self.detail})" if self.detail not in ("", UNREADABLE) else ""
            return f"Fluents reported success, but its answer couldn't be read{why}."
        return super().user_message


class OtherNumber(OutcomeUnknown):
    """A look-up that answered about another number: neither there nor absent."""

    say = "Fluents answered about a different number."


class Refused(FluentsError):
    """Fluents answered and said no (4xx)."""

    say = "Fluents refused."


class Invalid(Refused):
    """400 and 422: something in the request is not acceptable."""

    say = "Fluents didn't accept the request."


class NotFound(Refused):
    """404: a number, connection or agent is not known."""

    say = "Fluents didn't find it."


class Unsupported(Refused):
    """404, 405 or 501 of a path that every full Fluents API answers: this one does not have it."""

    say = "This Fluents API doesn't support that."


class Conflict(Refused):
    """409: somebody has it already, perhaps we ourselves."""

    say = "The number is taken, possibly by us."


class Unauthorized(Refused):
    """401: the token is wrong. 403: the token is good, but the account or its plan does not cover this."""

    @property
    def say(self) -> str:  # type: ignore[override] # nobody sets it
        if self.status == 403:
            return "Fluents doesn't allow this for our account or plan."
        return "Fluents doesn't accept our token (FLUENTS_API_TOKEN)."


class PaymentRequired(Refused):
    """402: no money on the account."""

    say = "Fluents requires payment first. The account may be out of funds."


class RateLimited(Refused):
    """429: not processed; `retry_after` is the pause asked for in seconds, or None."""

    say = "Fluents asked us to slow down."

    def __init__(self, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retry_after = retry_after


BY_STATUS = {
    400: Invalid,
    401: Unauthorized,
    402: PaymentRequired,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    422: Invalid,
}
