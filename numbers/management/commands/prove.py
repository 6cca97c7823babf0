import json
import sys
import time
from typing import NoReturn

from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandParser

from numbers import fluents
from numbers.management.actors import add_as, who
from numbers.management.help import ExplainedCommand
from numbers.models import Number, Proof
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.calls.endpoint import ask_endpoint
from numbers.services.calls.proofs import NotTested, ask_for_call, new_token
from numbers.services.errors import NotDone, reason_of
from numbers.telephony.phone import NotAPhoneNumber, read_listed_number

ALL_ANSWER, SOME_DO_NOT, BAD_INPUT, STILL_OPEN = 0, 1, 2, 3


class Command(ExplainedCommand):
    help = (
        "Test lines: call each once from another line of ours. Exit status: 0 the right agent answers each,"
        " 1 some not, 2 bad input, 3 still open."
    )
    examples = """
  manage.py prove --check
  manage.py prove +14155550123 --from +16465550100 --wait 120
  manage.py prove +14155550123 +14155550124 --from +16465550100 --json --as ada
"""
    codes = "0 the right agent answers each, 1 some not, 2 bad input, 3 still open"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="NUMBER")
        parser.add_argument("--from", dest="probe", default="", metavar="NUMBER", help="the line that calls")
        parser.add_argument(
            "--check", action="store_true", help="only ask Fluents whether it places calls, as 0 or 1"
        )
        parser.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="how long to wait for the verdicts"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object per line")
        add_as(parser)

    def handle(self, **options) -> None:
        by = who(self, options, Right.PROBE if options["check"] else None)
        try:
            if options["check"]:
                self.check_endpoint(by, as_json=options["json"])
            if not (options["numbers"] and options["probe"]):
                self.stop(BAD_INPUT, "Name the numbers to test, and --from which line to call them.")
            *numbers, probe = [self.found(typed) for typed in [*options["numbers"], options["probe"]]]
            rows = [self.asked(by, number, probe) for number in numbers]
        except PermissionDenied as error:
            self.stop(BAD_INPUT, f"{error} Nothing was changed.")
        self.report(rows, wait=options["wait"], as_json=options["json"])

    def check_endpoint(self, by: Actor, *, as_json: bool) -> NoReturn:
        try:
            row = ask_endpoint(by=by)
        except (NotDone, fluents.FluentsError) as error:
            self.stop(SOME_DO_NOT, reason_of(error))
        told = json.dumps({"places_calls": row.exists, "reason": row.said}) if as_json else row.said
        self.stdout.write(told)
        sys.exit(ALL_ANSWER if row.exists else SOME_DO_NOT)

    def found(self, typed: str) -> Number:
        try:
            e164 = read_listed_number(typed)
            return Number.objects.select_related("agent").get(e164=e164)
        except NotAPhoneNumber as error:
            self.stop(BAD_INPUT, f"{typed}: {error}")
        except Number.DoesNotExist:
            self.stop(BAD_INPUT, f"{typed} isn't one of our numbers.")

    def asked(self, by: Actor, number: Number, probe: Number) -> tuple[Number, Proof | None, str]:
        """The test call of `number`, or why there is none."""
        try:
            return number, ask_for_call(by=by, token=new_token(), number=number, probe=probe), ""
        except NotTested as error:
            return number, None, str(error)

    def report(self, rows: list[tuple[Number, Proof | None, str]], *, wait: float, as_json: bool) -> None:
        proofs = Proof.objects.filter(pk__in=[proof.pk for _, proof, _ in rows if proof])
        until = time.monotonic() + wait
        while time.monotonic() < until and proofs.filter(verdict=Proof.Verdict.OPEN).exists():
            time.sleep(0.2)
        for number, proof, why in rows:
            if proof:
                proof.refresh_from_db()
            told = {
                "number": number.e164,
                "verdict": proof.verdict if proof else "refused",
                "reason": proof.reason if proof else why,
                "answered_by": proof.answered_by.api_id if proof and proof.answered_by else None,
                "ended_at": proof.ended_at.isoformat() if proof and proof.ended_at else None,
            }
            word = proof.get_verdict_display() if proof else "Not tested"
            self.stdout.write(json.dumps(told) if as_json else f"{number.e164}  {word}  {told['reason']}")
        verdicts = {proof.verdict if proof else None for _, proof, _ in rows}
        if Proof.Verdict.OPEN in verdicts:
            sys.exit(STILL_OPEN)
        sys.exit(ALL_ANSWER if verdicts == {Proof.Verdict.ANSWERS} else SOME_DO_NOT)

    def stop(self, code: int, words: str) -> NoReturn:
        self.stderr.write(words)
        sys.exit(code)
