"""One invoice: what it and our records differ in, or which of its columns count."""

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.htmx import Request, render_partial
from numbers.db.pagination import page_of
from numbers.forms.costs import ColumnsForm
from numbers.listing.downloads import as_csv
from numbers.models import Finding, Invoice
from numbers.services.audit.events import Actor
from numbers.services.costs.invoice_layouts import titles_of
from numbers.services.costs.invoices import FINDING_COLUMNS, NotMatched, choose_columns, finding_row

PAGE = "numbers/invoices/detail.html"


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_detail(request: Request, pk: int) -> HttpResponse:
    """What came of an invoice; POST says which of its columns count."""
    invoice = get_object_or_404(Invoice.objects.select_related("connection"), pk=pk)
    if request.method == "POST" or invoice.state == Invoice.State.COLUMNS:
        return columns(request, invoice)
    kind = request.GET.get("kind", "")
    findings = invoice.findings.all()
    if kind in Finding.Kind.values:
        findings = findings.filter(kind=kind)
    context = {
        "invoice": invoice,
        "page": page_of(findings.order_by(), params=request.GET),
        "kind": kind,
        "kinds": [(one, invoice.counts.get("findings", {}).get(one, 0)) for one in Finding.Kind],
    }
    return render_partial(request, PAGE, context, partial="matched")


def columns(request: Request, invoice: Invoice) -> HttpResponse:
    """Ask which columns of `invoice` count, or take the answer."""
    if invoice.state != Invoice.State.COLUMNS:
        messages.info(request, "The columns of this file were already chosen.")
        return redirect(invoice)
    titles = titles_of(bytes(invoice.content or b""))
    form = ColumnsForm(request.POST if request.method == "POST" else None, titles=titles)
    if form.is_bound and form.is_valid():
        by, chosen = Actor.person(request.user, request.id), form.columns()
        try:
            only = form.cleaned_data["only"]
            return redirect(choose_columns(by=by, invoice_id=invoice.pk, columns=chosen, only=only))
        except NotMatched as error:
            form.add_error(None, str(error))
    context = {"invoice": invoice, "form": form}
    return render_partial(request, PAGE, context, partial="matched", status=422 if form.errors else 200)


@require_safe
def invoice_csv(request: Request, pk: int) -> StreamingHttpResponse:
    """All findings of an invoice as a table."""
    invoice = get_object_or_404(Invoice, pk=pk)
    rows = (finding_row(finding) for finding in invoice.findings.iterator(chunk_size=500))
    return as_csv(rows, FINDING_COLUMNS, f"invoice-{invoice.pk}.csv")
