"""What the commands that change numbers share."""

import json
import sys
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import QuerySet

from numbers.management.people import add_as, who
from numbers.models import Number, Plan
from numbers.phone import to_e164
from numbers.services.changing import CannotChange, apply_plan, plan_change
from numbers.services.drafting import SAME
from numbers.services.importing import numbers_in
from numbers.services.proposing import work_out
from numbers.states import OPEN_ROWS, Act, PlanState, RowState

ALL_DONE, SOME_FAILED, BAD_INPUT, STILL_OPEN = 0, 1, 2, 3


class PlanCommand(BaseCommand):
    """A change of some numbers, planned and applied at once. A running worker carries it out."""

    act = Act.CHANGE

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="NUMBER")
        parser.add_argument("--file", metavar="CSV", help="with a column “number”, as `export` writes it")
        parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the rows to end")
        parser.add_argument("--json", action="store_true", help="one JSON object per number")
        add_as(parser)

    def changes(self, options: dict) -> dict:
        """The changes that the options ask for. Raises CannotChange."""
        return {}

    def handle(self, **options) -> None:
        by = who(self, options)
        try:
            numbers = self.named(options["numbers"], options["file"])
            changes = self.changes(options)
            plan = plan_change(by=by, numbers=numbers, changes=changes, act=self.act)
        except CannotChange as error:
            self.stderr.write(str(error))
            sys.exit(BAD_INPUT)
        while Plan.objects.filter(pk=plan.pk, state=PlanState.WORKING).exists():  # a big one
            work_out(plan_id=plan.pk)
            time.sleep(0.2)
        apply_plan(plan_id=plan.pk, by=by)
        end = time.monotonic() + options["wait"]
        while time.monotonic() < end and plan.rows.filter(state__in=OPEN_ROWS).exists():
            time.sleep(0.2)
        self.report(plan, as_json=options["json"])

    def named(self, words: list[str], file: str | None) -> QuerySet[Number]:
        """The numbers that are named, all of them on our books. Raises CannotChange."""
        wanted = {word: to_e164(word) for word in words}
        errors = [f"{word} is no phone number." for word, e164 in wanted.items() if not e164]
        found = dict(Number.objects.filter(e164__in=wanted.values()).values_list("e164", "pk"))
        errors += [f"{e164} is not on our books." for e164 in wanted.values() if e164 and e164 not in found]
        keys = set(found.values())
        if file:
            try:
                with Path(file).open("rb") as opened:
                    listed, wrong = numbers_in(opened)
            except OSError as error:
                raise CannotChange(f"{file}: {error.strerror}") from None
            errors += [f"{file}: {word}" for word in wrong]
            keys |= set(listed)
        if errors or not keys:
            raise CannotChange("\n".join(errors) or "Name at least one number.")
        return Number.objects.filter(pk__in=keys)

    def report(self, plan: Plan, *, as_json: bool) -> None:
        """Every row, and the exit status."""
        status = ALL_DONE
        for row in plan.rows.select_related("number").order_by("pk").iterator(chunk_size=1000):
            told = {
                "plan": plan.pk,
                "number": row.number.e164,
                "state": row.state,
                "before": row.before,
                "after": row.after,
                "reason": row.reason or None,
            }
            if as_json:
                self.stdout.write(json.dumps(told))
            else:
                words = f"{row.number.e164:<16} {RowState(row.state).label}"
                self.stdout.write(f"{words}. {row.reason}" if row.reason else words)
            if row.state in OPEN_ROWS:
                status = STILL_OPEN
            elif row.state != RowState.DONE and row.reason != SAME:
                status = status or SOME_FAILED
        sys.exit(status)
