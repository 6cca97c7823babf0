"""The providers' invoices that were uploaded, and the form for the next one."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.htmx import Request
from numbers.db.pagination import page_of
from numbers.forms.costs import InvoiceForm
from numbers.models import Invoice
from numbers.permissions import Right, may
from numbers.services.audit.events import Actor
from numbers.services.costs.invoices import NotMatched, upload


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_list(request: Request) -> HttpResponse:
    """All invoices, newest first; POST takes in another one."""
    sent = request.method == "POST"
    form = InvoiceForm(request.POST, request.FILES) if sent else InvoiceForm()
    if sent and form.is_valid():
        try:
            return redirect(upload(by=Actor.person(request.user, request.id), **form.invoice()))
        except NotMatched as error:
            form.add_error("file", str(error))
    rows = Invoice.objects.select_related("connection").defer("content", "unread", "errors")
    context = {
        "page": page_of(rows, params=request.GET),
        "form": form if may(request.user, Right.BUY) else None,
    }
    return render(request, "numbers/invoices/list.html", context, status=422 if form.errors else 200)
