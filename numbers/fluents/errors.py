"""What can go wrong, sorted by what the caller may do next.

Not sent: nothing left this machine, so trying again is safe.
Refused: Fluents answered with a clear no.
Outcome unknown: it may have happened; look before doing anything else.

`str()` of an error and its `user_message` are safe to show and to store: they hold
no token and nothing of the request's body.
"""


class FluentsError(Exception):
    """A call to Fluents that did not end well.

    `status` is the HTTP status or None, `request` names the call ("POST /v1/numbers/buy"),
    `user_message` is a sentence for people, `detail` is Fluents' own message, shortened,
    or what came instead of an answer.
    """

    say = "Fluents could not be used."

    def __init__(self, *, request: str, status: int | None = None, detail: str = "") -> None:
        self.request = request
        self.status = status
        self.detail = detail
        super().__init__(f"{request}: {status or 'no answer'} {detail}".strip())

    @property
    def user_message(self) -> str:
        if not self.detail:
            return self.say
        if self.status is None or self.status < 300:  # these words are ours: no answer, or one beyond reading
            return f"{self.say.removesuffix('.')}: {self.detail}."
        return f"{self.say} Fluents says: {self.detail}."


class NotSent(FluentsError):
    """No byte of the request left: name look-up, connection or TLS failed, or no token is set."""

    say = "Fluents could not be reached. Nothing was sent, so nothing was spent."

    @property
    def user_message(self) -> str:
        return self.say


class NotConfigured(NotSent):
    say = "No usable Fluents token is set (FLUENTS_API_TOKEN). Nothing was sent."


class OutcomeUnknown(FluentsError):
    """The request may have been carried out: a time-out, a cut connection, a 5xx, an unreadable answer."""

    say = "Fluents gave no clear answer."


class Refused(FluentsError):
    """Fluents answered and said no (4xx)."""

    say = "Fluents refused."


class Invalid(Refused):
    """400 and 422: something in the request is not acceptable."""

    say = "Fluents did not accept the request."


class NotFound(Refused):
    """404: a number, connection or agent is not known."""

    say = "Fluents did not find it."


class Unsupported(Refused):
    """404, 405 or 501 of a path that every full Fluents API answers: this one does not have it."""

    say = "This Fluents API does not offer that."


class Conflict(Refused):
    """409: somebody has it already, perhaps we ourselves."""

    say = "The number is taken, perhaps by ourselves."


class Unauthorized(Refused):
    """401 and 403: the token is wrong or may not do this."""

    say = "Fluents does not accept our token (FLUENTS_API_TOKEN)."


class PaymentRequired(Refused):
    """402: no money on the account."""

    say = "Fluents wants payment first: the account may be out of funds."


class RateLimited(Refused):
    """429: not processed; `retry_after` is the pause asked for in seconds, or None."""

    say = "Fluents asked us to slow down."

    def __init__(self, *, retry_after: float | None = None, **kwargs) -> None:
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
