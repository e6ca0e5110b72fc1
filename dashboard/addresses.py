"""Addresses inside one company's pages."""

from __future__ import annotations

from django.urls import reverse

from tenants.models import Tenant


def tenant_url(tenant: Tenant, name: str, *args: object) -> str:
    """The address of a page of this company; `name` without the namespace."""
    return reverse(f"dashboard:{name}", args=[tenant.public_id, *args])


# Which page puts right what a finding complains about; anything else is decided on the movement itself.
_FIX_PAGES: dict[str, str] = {
    "account_unmapped": "accounts",
    "wallet_unmapped": "accounts",
    "unmapped": "accounts",
    "mapping_missing": "accounts",
    "unmapped_account": "accounts",
    "currency_differs": "accounts",
    "wallet_currency": "accounts",
    "default_missing": "settings",
    "locked_period": "settings",
    "locked": "settings",
    "amount_over": "settings",
    "unknown_movement": "rules",
    "collateral_unmapped": "rules",
    "contact_missing": "rules",
    "account_missing": "rules",
    "account_unusable": "rules",
    "tax_missing": "rules",
    "tax_archived": "rules",
    "tax_not_allowed": "rules",
    "tracking_missing": "rules",
    "tracking_archived": "rules",
    "tracking_too_many": "rules",
    "split_exceeds_total": "rules",
    "rule_skips_one_side": "rules",
}


def fix_page(code: str) -> str:
    """The name of the page that fixes findings of this code, or "" where the movement itself must be decided."""
    return _FIX_PAGES.get(code, "")
