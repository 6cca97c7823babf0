"""/account/: one's own sessions, second factors and password; and the link with which an account begins."""

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from dashboard.accounts.sessions import sessions_of
from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers.forms.people import NewPasswordForm
from numbers.models import Event, Notice
from numbers.permissions import roles_of
from numbers.services.audit.events import ADDRESS, Actor
from numbers.services.people import links
from numbers.services.people.accounts import end_own_session

LATELY, NOTICES = 10, 5


@require_safe
def account(request: Request) -> HttpResponse:
    """Everything about one's own account."""
    own: dict[str, list] = {}
    for factor in Authenticator.objects.filter(user=request.user):
        own.setdefault(factor.type, []).append(factor.wrap())
    context = {
        "authenticators": {kind: found if kind == "webauthn" else found[0] for kind, found in own.items()},
        "is_mfa_enabled": is_mfa_enabled(request.user),
        "roles": roles_of(request.user),
        "sessions": sessions_of(request.user),
        "told": Notice.objects.filter(
            user=request.user, kind__in=[Notice.Kind.LOGIN, Notice.Kind.ACCOUNT]
        ).exclude(pk=request.session.get("its_notice") or 0)[:NOTICES],
        "session_key": request.session.session_key,
        "events": Event.objects.filter(
            action__startswith="access.", actor_name=request.user.get_username()
        ).order_by("-pk")[:LATELY],
    }
    return render(request, "account/overview.html", context)


@require_POST
@freshly
def session_end(request: Request, pk: int) -> HttpResponse:
    """End one of one's own sessions."""
    if end_own_session(user=request.user, session_id=pk, by=Actor.person(request.user, request.id)):
        messages.success(request, "Session ended.")
    return redirect("account")


@login_not_required
@sensitive_post_parameters()
def choose_password(request: Request, token: str) -> HttpResponse:
    """Where an invitation or a reset link leads: choose a password, then log in with it."""
    link = links.read(token)
    if not link:
        return render(request, "account/link_gone.html", status=410)
    form = NewPasswordForm(link.user, request.POST or None)
    if form.is_valid():
        by = Actor(request_id=request.id, address=ADDRESS.get())
        if links.use(token=token, password=form.cleaned_data["new_password1"], by=by):
            messages.success(request, "Password saved. Log in with it.")
            return redirect("account_login")
        return render(request, "account/link_gone.html", status=410)
    context = {"form": form, "link": link}
    return render(request, "account/choose_password.html", context, status=422 if form.errors else 200)
