"""Named ways to look at the list, each kept for one person, who may share it with everybody."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard.htmx import Request
from numbers.forms.numbers import SaveViewForm
from numbers.listing.query import Query
from numbers.listing.saved_views import save_view
from numbers.models import SavedView
from numbers.services.errors import NotDone


@require_POST
def view_save(request: Request) -> HttpResponse:
    """Keep the filters, order and columns at hand under a name; the same name is written over."""
    form = SaveViewForm(request.POST)
    query = Query.of(request.POST.get("query", "")[:2000])
    if form.is_valid():
        name, shared = form.cleaned_data["name"], form.cleaned_data["shared"]
        try:
            save_view(user=request.user, name=name, query=query, shared=shared)
            messages.success(request, f"Saved the view “{name}”.")
        except NotDone as error:
            messages.error(request, str(error))
    else:
        messages.error(request, "Enter a view name of up to 60 characters.")
    return redirect(query)


@require_POST
def view_delete(request: Request, pk: int) -> HttpResponse:
    """Forget one of one's own views."""
    view = get_object_or_404(SavedView, pk=pk, user=request.user)
    view.delete()
    messages.success(request, f"Deleted the view “{view}”.")
    return redirect("number-list")
