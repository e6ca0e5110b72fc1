"""After signing in: to one's company, or a choice where there are several."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.addresses import tenant_url
from dashboard.shell import account_links
from tenants.models import User
from tenants.selectors import tenants_of


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponseBase:
    assert isinstance(request.user, User)
    found = tenants_of(request.user)
    if len(found) == 1:
        return HttpResponseRedirect(tenant_url(found[0].tenant, "overview"))
    companies = [(it.tenant.name, it.role, tenant_url(it.tenant, "overview")) for it in found]
    return render(request, "dashboard/home.html", {"companies": companies, "account_links": account_links()})
