"""Providers' invoices: taken in, matched at once or by a worker where they are big, and what to do next.

A file of unknown columns waits until a person has said which of them count; that is remembered.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.db import transaction

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost, lease, nobody_holds, soonest_due
from numbers.db.wake import announce
from numbers.models import Connection, Finding, Invoice
from numbers.permissions import Right
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.csv_tables import BadTable, Mistake, key_of_column
from numbers.services.errors import NotDone

from .invoice_layouts import CHOSEN, KIND, NUMBER, REQUIRED, Layout, layout_of, remember, titles_of
from .invoice_match import Matcher
from .invoice_rows import read_rows
from .months import midnight, next_month, start_of

NAME = "invoices"
AT_ONCE = 2000  # rows that are matched while the person waits
KEEP = timedelta(days=1)  # files whose columns nobody has chosen
AGAIN = timedelta(seconds=30)  # until matching is tried again that went wrong
State, Kind = Invoice.State, Finding.Kind


class NotMatched(NotDone):
    """An invoice that cannot be matched as it stands; the text says why, for people."""


@needs(Right.BUY)
def upload(
    *,
    by: Actor,
    content: bytes,
    name: str,
    telephony_provider: str,
    connection: Connection | None = None,
    month: date,
    currency: str,
    whole: bool = True,
) -> Invoice:
    """Take in the file of one month's invoice and match it, or have a worker or a person do the next step.

    currency is of rows that name none; whole: lines that the file does not name are reported.
    Raises NotMatched.
    """
    month = start_of(month)
    if midnight(next_month(month)) > db_now():
        raise NotMatched("This month isn't over yet. Upload its invoice when it's complete.")
    invoice = Invoice(
        name=name[:200],
        telephony_provider=telephony_provider,
        connection=connection,
        month=month,
        currency=currency,
        whole=whole,
        content=content,
        uploaded_by=by.user,
        uploaded_by_name=by.name,
        uploaded_at=db_now(),
    )
    try:
        known = layout_of(telephony_provider, titles_of(content))
    except BadTable as error:
        raise NotMatched(str(error.mistake)) from None
    Invoice.objects.filter(state=State.COLUMNS, uploaded_at__lt=db_now() - KEEP).delete()
    if not known:
        invoice.state = State.COLUMNS
        invoice.save()
        return invoice
    return begin(invoice)


@needs(Right.BUY)
def choose_columns(*, by: Actor, invoice_id: int, columns: Mapping[str, str], only: str = "") -> Invoice:
    """Say which columns of a file count, by their titles; remembered for its provider. Raises NotMatched."""
    invoice = Invoice.objects.filter(pk=invoice_id, state=State.COLUMNS).first()
    if not invoice:
        raise NotMatched("The columns of this file were already chosen.")
    columns = {name: title for name, title in columns.items() if name in CHOSEN and title}
    keys = [key_of_column(title) for title in titles_of(bytes(invoice.content or b""))]
    for name in REQUIRED:
        if name not in columns:
            raise NotMatched(f"Choose the column for “{CHOSEN[name]}”.")
    for title in columns.values():
        if keys.count(key_of_column(title)) != 1:
            raise NotMatched(f"The file doesn't have exactly one column “{title}”.")
    if len(set(columns.values())) < len(columns):
        raise NotMatched("Choose each column once.")
    if bool(only.strip()) != (KIND in columns):
        raise NotMatched("Choose the kind of charge together with the words to look for there.")
    with transaction.atomic():
        remember(by=by, telephony_provider=invoice.telephony_provider, columns=columns, only=only.strip())
        record_event(action="invoice.columns", by=by, after={"columns": columns, "only": only.strip()})
    return begin(invoice)


def begin(invoice: Invoice) -> Invoice:
    """Match a small file at once, and leave a big one to a worker."""
    content = bytes(invoice.content or b"")
    invoice.state, invoice.due_at = State.WAITING, db_now()
    if max(map(content.count, (b"\n", b"\r"))) > AT_ONCE:
        invoice.save()
        announce()
        return invoice
    invoice.save()
    match(invoice)
    return invoice


def match(invoice: Invoice) -> None:
    """Match an invoice and keep what came of it: everything in one transaction, so that it is done once."""
    content = bytes(invoice.content or b"")
    by = (
        Actor(user=invoice.uploaded_by, name=invoice.uploaded_by_name) if invoice.uploaded_by_name else SYSTEM
    )
    try:
        titles = titles_of(content)
        layout = layout_of(invoice.telephony_provider, titles) or Layout(columns={})
        if NUMBER not in layout.columns:
            raise BadTable("This file's columns are no longer known. Upload it again.")
        rows = read_rows(content, layout, titles, month=invoice.month, currency=invoice.currency)
        if not rows.charges and rows.months:
            found = ", ".join(f"{month:%B %Y}" for month in sorted(rows.months))
            raise BadTable(f"The file covers {found}, not {invoice.month:%B %Y}. Choose that month.")
        if not rows.charges:
            raise BadTable(nothing_found(rows.aside, rows.unread))
    except BadTable as error:
        return keep(invoice, by, state=State.REFUSED, errors=[error.mistake.as_json()])
    result = Matcher(invoice).run(rows)
    unread = [mistake.as_json() for mistake in rows.unread]
    return keep(invoice, by, result.findings, state=State.DONE, counts=result.as_json(rows), unread=unread)


def nothing_found(aside: Mapping[str, int], unread: list[Mistake]) -> str:
    """Why a file that can be read has nothing to match."""
    if unread:
        return f"No row in the file could be read. The first problem: {unread[0]}"
    if aside.get("without a phone number"):
        return "The file names no phone numbers. Download the charges by number, not the summary."
    if aside.get("for other charges"):
        return "No row in the file charges for having a phone number; they're all other charges."
    return "The file has no rows."


def keep(invoice: Invoice, by: Actor, findings: list[Finding] | None = None, **fields) -> None:
    """Write what came of matching; nothing where somebody else was faster. The file itself is thrown away."""
    with transaction.atomic():
        waiting = Invoice.objects.filter(pk=invoice.pk, state=State.WAITING)
        if not waiting.update(content=None, lease_until=None, **fields):
            raise LeaseLost(f"invoice {invoice.pk} is matched")
        Finding.objects.bulk_create(findings or [], batch_size=500)
        after = {"invoice": invoice.pk, "month": f"{invoice.month:%Y-%m}"}
        if fields["state"] == State.DONE:
            after |= {name: fields["counts"][name] for name in ("numbers", "right", "unread", "findings")}
        action = "invoice.matched" if fields["state"] == State.DONE else "invoice.refused"
        record_event(action=action, by=by, after=after, reason=invoice.name)
    for name, value in fields.items():
        setattr(invoice, name, value)
    invoice.content = None


# --- Work for a worker ----------------------------------------------------------------------


def claim(*, limit: int) -> list[Invoice]:
    """Invoices that nobody matches at the moment, the oldest first."""
    now = db_now()
    free = Invoice.objects.filter(nobody_holds(), state=State.WAITING, due_at__lte=now)
    return [
        invoice
        for invoice in free.order_by("pk")[:limit]
        if Invoice.objects.filter(nobody_holds(), pk=invoice.pk).update(lease_until=now + lease())
    ]


def run(invoice: Invoice) -> None:
    match(invoice)


def defer(invoice: Invoice, error: Exception) -> None:  # noqa: ARG001 -- as all kinds of work have it
    waiting = Invoice.objects.filter(pk=invoice.pk, state=State.WAITING)
    waiting.update(lease_until=None, due_at=db_now() + AGAIN)


def next_due(after: datetime) -> datetime | None:
    """When an invoice is to be matched, later than `after`, or somebody's lease ends."""
    return soonest_due(Invoice.objects.filter(state=State.WAITING), after)


# --- What to do -----------------------------------------------------------------------------


def next_step(finding: Finding) -> tuple[str, str]:
    """What a person does about a finding, and the page where that begins."""
    page = f"/numbers/{finding.e164}/"
    if finding.kind == Kind.UNBILLED:
        return "Compare with Fluents", "/reconcile/"
    if finding.kind == Kind.PRICE:
        return "Check its price, then ask the provider", page
    if finding.kind == Kind.AWAY:
        return "Ask the provider for a credit", page
    if finding.number_id:
        return "Check its connection", page
    return "Link it, or release it at the provider", f"/numbers/link/?phone_number=%2B{finding.e164[1:]}"


def finding_row(finding: Finding) -> dict:
    """A finding for files and scripts: names and order are part of the public surface."""
    step, path = next_step(finding)
    return {
        "kind": finding.kind,
        "number": finding.e164,
        "billed": None if finding.billed is None else str(finding.billed),
        "expected": None if finding.expected is None else str(finding.expected),
        "currency": finding.currency or None,
        "rows": finding.rows,
        "detail": finding.text,
        "next": step,
        "page": path,
    }


FINDING_COLUMNS = ["kind", "number", "billed", "expected", "currency", "rows", "detail", "next", "page"]
