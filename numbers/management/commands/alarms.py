from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from numbers.management.act_command import BAD_INPUT, ActCommand, Rows
from numbers.models import Alarm, AlarmRule
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.monitoring.alarms import rules, set_rule, threshold_of


class Command(ActCommand):
    help = "List the alarms that are open, show what raises one, or set that."
    acts = {"list": None, "rules": None, "set": Right.PEOPLE}
    examples = """
  manage.py alarms                                       those that are open
  manage.py alarms rules
  manage.py alarms set --kind sync --on --threshold 90 --to ada --to bob
  manage.py alarms set --kind sync                       off
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--kind", choices=AlarmRule.Kind.values, default="")
        parser.add_argument("--on", action="store_true", help="raise it; without it, it's off")
        parser.add_argument("--threshold", type=int, metavar="N")
        parser.add_argument("--to", action="append", default=[], metavar="NAME", help="who hears of it")
        parser.add_argument("--no-webhook", action="store_true")
        parser.add_argument("--no-slack", action="store_true")

    def do_list(self, by: Actor, options: dict) -> Rows:
        there = Alarm.objects.filter(ended_at=None)
        return [{"kind": row.kind, "began_at": row.began_at.isoformat(), "text": row.text} for row in there]

    def do_rules(self, by: Actor, options: dict) -> Rows:
        return [
            {
                "kind": rule.kind,
                "on": "on" if rule.on else "off",
                "threshold": threshold_of(rule) or None,
                "people": [person.get_username() for person in rule.people.all()] if rule.pk else [],
            }
            for rule in rules()
        ]

    def do_set(self, by: Actor, options: dict) -> Rows:
        self.need(options, kind="--kind")
        people = list(User.objects.filter(username__in=options["to"], is_active=True))
        if unknown := set(options["to"]) - {person.get_username() for person in people}:
            self.stop(BAD_INPUT, f"--to: there's no account named {', '.join(sorted(unknown))}.")
        rule = set_rule(
            by=by,
            kind=options["kind"],
            on=options["on"],
            threshold=options["threshold"],
            people=people,
            webhook=not options["no_webhook"],
            slack=not options["no_slack"],
        )
        return [{"kind": rule.kind, "on": "on" if rule.on else "off"}]
