"""An edited table of numbers, which comes back as a plan."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.htmx import Request
from numbers.forms.numbers import UploadForm
from numbers.services.audit.events import Actor
from numbers.services.csv_tables import Mistake
from numbers.services.plans.builder import Mistakes, propose_file


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: Request) -> HttpResponse:
    """An edited table becomes a plan; nothing is made while there is a mistake in it."""
    sent = request.method == "POST"
    form = UploadForm(request.POST if sent else None, request.FILES if sent else None)
    mistakes: list[Mistake] = []
    if sent and form.is_valid():
        file = form.cleaned_data["file"]
        by = Actor.person(request.user, request.id)
        try:
            return redirect(propose_file(by=by, content=file.read(), title=f"Changes from {file.name}"))
        except Mistakes as error:
            mistakes = error.mistakes
    status = 422 if form.errors or mistakes else 200
    return render(request, "numbers/numbers/upload.html", {"form": form, "mistakes": mistakes}, status=status)
