"""What the commands that change numbers share."""

import json
import sys
import time
from pathlib import Path

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from numbers.listing.export import test_call_fields
from numbers.models import Number, Plan, PlanRow
from numbers.permissions import Right
from numbers.services.calls.asked import read_probe
from numbers.services.calls.row_proofs import Outlook, with_calls
from numbers.services.errors import NotDone
from numbers.services.plans.builder import work_out
from numbers.services.plans.csv_import import numbers_in
from numbers.services.plans.lifecycle import CannotChange, apply_plan, plan_change
from numbers.states import OPEN_ROWS, Act, PlanState, RowState
from numbers.telephony.phone import NotAPhoneNumber, read_listed_number

from .actors import add_as, who
from .help import ExplainedCommand

ALL_DONE, SOME_FAILED, BAD_INPUT, STILL_OPEN = 0, 1, 2, 3


class PlanCommand(ExplainedCommand):
    """A change of some numbers, planned and applied at once. A running worker carries it out."""

    codes = "0 all done, 1 some failed, 2 bad input or not allowed, 3 still open"
    act = Act.CHANGE

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="NUMBER")
        parser.add_argument("--file", metavar="CSV", help="with a column “number”, as `export` writes it")
        parser.add_argument(
            "--wait", type=float, default=0, metavar="SECONDS", help="how long to wait for the rows to finish"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object per number")
        add_as(parser)

    def changes(self, options: dict) -> dict:
        """The changes that the options ask for. Raises CannotChange."""
        return {}

    def handle(self, **options) -> None:
        prove = options.get("prove", "")
        by = who(self, options, Right.BUY if prove else None)
        try:
            probe = read_probe(prove)
            numbers = self.named(options["numbers"], options["file"])
            changes = self.changes(options)
            plan = plan_change(by=by, numbers=numbers, changes=changes, act=self.act)
        except NotDone as error:
            self.stderr.write(str(error))
            sys.exit(BAD_INPUT)
        while Plan.objects.filter(pk=plan.pk, state=PlanState.WORKING).exists():  # a big one
            work_out(plan_id=plan.pk)
            time.sleep(0.2)
        apply_plan(plan_id=plan.pk, by=by, probe=probe)
        end = time.monotonic() + options["wait"]
        while time.monotonic() < end and plan.rows.filter(state__in=OPEN_ROWS).exists():
            time.sleep(0.2)
        plan.refresh_from_db()
        self.report(plan, as_json=options["json"])

    def named(self, words: list[str], file: str | None) -> QuerySet[Number]:
        """The numbers that are named, all of them on our books. Raises CannotChange."""
        wanted: set[str] = set()
        errors = []
        for word in words:
            try:
                wanted.add(read_listed_number(word))
            except NotAPhoneNumber as error:
                errors.append(str(error))
        found = dict(Number.objects.filter(e164__in=wanted).values_list("e164", "pk"))
        errors += [f"{e164} isn't one of our numbers." for e164 in sorted(wanted - found.keys())]
        keys = set(found.values())
        if file:
            try:
                with Path(file).open("rb") as opened:
                    listed, wrong = numbers_in(opened)
            except OSError as error:
                raise CannotChange(f"{file}: {error.strerror}") from None
            errors += [f"{file}: {mistake}" for mistake in wrong]
            keys |= set(listed)
        if errors or not keys:
            raise CannotChange("\n".join(errors) or "Give at least one number.")
        return Number.objects.filter(pk__in=keys)

    def report(self, plan: Plan, *, as_json: bool) -> None:
        """Every row, and the exit status."""
        status, outlook = ALL_DONE, Outlook()
        for row in with_calls(PlanRow.objects.filter(plan=plan)).order_by("pk").iterator(chunk_size=1000):
            told = {
                "plan": plan.pk,
                "number": row.number.e164,
                "state": row.state,
                "before": row.before,
                "after": row.after,
                "reason": row.reason or None,
            }
            if plan.prove_from:
                told |= test_call_fields(outlook.of(row))
            if as_json:
                self.stdout.write(json.dumps(told))
            else:
                words = f"{row.number.e164:<16} {RowState(row.state).label}"
                self.stdout.write(f"{words}. {row.reason}" if row.reason else words)
                if told.get("test_call"):
                    self.stdout.write(f"{'':16} Test call: {told['test_call']}. {told['test_call_reason']}")
            if row.state in OPEN_ROWS:
                status = STILL_OPEN
            elif row.state != RowState.DONE and not row.needless:
                status = status or SOME_FAILED
        sys.exit(status)
