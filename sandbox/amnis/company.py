"""Movements in words: what tests, the demo world and the control page do to a company's accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.amnis import balances, bodies
from sandbox.amnis.bodies import Merchant, Peer, Times
from sandbox.amnis.changes import Changes
from sandbox.amnis.ledger import Ledger
from sandbox.amnis.rates import convert
from sandbox.amnis.values import Day, decimal_of, moment_of, money, stamp
from sandbox.amnis.wire import Body

_DONE = frozenset({"executed", "transferred"})
_DEAD = frozenset({"canceled", "execution_error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two ledger rows of one detail: the account that pays, the account that receives. None: there is no such row."""

    detail: int
    paid: int | None
    received: int | None


class Company(Changes):
    """One company's side of the bank.

    Amounts are positive decimal strings; the kind of movement gives the sign. `executed_on` defaults to today, may be an exact
    moment, and stands for planned execution while `executed` is False (the clock executes it then). `created_at` and
    with it `updatedAt` default to now, so that an old movement added late is still news. A method that adds one row
    returns the row's id.
    """

    # money in and out

    def pay_in(
        self,
        *,
        amount: str,
        account: int = 1,
        payer: str | None = "Beispiel AG",
        executed_on: Day | None = None,
        reference: str | None = None,
        qr_reference: str | None = None,
        instant: bool = False,
        returned: bool = False,
        executed: bool = True,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> int:
        times = self._times(executed_on, created_at, updated_at)
        with self.ledger() as ledger:
            currency = self._currency(ledger, account)
            body = bodies.payin(currency=currency, amount=amount, times=times, payer=payer, text=reference)
            body |= {"qrReference": qr_reference, "isInstant": instant}
            body["subType"] = "returned_payment" if returned else "pay_in"
            return self._add(ledger, "payin", account, decimal_of(amount), body, times, executed=executed)

    def payout(
        self,
        *,
        amount: str,
        to: str,
        account: int = 1,
        executed_on: Day | None = None,
        reference: str | None = None,
        status: str = "executed",
        fee_schedule: str | None = None,
        country: str = "CH",
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        **detail: Any,
    ) -> int:
        times = self._times(executed_on, created_at, updated_at)
        with self.ledger() as ledger:
            contact = self._contact(ledger, to, country=country)
            body = bodies.payout(
                account=account, currency=self._currency(ledger, account), amount=amount, times=times,
                to=bodies.beneficiary(to, country), status=status, reference=reference, contact=contact,
            )  # fmt: skip
            body |= {"feeSchedule": fee_schedule, **detail}
            return self._add(
                ledger, "payout", account, -decimal_of(amount), body, times,
                executed=status in _DONE, dead=status in _DEAD, contact=contact,
            )  # fmt: skip

    def fee(
        self,
        *,
        amount: str,
        account: int = 1,
        executed_on: Day | None = None,
        comment: str | None = "Account fee",
        refund: bool = False,
        executed: bool = True,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> int:
        """A charge at month end, or one that Amnis gives back."""
        times = self._times(executed_on, created_at, updated_at)
        with self.ledger() as ledger:
            currency, status = self._currency(ledger, account), "executed" if executed else "pending"
            body = bodies.fee(
                account=account, currency=currency, amount=amount, times=times, text=comment, status=status
            )
            signed = decimal_of(amount) * (1 if refund else -1)
            return self._add(ledger, "fee", account, signed, body, times, executed=executed)

    # between wallets

    def peer_out(self, *, amount: str, to: str, account: int = 1, **details: Any) -> int:
        """Money to another Amnis customer: one row, the other account is not ours to see."""
        peer = Peer(side="sender", sender=self.name, receiver=to, sender_account=account, receiver_account=None)
        return self._peer(amount=amount, account=account, peer=peer, other=to, **details)

    def peer_in(self, *, amount: str, sender: str, account: int = 1, **details: Any) -> int:
        peer = Peer(side="receiver", sender=sender, receiver=self.name, sender_account=None, receiver_account=account)
        return self._peer(amount=amount, account=account, peer=peer, other=sender, **details)

    def _peer(
        self,
        *,
        amount: str,
        account: int,
        peer: Peer,
        other: str,
        executed_on: Day | None = None,
        comment: str | None = None,
        status: str = "transferred",
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> int:
        times = self._times(executed_on, created_at, updated_at)
        with self.ledger() as ledger:
            contact, currency = self._contact(ledger, other), self._currency(ledger, account)
            body = bodies.wallet(
                currency=currency, amount=amount, times=times, peer=peer, status=status, text=comment, contact=contact
            )
            signed = decimal_of(amount) * (-1 if peer.side == "sender" else 1)
            return self._add(
                ledger, "peer", account, signed, body, times,
                executed=status in _DONE, dead=status in _DEAD, contact=contact,
            )  # fmt: skip

    def own_transfer(
        self,
        *,
        amount: str,
        source: int,
        target: int,
        executed_on: Day | None = None,
        comment: str | None = None,
        status: str = "transferred",
        shared_detail: bool = True,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> Pair:
        """Between two own accounts of one currency: two rows (A15), with one detail or, on request, one for each side.
        A transfer to or from a collateral account is marked so."""
        times = self._times(executed_on, created_at, updated_at)
        peer = Peer(side="sender", sender=self.name, receiver=self.name, sender_account=source, receiver_account=target)
        with self.ledger() as ledger:
            contact, currency = self._contact(ledger, self.name), self._currency(ledger, source)
            body = bodies.wallet(
                currency=currency, amount=amount, times=times, peer=peer, status=status, text=comment, contact=contact
            )
            body["collateral"] = "collateral" in {self._kind(ledger, source), self._kind(ledger, target)}
            state: dict[str, Any] = {"executed": status in _DONE, "dead": status in _DEAD, "contact": contact}
            paid = self._add(ledger, "peer", source, -decimal_of(amount), body, times, **state)
            detail = self._detail_of(ledger, paid)
            body["side"] = "receiver"
            state["detail"] = detail if shared_detail else None
            received = self._add(ledger, "peer", target, decimal_of(amount), body, times, **state)
            return Pair(detail=detail, paid=paid, received=received)

    def fx(
        self,
        *,
        sold: tuple[int, str],
        bought: tuple[int, str],
        dealt_on: Day | None = None,
        value_on: Day | None = None,
        executed: bool = True,
        status: str | None = None,
        second_leg_at: datetime | None = None,
        only: str | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        **detail: Any,
    ) -> Pair:
        """A conversion: (account, amount) sold and bought, two rows that share their detail (A14).

        `second_leg_at` lets the bought row appear then; `only` ("sold" or "bought") leaves the other row out for ever.
        """
        value = moment_of(value_on) if value_on else self._today()
        times = self._times(value, created_at, updated_at)
        deal = moment_of(dealt_on) if dealt_on else times.created
        state = status or ("transferred" if executed else "pending")
        with self.ledger() as ledger:
            currencies = self._currency(ledger, sold[0]), self._currency(ledger, bought[0])
            body = bodies.fx(
                sold=(currencies[0], sold[1]), bought=(currencies[1], bought[1]), deal=deal, value=value, status=state
            )
            shared: dict[str, Any] = {"executed": executed, "dead": state in _DEAD}
            shared["detail"] = ledger.add_detail("fx_transaction_details", self.client_id, {**body, **detail})
            paid = received = None
            if only != "bought":
                paid = self._add(ledger, "fx", sold[0], -decimal_of(sold[1]), body, times, **shared)
            if only != "sold":
                late = Times(execution=value, created=second_leg_at, updated=second_leg_at) if second_leg_at else times
                amount = decimal_of(bought[1])
                received = self._add(ledger, "fx", bought[0], amount, body, late, visible=second_leg_at, **shared)
            return Pair(detail=shared["detail"], paid=paid, received=received)

    # cards

    def card(
        self,
        *,
        amount: str,
        merchant: str = "Café Beispiel",
        account: int = 1,
        country: str = "CH",
        mcc: str = "5812",
        original: tuple[str, str] | None = None,
        card: int = 1,
        executed_on: Day | None = None,
        settled_on: Day | None = None,
        settles_at: datetime | None = None,
        expires_at: datetime | None = None,
        refund: bool = False,
        category: str | None = None,
        cost_center: str | None = None,
        vats: Iterable[tuple[str, str]] = (),
        comment: str | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> int:
        """A purchase, settled at once (on `settled_on`, else with its execution) unless `settles_at` or `expires_at`
        leave it pending until then; `refund` turns the money round. `original` is the merchant's (currency, amount),
        `vats` are (rate, gross) pairs."""
        times = self._times(executed_on, created_at, updated_at)
        pending = settles_at or expires_at
        with self.ledger() as ledger:
            currency = self._currency(ledger, account)
            self._fund(ledger, account, decimal_of(amount), times)
            body = bodies.card(
                currency=currency, amount=amount, original=original or (currency, amount), times=times,
                merchant=Merchant(name=merchant, country=country, mcc=mcc), number=card,
            )  # fmt: skip
            if not pending:
                settled = moment_of(settled_on) if settled_on else times.execution
                body |= {"type": "reversal" if refund else "transaction", "status": "executed"}
                body["settlementDate"] = stamp(settled)
            expense = self._expense(ledger, category, cost_center, comment)
            known = ledger.resources("expense_vats", self.client_id)
            body |= {**expense, "vats": bodies.vats(vats, known, as_iri=False)}
            shown = {**expense, "vats": bodies.vats(vats, known, as_iri=True)}
            return self._add(
                ledger, "card", account, decimal_of(amount) * (1 if refund else -1), body, times, executed=not pending,
                due=pending, deed="expire" if expires_at else "execute", fields=shown,
            )  # fmt: skip

    def cost_center(self, name: str) -> None:
        """One more cost centre that card rows may name."""
        with self.ledger() as ledger:
            about: Body = {"number": name[:20], "allowedTransactionTypes": [], "allowedCardGroups": []}
            ledger.add_resource("expense_cost_centers", self.client_id, {"name": name, **about})

    def _expense(self, ledger: Ledger, category: str | None, cost_center: str | None, comment: str | None) -> Body:
        found_category = self._named(ledger, "expense_categories", category)
        found_center = self._named(ledger, "expense_cost_centers", cost_center)
        keys = ("id", "name", "accountingAccountNumber", "externalId")
        return {
            "expenseCategory": {key: found_category[key] for key in keys} if found_category else None,
            "expenseCostCenter": (
                {key: found_center[key] for key in ("id", "name", "number")} if found_center else None
            ),
            "comment": comment,
        }

    def _fund(self, ledger: Ledger, account: int, amount: Decimal, times: Times) -> None:
        """With the switch on, a short account is filled by an automatic exchange before the card row (A18)."""
        if not ledger.switches().auto_exchange:
            return
        base = balances.profile(ledger, self.client_id)["baseCurrency"]
        held = balances.accounts(ledger, self.client_id, account_id=account)[0]
        funding = next(item for item in balances.accounts(ledger, self.client_id) if item["currency"] == base)
        if Decimal(held["availableBalance"]) < amount and funding["id"] != account:
            price = money(convert(amount, held["currency"], base))
            self.fx(
                sold=(funding["id"], price), bought=(account, money(amount)), value_on=times.execution,
                created_at=times.created, updated_at=times.updated, fromAutomation=True,
            )  # fmt: skip
