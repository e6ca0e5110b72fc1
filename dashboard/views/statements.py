"""Statement files: what was posted on a wallet in a month, for import in Xero where no bank feed exists."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from dashboard.access import tenant_action, tenant_page
from dashboard.pages import back_to, current_flow, render_page
from dashboard.queries.statements import wallet_months
from dashboard.views.flow_acts import flow_or_404
from sync import statements
from sync.domain.days import DayFault, read_month
from sync.domain.statement import file_names
from tenants.middleware import TenantRequest
from tenants.permissions import Action
from tenants.scoping import tenant_scope


@tenant_page()
def statement_list(request: TenantRequest) -> HttpResponse:
    flow = current_flow()
    wallets = wallet_months(flow=flow) if flow else []
    return render_page(request, "dashboard/accounts/statements.html", {"flow": flow, "wallets": wallets})


@tenant_action(Action.EXPORT)
def statement_file(request: TenantRequest) -> HttpResponse:
    """The file of one wallet and month; that it left is written down. With `only_new` what no file brought before."""
    flow, month = flow_or_404(request), _month(request.POST.get("month", ""))
    with tenant_scope(request.tenant.pk, actor=request.user.email):
        mapping = statements.bank_account_of(flow, request.POST.get("wallet", ""))
    if mapping is None:
        return back_to(request, "accounts-statements", failed=_("This account stands for no bank account in Xero."))
    made = statements.statement_export(
        tenant_id=request.tenant.pk,
        flow_id=flow.pk,
        bank_account_id=mapping.destination_account_id,
        month=month,
        only_new=bool(request.POST.get("only_new")),
        actor=request.user.email,
    )
    [name] = file_names(mapping.source_account_id, month, files=1)
    files = made.files
    if len(files) > 1:
        numbered = zip(file_names(mapping.source_account_id, month, files=len(files)), files, strict=True)
        response = HttpResponse(_zipped(numbered), content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{name.removesuffix(".csv")}.zip"'
        return response
    response = HttpResponse(made.text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _zipped(files: Iterable[tuple[str, str]]) -> bytes:
    """More lines than Xero takes in one import, as numbered files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files:
            packed.writestr(name, text)
    return out.getvalue()


def _month(text: str) -> date:
    try:
        return read_month(text)
    except DayFault:
        raise Http404 from None
