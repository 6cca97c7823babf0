import json
import sys
from datetime import date
from pathlib import Path
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandParser

from numbers.currencies import CURRENCIES
from numbers.management.actors import add_as, who
from numbers.management.help import ExplainedCommand
from numbers.models import Connection, Invoice
from numbers.services.audit.events import Actor
from numbers.services.costs.invoice_layouts import CHOSEN, titles_of
from numbers.services.costs.invoices import NotMatched, choose_columns, finding_row, match, upload
from numbers.services.csv_tables import MOST_BYTES

MATCHES, DIFFERS, BAD_INPUT = 0, 1, 2
EXAMPLES = """
  manage.py invoice october.csv --telephony-provider twilio --month 2026-10
  manage.py invoice october.csv --telephony-provider telnyx --month 2026-10 --json
  manage.py invoice bill.csv --telephony-provider twilio --month 2026-10 \\
      --column number=DID --column amount=Total --column kind=Type --only "phone number"
"""


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = "0 the invoice matches our records, 1 something differs, 2 bad input or not allowed"
    help = "Compare a provider's invoice (CSV) with our records."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--telephony-provider", required=True, metavar="P")
        parser.add_argument(
            "--telephony-account-connection",
            default="",
            metavar="ID",
            help="the invoice is of this one alone",
        )
        parser.add_argument("--month", required=True, metavar="MONTH", help="such as 2026-10")
        parser.add_argument(
            "--currency", default=settings.LIMIT_CURRENCY, metavar="CODE", help="where the file names none"
        )
        parser.add_argument(
            "--part", action="store_true", help="a part of the invoice: don't report lines missing from it"
        )
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="WHAT=TITLE",
            dest="columns",
            help=f"which columns count, remembered for the provider: {', '.join(CHOSEN)}",
        )
        parser.add_argument("--only", default="", metavar="WORDS", help="what `kind` says in rows that count")
        parser.add_argument("--json", action="store_true", help="one JSON object per difference")
        add_as(parser)

    def handle(self, **options) -> None:
        by = who(self, options)
        try:
            invoice = self.matched(by, options)
        except NotMatched as error:
            self.stop(str(error))
        except PermissionDenied as error:
            self.stop(f"{error} Nothing was compared.")
        if invoice.state == Invoice.State.REFUSED:
            self.stop(*(error["text"] for error in invoice.errors))
        self.report(invoice, as_json=options["json"])

    def matched(self, by: Actor, options: dict) -> Invoice:
        content = self.read(options["file"])
        invoice = upload(by=by, content=content, name=Path(options["file"]).name, **self.about(options))
        if invoice.state == Invoice.State.COLUMNS:
            if not options["columns"]:
                titles = ", ".join(titles_of(content))
                self.stop(
                    f"The columns of this file aren't known: {titles}.", "Name the columns with --column."
                )
            pairs = dict(column.partition("=")[::2] for column in options["columns"])
            invoice = choose_columns(by=by, invoice_id=invoice.pk, columns=pairs, only=options["only"])
        if invoice.state == Invoice.State.WAITING:
            match(invoice)
        return invoice

    def about(self, options: dict) -> dict:
        """What `upload` needs besides the file."""
        provider, api_id = options["telephony_provider"], options["telephony_account_connection"]
        if provider not in settings.TELEPHONY_PROVIDERS:
            self.stop(f"--telephony-provider: one of {', '.join(settings.TELEPHONY_PROVIDERS)}")
        connection = Connection.objects.filter(api_id=api_id, telephony_provider=provider).first()
        if api_id and not connection:
            self.stop(
                f"--telephony-account-connection: there's no {provider} connection {api_id}. Sync first."
            )
        if options["currency"] not in CURRENCIES:
            self.stop("--currency: use an ISO 4217 code in capitals, such as USD or EUR")
        try:
            month = date.fromisoformat(f"{options['month']}-01")
        except ValueError:
            self.stop("--month: use a month such as 2026-10")
        about = {"telephony_provider": provider, "connection": connection, "month": month}
        return about | {"currency": options["currency"], "whole": not options["part"]}

    def read(self, path: str) -> bytes:
        try:
            with Path(path).open("rb") as file:
                return file.read(MOST_BYTES + 1)
        except OSError as error:
            self.stop(f"{path}: {error.strerror}")

    def report(self, invoice: Invoice, *, as_json: bool) -> NoReturn:
        for finding in invoice.findings.all():
            row = finding_row(finding)
            if as_json:
                self.stdout.write(json.dumps(row))
            else:
                kind = str(finding.get_kind_display())
                self.stdout.write(f"{row['number']:<17} {kind:<23} {row['detail']} {row['next']}.")
        counts = invoice.counts
        if counts["unread"]:
            self.stderr.write(f"{counts['unread']} rows couldn't be read and weren't compared.")
            for mistake in invoice.unread[:10]:
                self.stderr.write(f"  row {mistake['row']}, {mistake['column']}: {mistake['text']}")
        if not as_json:
            aside = ", ".join(f"{count} {what}" for what, count in counts["aside"].items())
            said = (
                f"{invoice.differences} differences"
                if invoice.differences
                else "The invoice matches our records"
            )
            self.stdout.write(
                f"{said}. {counts['numbers']} numbers billed{f'; skipped rows: {aside}' * bool(aside)}."
            )
        sys.exit(DIFFERS if invoice.differences or counts["unread"] else MATCHES)

    def stop(self, *words: str) -> NoReturn:
        for line in words:
            self.stderr.write(line)
        sys.exit(BAD_INPUT)
