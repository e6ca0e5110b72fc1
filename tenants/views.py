"""Pages around the account that allauth does not have: accepting an invitation, and ending every session."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import services
from tenants.forms import NewPasswordForm
from tenants.models import Invitation, User
from tenants.services import InvitationInvalid, TenantError

_TOKEN = "invitation"  # the session's key
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@never_cache
@require_safe
def invitation_open(request: HttpRequest, token: str) -> HttpResponseBase:
    """Take the token out of the address, so that neither history nor referrer keeps it."""
    request.session[_TOKEN] = token
    return redirect("invitation_accept")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_accept(request: HttpRequest) -> HttpResponseBase:
    """Show who invites whom to what, and accept on POST only: programs that follow links in mails use nothing up."""
    try:
        invitation = services.invitation_find(request.session.get(_TOKEN, ""))
        return _accept(request, invitation)
    except InvitationInvalid as error:
        return render(request, "account/invitation_invalid.html", {"error": str(error)}, status=410)
    except TenantError as error:
        return render(request, "account/invitation_invalid.html", {"error": str(error)}, status=403)


@never_cache
@login_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Password, second factor and sessions of the signed-in person."""
    return render(request, "account/security.html", {"second_factor": is_mfa_enabled(request.user)})


@login_required
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of the signed-in person, this one too."""
    person = request.user
    assert isinstance(person, User)
    services.sessions_end(user=person, actor=person.email)
    logout(request)
    messages.success(request, "You are signed out everywhere.")
    return redirect("account_login")


def _accept(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    person = User.objects.filter(email=invitation.email).first()
    if person is not None and person.has_usable_password():
        return _accept_known(request, invitation)
    return _accept_new(request, invitation)


def _accept_known(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    """Somebody who has a password proves who they are with it, and with their second factor: a link is not enough."""
    if not isinstance(request.user, User):
        return redirect_to_login(request.path)
    if request.method != "POST":
        mismatch = request.user.email != invitation.email
        context = {"invitation": invitation, "mismatch": mismatch}
        return render(request, "account/invitation_accept.html", context, status=403 if mismatch else 200)
    services.invitation_accept(invitation=invitation, user=request.user)
    return _welcome(request, invitation)


def _accept_new(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    form = NewPasswordForm(request.POST or None, email=invitation.email)
    if not form.is_valid():
        return render(request, "account/invitation_accept.html", {"invitation": invitation, "form": form})
    person = services.invitation_redeem(invitation=invitation, **form.cleaned_data)
    login(request, person, backend=_BACKEND)  # a new session key; the audit notes the sign-in
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    request.session.pop(_TOKEN, None)
    messages.success(request, f"Welcome to {invitation.tenant.name}.")
    return redirect(resolve_url(settings.LOGIN_REDIRECT_URL))
