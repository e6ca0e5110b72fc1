"""Can what is booked by default stand in the books? Asked when defaults are saved, in sentences for the person. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sync.domain.references import ChartIndex, coding_objection

ACCOUNTS = ("income", "expense", "fee", "cashback", "fx_clearing", "suspense")
TAXED: Mapping[str, tuple[str, ...]] = {"tax_income": ("income", "cashback"), "tax_expense": ("expense", "fee")}


def default_objections(defaults: Mapping[str, str], chart: ChartIndex) -> dict[str, str]:
    """By key of a default: why it cannot be one. A tax is looked at alone and with each account that it stands beside."""
    alone = {key: coding_objection(chart, account=defaults.get(key, ""), tax="") for key in ACCOUNTS}
    alone |= {key: coding_objection(chart, account="", tax=defaults.get(key, "")) for key in TAXED}
    found = {key: problem for key, problem in alone.items() if problem}
    for tax, accounts in TAXED.items():
        beside = [defaults[key] for key in accounts if defaults.get(key) and key not in found]
        pairs = [coding_objection(chart, account=account, tax=defaults.get(tax, "")) for account in beside]
        problem = next(filter(None, pairs), "")
        if problem and tax not in found:
            found[tax] = problem
    return found
