import json

from django.core.management.base import BaseCommand, CommandParser

from dashboard.setting_catalog import SETTINGS, Kind, as_page, source_of, value


class Command(BaseCommand):
    help = "List every setting with its value, source, and default. Secrets stay hidden."
    requires_system_checks = []  # one wrong value must not hide the others

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per setting")
        parser.add_argument("--markdown", action="store_true", help="print docs/settings.md")

    def handle(self, **options) -> None:
        if options["markdown"]:
            self.stdout.write(as_page(), ending="")
            return
        for setting in SETTINGS.values():
            now, source = value(setting.name), source_of(setting.name)
            if setting.kind == Kind.SECRET:
                now = "hidden" if now else ""
            row = {"name": setting.name, "value": now, "set": source, "default": setting.shown_default}
            if options["json"]:
                self.stdout.write(json.dumps(row, default=str))
            else:
                self.stdout.write(f"{setting.name:<24} {now!s:<40} {source or 'default'}")
