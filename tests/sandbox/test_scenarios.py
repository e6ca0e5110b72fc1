"""The demo world as a whole, and the way back to its beginning."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from sandbox.app import Sandbox
from sandbox.faults import Effect, Fault
from sandbox.panel import state
from sandbox.scenarios import add_random_movements, reset, seed
from sandbox.xero.seed import TRADING, add_copy

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    found = Sandbox(None, clock=lambda: NOW)
    yield found
    found.close()


def test_every_wallet_of_the_demo_company_has_its_bank_account(sandbox: Sandbox) -> None:
    banks = [a["CurrencyCode"] for a in sandbox.xero.ledger(TRADING).accounts() if a["Type"] == "BANK"]
    with sandbox.amnis.company("ck_1").ledger() as ledger:
        query = "SELECT currency FROM amnis_account WHERE company = 'ck_1' AND type = 'normal'"
        wallets = [currency for (currency,) in ledger.store.execute(query)]
    assert sorted(banks) == sorted(wallets)


def test_the_worked_deal_between_two_foreign_currencies_meets_its_day_rate(sandbox: Sandbox) -> None:
    seed(sandbox)
    deals = [row for row in sandbox.amnis.company().rows() if row["amount"] == "271433.21"]
    day = date.fromisoformat(deals[0]["executionDate"][:10])
    assert sandbox.xero.books(TRADING).day_rate("EUR", day) == Decimal("1.055312")


def test_random_movements_join_the_company(sandbox: Sandbox) -> None:
    assert add_random_movements(sandbox, "ck_3", 40, seed=5) == len(sandbox.amnis.company("ck_3").rows())


def test_a_reset_brings_the_first_day_back_and_keeps_who_is_connected(sandbox: Sandbox) -> None:
    seed(sandbox)
    before = sandbox.amnis.company().rows()
    body = {"grant_type": "client_credentials", "client_id": "ck_1", "client_secret": "cs_demo"}
    token = sandbox.amnis.tokens.answer(body, sandbox.amnis.switches)["access_token"]
    sandbox.xero.issue_tokens(TRADING)
    sandbox.amnis.company().pay_in(amount="1.00")
    sandbox.amnis.switch(signed_amounts=False)
    sandbox.xero.people(TRADING).set_lock_dates(period=date(2026, 6, 30))
    sandbox.faults.add(Fault(vendor="amnis", effect=Effect.OFFLINE))
    sandbox.clock.advance(days=3)
    reset(sandbox)
    assert sandbox.amnis.company().rows() == before
    assert sandbox.amnis.switches.signed_amounts
    assert sandbox.clock.now() - NOW == timedelta(0)
    assert sandbox.faults.planned() == {}
    assert "PeriodLockDate" not in sandbox.xero.books(TRADING).organisation
    assert sandbox.amnis.tokens.company_of(f"Bearer {token}") == "ck_1"
    assert len(sandbox.store.find("xero.connection", "")) == 1


def test_a_reset_can_leave_the_accounts_empty(sandbox: Sandbox) -> None:
    seed(sandbox)
    reset(sandbox, empty=True)
    assert sandbox.amnis.company().rows() == []
    assert sandbox.amnis.company().balances()[1] == Decimal("640000.00")


def test_copies_are_companies_of_their_own_with_a_user_who_opens_nothing_else(sandbox: Sandbox) -> None:
    sandbox.amnis.add_copies(2)
    add_copy(sandbox.xero, "Muster Filiale 1 AG")

    tokens = sandbox.xero.issue_tokens("Muster Filiale 1 AG")
    row = sandbox.amnis.company("ck_1001").pay_in(amount="5.00", account=1001)

    assert [*sandbox.amnis.companies][-2:] == ["ck_1001", "ck_1002"]
    assert sandbox.amnis.company("ck_1001").row(row)["account"] == 1001
    assert tokens["refresh_token"]
    with pytest.raises(StopIteration):
        sandbox.xero.issue_tokens("Muster Filiale 1 AG", "Muster Handels AG")
    banks = [
        account["Code"]
        for account in sandbox.xero.ledger("Muster Filiale 1 AG").accounts()
        if account["Type"] == "BANK"
    ]
    assert banks == [account["Code"] for account in sandbox.xero.ledger().accounts() if account["Type"] == "BANK"]


def test_there_is_no_hundredth_of_a_yen_in_a_bulk_of_movements(sandbox: Sandbox) -> None:
    add_random_movements(sandbox, "ck_1", 400, seed=1)

    yen = [row["amount"] for row in state.amnis_export(sandbox, "ck_1")["rows"] if row["account"] == 6]
    assert len(yen) > 10
    assert all(Decimal(amount) == int(Decimal(amount)) for amount in yen)
