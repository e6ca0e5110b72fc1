"""A ledger entry survives its way through JSON unchanged, whatever it says."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.money import Money
from connectors.contract.records import (
    BankTransaction,
    BankTransfer,
    DocumentKind,
    LedgerEntry,
    LineItem,
    TaxMode,
    TrackingChoice,
)
from sync.domain import documents

TEXT = st.text(max_size=40)
AMOUNTS = st.decimals(min_value=Decimal("-9999999.99"), max_value=Decimal("9999999.99"), places=2)
TOTALS = st.builds(
    Money,
    amount=st.decimals(min_value=Decimal("0.01"), max_value=Decimal("9999999.99"), places=2),
    currency=st.sampled_from(["CHF", "EUR", "USD"]),
)
TRACKING = st.builds(TrackingChoice, category_id=TEXT, option_id=TEXT, label=TEXT)
LINES = st.builds(
    LineItem,
    description=TEXT,
    amount=AMOUNTS,
    account_id=TEXT,
    account_code=TEXT,
    tax_type=TEXT,
    tracking=st.lists(TRACKING, max_size=2).map(tuple),
)
TRANSACTIONS = st.builds(
    BankTransaction,
    kind=st.sampled_from([DocumentKind.SPEND, DocumentKind.RECEIVE]),
    bank_account_id=TEXT,
    contact_id=TEXT,
    contact_name=TEXT,
    date=st.dates(),
    total=TOTALS,
    reference=TEXT,
    marker=TEXT,
    lines=st.lists(LINES, max_size=3).map(tuple),
    tax_mode=st.sampled_from(TaxMode),
    rate=st.none() | st.decimals(min_value=Decimal("0.000001"), max_value=Decimal("999"), places=6),
    url=TEXT,
)
TRANSFERS = st.builds(
    BankTransfer, from_account_id=TEXT, to_account_id=TEXT, date=st.dates(), total=TOTALS, reference=TEXT, marker=TEXT
)


@given(entry=TRANSACTIONS | TRANSFERS)
def test_every_entry_comes_back_as_it_was(entry: LedgerEntry) -> None:
    assert documents.from_json(json.loads(json.dumps(documents.to_json(entry)))) == entry


def test_amounts_are_strings_and_dates_are_iso() -> None:
    """No float ever touches an amount, not even inside a JSON column."""
    entry = BankTransfer(
        from_account_id="a",
        to_account_id="b",
        date=date(2026, 3, 2),
        total=Money.of("0.10", "CHF"),
        reference="",
        marker="MR-1",
    )

    told = documents.to_json(entry)

    assert (told["kind"], told["total"], told["currency"], told["date"]) == (
        "BANKTRANSFER",
        "0.10",
        "CHF",
        "2026-03-02",
    )
