"""Very many movements at once, for benchmarks: plausible, deterministic, conversions and transfers in whole pairs."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sandbox.amnis import bodies, names
from sandbox.amnis.bodies import Merchant, Peer, Times
from sandbox.amnis.company import Company
from sandbox.amnis.ledger import DETAIL_KINDS
from sandbox.amnis.rates import convert
from sandbox.amnis.setup import SPECS
from sandbox.amnis.values import moment_of, money, stamp
from sandbox.amnis.wire import Body

SLICE = 5_000
_WEIGHTS = {"payin": 42, "payout": 22, "card": 26, "fee": 3, "fx": 4, "peer": 3}
_PEOPLE = names.CUSTOMERS_CHF + names.CUSTOMERS_EUR


@dataclass(frozen=True, slots=True)
class _Wallet:
    id: int
    currency: str


class _Writer:
    """Rows and details with ids counted in memory; the database sees them in slices."""

    def __init__(
        self, company: Company, *, ids: dict[str, int], now: datetime, dice: random.Random, history: bool
    ) -> None:
        spec = SPECS[company.client_id]
        self.wallets = [_Wallet(a.id, a.currency) for a in spec.accounts if a.type == "normal"]
        self.rows: list[Body] = []
        self.details: dict[str, list[Body]] = {kind: [] for kind in DETAIL_KINDS}
        self._company, self._ids, self._now, self._dice, self._history = company, ids, now, dice, history
        self._kinds: dict[str, Callable[[Times], None]] = {
            "payin": self._pay_in, "payout": self._payout, "card": self._card, "fee": self._fee, "fx": self._fx,
            "peer": self._peer,
        }  # fmt: skip

    def add(self, kind: str, first: date, days: int) -> None:
        """One movement on a random day; one row, or the two of a pair."""
        execution = moment_of(first + timedelta(days=self._dice.randrange(days)))
        seconds = self._dice.randrange(25_000, 60_000)
        created = min(execution + timedelta(seconds=seconds), self._now) if self._history else self._now
        self._kinds[kind](Times(execution=execution, created=created, updated=created))

    def _next(self, kind: str) -> int:
        self._ids[kind] += 1
        return self._ids[kind]

    def _price(self, lowest: int = 500, highest: int = 900_000) -> Decimal:
        return Decimal(self._dice.randrange(lowest, highest)) / 100

    def _put(self, kind: str, detail: Body, times: Times, *moves: tuple[_Wallet, Decimal]) -> None:
        number = self._next(kind)
        self.details[kind].append({"id": number, **detail})
        for wallet, amount in moves:
            row = bodies.ledger_row(
                type_=kind, account=wallet.id, currency=wallet.currency, amount=amount, executed=True, times=times,
                detail=number,
            )  # fmt: skip
            self.rows.append({"id": self._next("row"), **row})

    def _pay_in(self, times: Times) -> None:
        wallet = self._dice.choice(self.wallets)
        amount = _payable(self._price(500, 1_300_000), wallet)
        text = f"Rechnung {self._dice.randrange(10**6)}"
        payer = self._dice.choice(_PEOPLE)
        detail = bodies.payin(currency=wallet.currency, amount=money(amount), times=times, payer=payer, text=text)
        self._put("payin", detail, times, (wallet, amount))

    def _payout(self, times: Times) -> None:
        wallet = self._dice.choice(self.wallets)
        amount = _payable(self._price(), wallet)
        name = self._dice.choice(_PEOPLE)
        detail = bodies.payout(
            account=wallet.id, currency=wallet.currency, amount=money(amount), times=times, status="executed",
            to=bodies.beneficiary(name, "CH"), reference=f"RE {self._dice.randrange(10**6)}", contact=1,
        )  # fmt: skip
        self._put("payout", detail, times, (wallet, -amount))

    def _card(self, times: Times) -> None:
        wallet, amount = self.wallets[0], self._price(300, 60_000)
        name, country, mcc, *_ = self._dice.choice(names.SHOPS)
        detail = bodies.card(
            currency=wallet.currency, amount=money(amount), original=(wallet.currency, money(amount)), times=times,
            merchant=Merchant(name=name, country=country, mcc=mcc), number=1,
        )  # fmt: skip
        settled = {"type": "transaction", "status": "executed", "settlementDate": stamp(times.execution)}
        self._put("card", detail | settled, times, (wallet, -amount))

    def _fee(self, times: Times) -> None:
        wallet = self.wallets[0]
        detail = bodies.fee(
            account=wallet.id,
            currency=wallet.currency,
            amount="9.00",
            times=times,
            text="Account fee",
            status="executed",
        )
        self._put("fee", detail, times, (wallet, Decimal(-9)))

    def _fx(self, times: Times) -> None:
        source, target = self._dice.sample([w for w in self.wallets if w.currency in {"CHF", "EUR", "USD"}], 2)
        if source.currency == target.currency:
            source, target = self.wallets[0], self.wallets[1]
        amount = self._price(100_000, 9_000_000)
        result = convert(amount, source.currency, target.currency)
        sold, bought = (source.currency, money(amount)), (target.currency, money(result))
        detail = bodies.fx(sold=sold, bought=bought, deal=times.created, value=times.execution, status="transferred")
        self._put("fx", detail, times, (source, -amount), (target, result))

    def _peer(self, times: Times) -> None:
        """Between two own wallets of one currency where the company has two, else to another company."""
        wallet, amount = self.wallets[0], self._price()
        other = next((w for w in self.wallets[1:] if w.currency == wallet.currency), None)
        if other and self._dice.random() < 0.5:
            wallet, other = other, wallet
        name = self._company.name
        peer = Peer(
            side="sender", sender=name, receiver=name if other else names.TRADER, sender_account=wallet.id,
            receiver_account=other.id if other else None,
        )  # fmt: skip
        detail = bodies.wallet(
            currency=wallet.currency, amount=money(amount), times=times, peer=peer, status="transferred", text=None,
            contact=1,
        )  # fmt: skip
        moves = [(wallet, -amount), *([(other, amount)] if other else [])]
        self._put("peer", detail, times, *moves)


def _payable(amount: Decimal, wallet: _Wallet) -> Decimal:
    """The yen has no cents."""
    return amount.quantize(Decimal(1)) if wallet.currency == "JPY" else amount


def add_random_movements(
    company: Company, count: int, *, seed: int = 0, first: date | None = None, history: bool = False
) -> int:
    """Add at least `count` executed ledger rows (a pair is never cut), spread from `first` (default: 90 days ago) to
    yesterday; returns how many rows were added. They are news of this moment, unless `history` lets them look as if
    each had been there since its day."""
    dice = random.Random(seed)
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    added = 0
    with company.ledger() as ledger:
        start = first or (ledger.now - timedelta(days=90)).date()
        days = max(1, (ledger.now.date() - start).days)
        ids = {kind: ledger.next_id("amnis_detail", resource) - 1 for kind, resource in DETAIL_KINDS.items()}
        ids["row"] = ledger.next_row_id() - 1
        writer = _Writer(company, ids=ids, now=ledger.now, dice=dice, history=history)
        for kind in _drawn(dice, kinds, weights):
            writer.add(kind, start, days)
            if len(writer.rows) >= SLICE or added + len(writer.rows) >= count:
                added += len(writer.rows)
                ledger.add_rows(company.client_id, writer.rows)
                for of_kind, found in writer.details.items():
                    ledger.add_details(DETAIL_KINDS[of_kind], company.client_id, found)
                    found.clear()
                writer.rows.clear()
            if added >= count:
                return added
    raise AssertionError("the dice never end")


def _drawn(dice: random.Random, kinds: list[str], weights: list[int]) -> Iterator[str]:
    while True:
        yield from dice.choices(kinds, weights, k=1_000)
