"""Accounts: each wallet beside the bank account that stands for it."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connectors import services as connector_services
from connectors.contract.errors import ConnectorError
from connectors.models import Connection
from dashboard.access import tenant_action, tenant_page
from dashboard.pages import back_to, current_flow, render_page
from dashboard.queries.accounts import Pair, account_pairs
from dashboard.views.flow_acts import flow_or_404
from sync import services
from sync.models import Flow
from sync.others import is_looked_at, look
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope


@tenant_page()
def account_list(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    pairs = account_pairs(flow=flow) if flow else []
    context = {
        "flow": flow,
        "pairs": pairs,
        "proposed": sum(pair.proposal is not None for pair in pairs),
        "looked": flow is None or is_looked_at(flow=flow),
    }
    return render_page(request, "dashboard/accounts/list.html", context)


@tenant_action(Action.MAP)
def account_map(request: TenantRequest) -> HttpResponse:
    """Match one wallet, or unmatch it. Only bank accounts that the page offered can be chosen."""
    flow, pair = _chosen_pair(request)
    account = request.POST.get("account", "")
    if account and account not in {choice.account_id for choice in pair.choices}:
        said = _("This bank account cannot be chosen: it has another currency, or stands for another account already.")
        return back_to(request, "accounts", failed=said)
    try:
        _set(request, flow, pair, account)
    except services.NotPossible as problem:  # somebody chose it since the page was shown
        return back_to(request, "accounts", failed=str(problem))
    return back_to(request, "accounts", said=_("Matched.") if account else _("No longer matched; movements wait."))


@tenant_action(Action.MAP)
def account_ignore(request: TenantRequest) -> HttpResponse:
    flow, pair = _chosen_pair(request)
    try:
        services.mapping_ignore(
            tenant_id=request.tenant.pk,
            flow_id=flow.pk,
            source_account_id=pair.wallet_id,
            reason=request.POST.get("reason", "").strip()[:200],
            actor=request.user.email,
            currency=pair.currency,
            label=pair.name[:200],
        )
    except services.NotPossible as problem:
        return back_to(request, "accounts", failed=str(problem))
    return back_to(request, "accounts", said=_("Left out. Nothing of this account is posted."))


@tenant_action(Action.MAP)
def account_accept(request: TenantRequest) -> HttpResponse:
    """Take every proposal that still stands; where two wallets want one bank account, the first one gets it."""
    flow = flow_or_404(request)
    taken: set[str] = set()
    for pair in _pairs(request, flow):
        if pair.proposal is not None and pair.proposal.account.account_id not in taken:
            try:
                _set(request, flow, pair, pair.proposal.account.account_id)
            except services.NotPossible as problem:
                return back_to(request, "accounts", failed=str(problem))
            taken.add(pair.proposal.account.account_id)
    said = ngettext("%(n)s account was matched.", "%(n)s accounts were matched.", len(taken)) % {"n": len(taken)}
    return back_to(request, "accounts", said=said)


@tenant_action(Action.MAP)
def account_refresh(request: TenantRequest) -> HttpResponse:
    """Read both sides' accounts again, now, and who booked into the bank accounts in the last weeks."""
    flow = flow_or_404(request)
    try:
        for connection in (flow.source, flow.destination):
            if isinstance(connection, Connection):
                connector_services.refresh_reference(connection)
        look(tenant_id=request.tenant.pk, flow_id=flow.pk, today=timezone.localdate())
    except ConnectorError as error:
        return back_to(request, "accounts", failed=error.message)
    return back_to(request, "accounts", said=_("Both sides were read again."))


def _chosen_pair(request: TenantRequest) -> tuple[Flow, Pair]:
    flow = flow_or_404(request)
    wallet = request.POST.get("wallet", "")
    pair = next((it for it in _pairs(request, flow) if it.wallet_id == wallet), None)
    if pair is None:
        raise Http404
    return flow, pair


def _pairs(request: TenantRequest, flow: Flow) -> Sequence[Pair]:
    with tenant_scope(request.tenant.pk):
        return account_pairs(flow=flow)


def _set(request: TenantRequest, flow: Flow, pair: Pair, account_id: str) -> None:
    services.mapping_set(
        tenant_id=request.tenant.pk,
        flow_id=flow.pk,
        source_account_id=pair.wallet_id,
        destination_account_id=account_id,
        actor=request.user.email,
        currency=pair.currency,
        label=pair.name[:200],
    )
