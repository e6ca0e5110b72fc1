"""Team: who belongs here, in which role, with which second factor."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.http import HttpResponse

from dashboard.access import tenant_page
from dashboard.pages import render_page
from tenants.middleware import TenantRequest
from tenants.models import Invitation, Membership
from tenants.permissions import TABLE, Action


@tenant_page()
def team(request: TenantRequest) -> HttpResponse:
    members = list(Membership.objects.select_related("user").order_by("id"))
    protected = set(
        Authenticator.objects.filter(
            user_id__in=[member.user_id for member in members], type=Authenticator.Type.TOTP
        ).values_list("user_id", flat=True)
    )
    context = {
        "members": [(member, member.user_id in protected) for member in members],
        "invitations": list(Invitation.objects.filter(accepted_at=None).order_by("-id")[:50]),
        "roles": _rights(),
    }
    return render_page(request, "dashboard/team.html", context)


def _rights() -> list[tuple[str, list[str]]]:
    """For each act, the roles that may do it, as the one table says."""
    return [(action.value, sorted(TABLE[action])) for action in Action]
