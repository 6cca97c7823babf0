from pathlib import Path

from django.core.management.base import CommandParser

from numbers.listing.export import test_call_fields
from numbers.management.act_command import BAD_INPUT, NOT_DONE, ActCommand, Rows
from numbers.models import Plan, PlanRow
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.calls.asked import read_probe
from numbers.services.calls.row_proofs import Outlook, tally, with_calls
from numbers.services.plans.builder import Mistakes, propose_file
from numbers.services.plans.lifecycle import (
    apply_plan,
    discard_plan,
    plan_counts,
    retry_failed,
    stop_plan,
    undo,
)

LISTED = 50


class Command(ActCommand):
    help = "List plans, make one from an edited export, or apply, undo, retry, stop or discard one."
    acts = {
        "list": None,
        "show": None,
        "upload": Right.ASSIGN,
        "apply": Right.ASSIGN,
        "undo": Right.ASSIGN,
        "retry": Right.ASSIGN,
        "stop": Right.ASSIGN,
        "discard": Right.ASSIGN,
    }
    examples = """
  manage.py plan                      the newest plans
  manage.py plan show 7 --json        each of its rows
  manage.py plan upload numbers.csv   creates a plan from an edited export; review it, then apply it
  manage.py plan undo 7               creates a plan that restores the old values; review it, then
  manage.py plan apply 8              has the worker apply it
  manage.py plan retry 7              tries the failed rows again
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("plan", nargs="?", default="", help="its number; for `upload` a file")
        parser.add_argument(
            "--prove",
            default="",
            metavar="NUMBER",
            help="with `apply`: call each number once it is assigned, from this line of ours, as a test",
        )

    def do_list(self, by: Actor, options: dict) -> Rows:
        return [described(plan) for plan in Plan.objects.order_by("-pk")[:LISTED]]

    def do_show(self, by: Actor, options: dict) -> Rows:
        plan, outlook = self.plan(options), Outlook()
        return [
            {"number": row.number.e164, "state": row.state, "reason": row.reason}
            | (test_call_fields(outlook.of(row)) if plan.prove_from else {})
            for row in with_calls(PlanRow.objects.filter(plan=plan)).order_by("pk")
        ]

    def do_upload(self, by: Actor, options: dict) -> Rows:
        self.need(options, plan="a file")
        file = Path(options["plan"])
        try:
            plan = propose_file(by=by, content=file.read_bytes(), title=f"Changes from {file.name}")
        except OSError as error:
            self.stop(BAD_INPUT, f"{file}: {error.strerror}")
        except Mistakes as error:
            self.stop(BAD_INPUT, f"{error}\nNothing was changed.")
        return [described(plan)]

    def do_apply(self, by: Actor, options: dict) -> Rows:
        plan = self.plan(options)
        probe = read_probe(options["prove"])
        return self.told(plan, apply_plan(plan_id=plan.pk, by=by, probe=probe))

    def do_undo(self, by: Actor, options: dict) -> Rows:
        return [described(undo(plan_id=self.plan(options).pk, by=by))]

    def do_retry(self, by: Actor, options: dict) -> Rows:
        plan = self.plan(options)
        return self.told(plan, retry_failed(plan_id=plan.pk, by=by))

    def do_stop(self, by: Actor, options: dict) -> Rows:
        plan = self.plan(options)
        return self.told(plan, stop_plan(plan_id=plan.pk, by=by) or plan.proving)

    def do_discard(self, by: Actor, options: dict) -> Rows:
        plan = self.plan(options)
        return self.told(plan, discard_plan(plan_id=plan.pk, by=by))

    def plan(self, options: dict) -> Plan:
        self.need(options, plan="a plan's number")
        if not options["plan"].isdecimal():
            self.stop(BAD_INPUT, f"{options['act']} needs a plan's number.")
        return Plan.objects.get(pk=options["plan"])

    def told(self, plan: Plan, changed: int) -> Rows:
        """How `plan` is now; ends the command where the act `changed` nothing."""
        if not changed:
            self.stop(NOT_DONE, "Nothing was changed: the plan isn't at that point.")
        plan.refresh_from_db()
        return [described(plan)]


def described(plan: Plan) -> dict:
    counts = {state: count for state, count in plan_counts(plan).items() if count}
    tested = {"prove_from": plan.prove_from, "test_calls": tally(plan)} if plan.prove_from else {}
    return {"plan": plan.pk, "state": plan.state, "title": str(plan), "rows": counts} | tested
