"""/people/: who may log in, with which roles, and help for those who have lost something."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.accounts.sessions import sessions_of
from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers.forms.people import InviteForm, RolesForm
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.errors import NotDone
from numbers.services.people import accounts, links
from numbers.services.people.directory import history, people


@require_safe
def people_list(request: Request) -> HttpResponse:
    """Everybody, with roles, second factor, sessions and when they were last here."""
    q = request.GET.get("q", "").replace("\x00", "")[:150]
    return render(request, "numbers/people/list.html", {"people": people(q=q), "q": q})


@freshly
def person_invite(request: Request) -> HttpResponse:
    """Invite somebody: by mail, or by a link that is shown once."""
    form = InviteForm(request.POST or None, initial={"roles": [Role.VIEWER]})
    if form.is_valid():
        by, data = Actor.person(request.user, request.id), form.cleaned_data
        try:
            user, token = accounts.invite(
                by=by, username=data["username"], roles=data["roles"], email=data["email"]
            )
        except NotDone as error:
            form.add_error("username", str(error))
        else:
            return hand_over(request, user, token, by_mail=data["by_mail"])
    return render(request, "numbers/people/invite.html", {"form": form}, status=422 if form.errors else 200)


def hand_over(request: Request, user: User, token: str, *, by_mail: bool) -> HttpResponse:
    """Mail the link to its owner, or show it: this once, since nobody keeps it."""
    sent = by_mail and links.send(user=user, token=token, by=Actor.person(request.user, request.id))
    link = links.read(token)
    context = {"person": user, "link": link, "url": "" if sent else links.url_of(token)}
    return render(request, "numbers/people/link.html", context | {"not_sent": by_mail and not sent})


@require_safe
def person_detail(request: Request, pk: int) -> HttpResponse:
    """One person: roles, sessions, second factors, and what was done to the account."""
    user = get_object_or_404(User, pk=pk)
    (person,) = people(pk=pk)
    context = {
        "person": person,
        "form": RolesForm(initial={"roles": person.roles}),
        "sessions": sessions_of(user),
        "events": history(user),
        "own": user == request.user,
        "can_mail": settings.NOTIFY_BY_MAIL,
        "above": user.is_superuser and not request.user.is_superuser,
    }
    return render(request, "numbers/people/detail.html", context)


@require_POST
@freshly
def person_roles(request: Request, pk: int) -> HttpResponse:
    """Give a person exactly these roles."""
    form = RolesForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Unknown role. Nothing was changed.")
        return redirect("person", pk=pk)
    return done(
        request,
        pk,
        lambda by: accounts.set_roles(by=by, user_id=pk, roles=form.cleaned_data["roles"]),
        "Roles changed.",
    )


@require_POST
@freshly
def person_switch(request: Request, pk: int) -> HttpResponse:
    """Switch an account off or on."""
    on = request.POST.get("to") == "on"
    words = "Reactivated." if on else "Deactivated and logged out everywhere."
    return done(request, pk, lambda by: accounts.switch(by=by, user_id=pk, on=on), words)


@require_POST
@freshly
def person_sessions(request: Request, pk: int) -> HttpResponse:
    """Log a person out everywhere."""
    return done(
        request, pk, lambda by: accounts.end_all_sessions(by=by, user_id=pk), "Logged out everywhere."
    )


@require_POST
@freshly
def person_factors(request: Request, pk: int) -> HttpResponse:
    """Remove the second factors of somebody who has lost theirs."""
    return done(request, pk, lambda by: accounts.remove_factors(by=by, user_id=pk), "Two-factor login reset.")


@require_POST
@freshly
def person_link(request: Request, pk: int) -> HttpResponse:
    """A link for a new password: mailed, or shown once."""
    user = get_object_or_404(User, pk=pk)
    try:
        token = accounts.make_link(by=Actor.person(request.user, request.id), user_id=pk)
    except NotDone as error:
        messages.error(request, str(error))
        return redirect("person", pk=pk)
    return hand_over(request, user, token, by_mail=request.POST.get("how") == "mail" and bool(user.email))


def done(request: Request, pk: int, act, words: str) -> HttpResponse:
    """`act` on the account `pk`, and say on its page what came of it."""
    get_object_or_404(User, pk=pk)
    try:
        changed = act(Actor.person(request.user, request.id))
    except NotDone as error:
        messages.error(request, str(error))
    else:
        messages.success(request, words) if changed else messages.info(request, "No changes to save.")
    return redirect("person", pk=pk)
