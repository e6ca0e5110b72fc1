"""Addresses inside one company's pages."""

from __future__ import annotations

from django.urls import reverse

from tenants.models import Tenant


def tenant_url(tenant: Tenant, name: str, *args: object) -> str:
    """The address of a page of this company; `name` without the namespace."""
    return reverse(f"dashboard:{name}", args=[tenant.public_id, *args])


# Which page puts right what a finding complains about; anything else is decided on the movement itself.
_FIX_PAGES: dict[str, str] = {
    **dict.fromkeys(
        ("account_not_mapped", "collateral_movement", "currency_mismatch", "no_multi_currency"),
        "accounts",
    ),
    **dict.fromkeys(
        (
            "default_missing",
            "clearing_account_missing",
            "period_locked",
            "large_amount",
            "new_counterparty",
            "unusual_amount",
        ),
        "settings",
    ),
    **dict.fromkeys(
        (
            "account_invalid",
            "account_missing",
            "account_unusable",
            "contact_missing",
            "return_changed",
            "return_of_payment",
            "return_of_withdrawn",
            "return_split",
            "return_unmatched",
            "review_by_rule",
            "rule_skips_one_side",
            "split_exceeds_total",
            "tax_archived",
            "tax_missing",
            "tax_not_allowed",
            "tracking_archived",
            "tracking_missing",
            "tracking_not_created",
            "tracking_too_many",
            "unknown_movement",
        ),
        "rules",
    ),
    **dict.fromkeys(
        (
            "bank_details_changed",
            "contact_ambiguous",
            "contact_archived",
            "contact_held",
            "contact_name_invalid",
            "contact_name_taken",
            "contact_number_taken",
            "contact_preview",
            "contact_similar",
            "contact_unknown",
        ),
        "contacts-decide",
    ),
    "permission_missing": "connections",
    "rate_missing": "rates",
}


def fix_page(code: str) -> str:
    """The name of the page that fixes findings of this code, or "" where the movement itself must be decided."""
    return _FIX_PAGES.get(code, "")
