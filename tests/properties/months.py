"""Any month of movements: how hypothesis draws one, how it happens at Amnis, and what then has to stand in the books.

What is expected comes from the movement itself by the table of the accounting design, never from what the program did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from sync.models import Entry
from sync.proposals import proposal_apply
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import CUTOFF, ORGANISATION, World

ROUNDS = 3
FIRST, LAST = date(2025, 12, 28), date(2026, 2, 3)  # a month, and some days before the cut-off
WALLETS = {"CHF": 1, "EUR": 2, "USD": 3, "JPY": 6, "Reserve": 8}
PER_FRANC = {"CHF": Decimal(1), "EUR": Decimal("1.0553"), "USD": Decimal("1.1458"), "JPY": Decimal("171.85")}
DEALS = [("CHF", "EUR"), ("EUR", "CHF"), ("CHF", "USD"), ("EUR", "USD"), ("USD", "EUR"), ("CHF", "JPY"), ("JPY", "CHF")]
PARTIES = ("Zeltbau Amsel", "Kerzen Birnbaum", "Optik Drossel", "Velo Eichhorn", "Papeterie Fuchs", "Imkerei Grünspan")
CUSTOMER = "Windrad Xanthippe AG"
# Each payment that comes back has a name of its own, so that no other payment can be meant.
RETURNED = ("Holzwurm", "Ikarus", "Jasmin", "Kolibri", "Lavendel", "Mispel", "Nussbaum", "Orchidee", "Pirol", "Quitte")

Legs = Counter[tuple[str, date, Decimal]]  # how many documents move this bank account on this day by this amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One thing that happens. `fate`: what becomes of it in the next round where it is pending at first."""

    kind: str
    day: date
    cents: int
    round: int
    wallet: str
    party: int
    twin: bool
    fate: str
    deal: tuple[str, str]
    spread: int  # hundredths of a per cent between the deal and the table of rates

    @property
    def amount(self) -> Decimal:
        """Yen have no cents."""
        whole = self.wallet == "JPY"
        return Decimal(self.cents) if whole else Decimal(self.cents).scaleb(-2)

    @property
    def name(self) -> str:
        return PARTIES[self.party]


@dataclass(slots=True, kw_only=True)
class Month:
    """The world with what is expected of its books, and what is still to happen."""

    world: World
    legs: Legs = field(default_factory=Counter)
    later: list[Callable[[], None]] = field(default_factory=list)
    edits: dict[str, Decimal] = field(default_factory=dict)  # by wallet: what Amnis says now less what was posted
    edited: tuple[int, str, date, Decimal] | None = None  # as it was posted
    posted: list[tuple[int, str, date, Decimal]] = field(
        default_factory=list
    )  # plain pay-ins by row, to edit afterwards
    returned: int = 0
    refunded: int = 0
    bills: int = 0
    due: dict[str, Decimal] = field(default_factory=dict)  # by invoice number: what must be left of it
    suspends: bool = False  # card payments that nobody has completed wait on the suspense account
    suspended: Legs = field(default_factory=Counter)

    def expect(self, wallet: str, day: date, amount: Decimal) -> None:
        if day >= CUTOFF:
            self.legs[wallet, day, amount] += 1

    def expect_card(self, wallet: str, day: date, amount: Decimal, *, complete: bool = False) -> None:
        self.expect(wallet, day, amount)
        if self.suspends and not complete and day >= CUTOFF:
            self.suspended[wallet, day, amount] += 1

    def balances(self) -> dict[str, Decimal]:
        found = dict.fromkeys(WALLETS, Decimal(0))
        for (wallet, _, amount), number in self.legs.items():
            found[wallet] += amount * number
        return found


def movements(*, kinds: tuple[str, ...] = (), most: int = 14) -> st.SearchStrategy[list[Movement]]:
    one = st.builds(
        Movement,
        kind=st.sampled_from(kinds or tuple(_HAPPENS)),
        day=st.dates(FIRST, LAST),
        cents=st.integers(1, 900_000),
        round=st.integers(0, ROUNDS - 1),
        wallet=st.sampled_from(tuple(WALLETS)),
        party=st.integers(0, len(PARTIES) - 1),
        twin=st.booleans(),
        fate=st.sampled_from(("executes", "ends", "stays")),
        deal=st.sampled_from(DEALS),
        spread=st.integers(-90, 90),
    )
    return st.lists(one, min_size=1, max_size=most)


def happen(month: Month, movement: Movement) -> None:
    """The movement at Amnis, once or twice over, and what it has to leave in the books."""
    for _ in range(2 if movement.twin else 1):
        _HAPPENS[movement.kind](month, movement)


def go_on(month: Month) -> None:
    """What was pending comes to its end."""
    deeds, month.later = month.later, []
    for deed in deeds:
        deed()


def edit_posted(month: Month, number: int) -> None:
    """Amnis adds one unit to a pay-in that stands in the books already: they stay as they are."""
    if not month.posted:
        return
    row, wallet, day, amount = month.posted.pop(number % len(month.posted))
    month.world.amnis.change(row, amount=str(amount + 1))
    month.edits[wallet] = month.edits.get(wallet, Decimal(0)) + 1
    month.edited = (row, wallet, day, amount)


def follow(month: Month) -> None:
    """A person lets the document follow what was edited: the books hold the new amount, and nothing is left to tell."""
    assert month.edited is not None
    row, wallet, day, amount = month.edited
    with tenant_scope(month.world.tenant.pk):
        entry = Entry.objects.get(record__source_id=str(row))
    asked = proposal_apply(tenant_id=month.world.tenant.pk, entry_id=entry.pk, actor="alice")
    assert asked is not None
    month.legs = month.legs - Counter([(wallet, day, amount)]) + Counter([(wallet, day, amount + 1)])
    month.edits.clear()


def days_dropped(legs: Legs) -> Counter[tuple[str, Decimal]]:
    found: Counter[tuple[str, Decimal]] = Counter()
    for (wallet, _, amount), number in legs.items():
        found[wallet, amount] += number
    return found


def bill(month: Month, drawn: list[Movement]) -> None:
    """The invoices of the month stand in Xero before anybody pays: one for each payment, twice its amount where only a
    part is paid, two where one payment is for both."""
    for it in sorted(drawn, key=lambda it: it.round):  # numbered as they will be paid
        for _ in range(2 if it.twin else 1):
            for amount in _BILLED.get(it.kind, _nothing)(_paid(it)):
                month.bills += 1
                _type_invoice(month, f"RE-2026-{8000 + month.bills}", amount)
    month.bills = 0


def _type_invoice(month: Month, number: str, amount: Decimal) -> None:
    month.due[number] = amount
    month.world.sandbox.xero.people(ORGANISATION).type_invoice(
        Type="ACCREC",
        InvoiceNumber=number,
        Contact={"Name": CUSTOMER},
        Date="2025-12-20",
        DueDate="2026-01-31",
        LineAmountTypes="NoTax",
        LineItems=[{"Description": number, "Quantity": 1, "UnitAmount": amount, "AccountCode": "200"}],
    )


# ------------------------------------------------------------------- the kinds


def _common(it: Movement) -> dict[str, Any]:
    return {"amount": str(it.amount), "account": WALLETS[it.wallet], "executed_on": it.day}


def _pay_in(month: Month, it: Movement) -> None:
    row = month.world.amnis.pay_in(payer=it.name, **_common(it))
    month.expect(it.wallet, it.day, it.amount)
    if it.day >= CUTOFF:
        month.posted.append((row, it.wallet, it.day, it.amount))


def _nameless(month: Month, it: Movement) -> None:
    month.world.amnis.pay_in(payer=None, **_common(it))


def _payout(month: Month, it: Movement) -> None:
    month.world.amnis.payout(to=it.name, **_common(it))
    month.expect(it.wallet, it.day, -it.amount)


def _planned(month: Month, it: Movement) -> None:
    row = month.world.amnis.payout(to=it.name, status="created", **_common(it))
    if it.fate == "executes":
        month.later.append(lambda: _execute(month, row, it))
    elif it.fate == "ends":
        month.later.append(lambda: month.world.amnis.cancel(row))


def _execute(month: Month, row: int, it: Movement) -> None:
    month.world.amnis.execute(row)
    month.expect(it.wallet, it.day, -it.amount)


def _comes_back(month: Month, it: Movement) -> None:
    """A payout and its return some days later; both after the cut-off, so that the one explains the other."""
    if month.returned == len(RETURNED):
        return
    name, day = RETURNED[month.returned], max(it.day, CUTOFF)
    month.returned += 1
    month.world.amnis.payout(to=name, **{**_common(it), "executed_on": day})
    month.expect(it.wallet, day, -it.amount)
    back = day + timedelta(days=4)
    month.world.amnis.pay_in(payer=name, returned=True, **{**_common(it), "executed_on": back})
    month.expect(it.wallet, back, it.amount)


def _card(month: Month, it: Movement) -> None:
    row = month.world.amnis.card(merchant=it.name, **_common(it))
    month.expect_card(it.wallet, it.day, -it.amount, complete=_is_completed(month, it, row))


def _refunded(month: Month, it: Movement) -> None:
    """The refund is coded as its purchase, also where that one is told what it was for afterwards."""
    if month.refunded == len(RETURNED):
        return
    name, day = f"Kiosk {RETURNED[month.refunded]}", max(it.day, CUTOFF)
    month.refunded += 1
    back = day + timedelta(days=3)
    row = month.world.amnis.card(merchant=name, **{**_common(it), "executed_on": day})
    month.world.amnis.card(merchant=name, refund=True, **{**_common(it), "executed_on": back})
    complete = _is_completed(month, it, row)
    month.expect_card(it.wallet, day, -it.amount, complete=complete)
    month.expect_card(it.wallet, back, it.amount, complete=complete)


def _is_completed(month: Month, it: Movement, row: int) -> bool:
    """Somebody at Amnis says, a round later, what an incomplete payment was for."""
    if not month.suspends or it.fate != "executes":
        return False
    category = {"id": 7, "name": "Reisekosten", "accountingAccountNumber": "493", "externalId": None}
    said = {"expenseCategory": category, "expenseCompletedAt": "2026-03-05T10:00:00+00:00"}
    month.later.append(lambda: month.world.amnis.change(row, **said))
    return True


def _reserved(month: Month, it: Movement) -> None:
    """A card purchase that settles later for one unit more, expires, or stays open."""
    never = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    row = month.world.amnis.card(merchant=it.name, settles_at=never, **_common(it))
    if it.fate == "executes":
        month.later.append(lambda: _settle(month, row, it))
    elif it.fate == "ends":
        month.later.append(lambda: month.world.amnis.expire(row))


def _settle(month: Month, row: int, it: Movement) -> None:
    """A card is booked on the day it settles: today, by the sandbox's clock."""
    final = it.amount + 1
    settled = month.world.amnis.execute(row, amount=str(final))
    detail = month.world.amnis.detail(settled) or {}
    at = datetime.fromisoformat(str(detail["settlementDate"]))
    month.expect_card(it.wallet, at.astimezone(ZoneInfo("Europe/Zurich")).date(), -final)


def _fee(month: Month, it: Movement) -> None:
    month.world.amnis.fee(**_common(it))
    month.expect(it.wallet, it.day, -it.amount)


def _fee_back(month: Month, it: Movement) -> None:
    month.world.amnis.fee(refund=True, **_common(it))
    month.expect(it.wallet, it.day, it.amount)


def _to_company(month: Month, it: Movement) -> None:
    month.world.amnis.peer_out(to=it.name, **_common(it))
    month.expect(it.wallet, it.day, -it.amount)


def _from_company(month: Month, it: Movement) -> None:
    month.world.amnis.peer_in(sender=it.name, **_common(it))
    month.expect(it.wallet, it.day, it.amount)


def _own_transfer(month: Month, it: Movement) -> None:
    source, target = ("CHF", "Reserve") if it.fate == "executes" else ("Reserve", "CHF")
    it = replace(it, wallet=source)
    month.world.amnis.own_transfer(
        amount=str(it.amount), source=WALLETS[source], target=WALLETS[target], executed_on=it.day
    )
    month.expect(source, it.day, -it.amount)
    month.expect(target, it.day, it.amount)


def _conversion(month: Month, it: Movement) -> None:
    _deal(month, it)


def _late_conversion(month: Month, it: Movement) -> None:
    """The bought row is shown an hour later than the sold one."""
    _deal(month, it, second_leg_at=month.world.sandbox.clock.now() + timedelta(hours=1))


def _deal(month: Month, it: Movement, **details: Any) -> None:
    sold, bought = it.deal
    paid = max(replace(it, wallet=sold).amount, Decimal(10)) * (1000 if sold == "JPY" else 1)
    exact = paid / PER_FRANC[sold] * PER_FRANC[bought] * (1 + Decimal(it.spread) / 10_000)
    received = exact.quantize(Decimal(1) if bought == "JPY" else Decimal("0.01"), ROUND_HALF_UP)
    month.world.amnis.fx(
        sold=(WALLETS[sold], str(paid)), bought=(WALLETS[bought], str(received)), value_on=it.day, **details
    )
    month.expect(sold, it.day, -paid)
    month.expect(bought, it.day, received)


def _pending_conversion(month: Month, it: Movement) -> None:
    sold, bought = it.deal
    month.world.amnis.fx(
        sold=(WALLETS[sold], "1000"), bought=(WALLETS[bought], "1000"), value_on=it.day, executed=False
    )


def _nothing(paid: Decimal) -> list[Decimal]:
    return []


def _paid(it: Movement) -> Decimal:
    """In francs, and more than the rest that would be taken for a discount or a charge."""
    return replace(it, wallet="CHF", cents=max(it.cents, 300)).amount


def _halves(paid: Decimal) -> list[Decimal]:
    first = (paid / 2).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return [first, paid - first]


_BILLED: dict[str, Callable[[Decimal], list[Decimal]]] = {
    "invoice paid": lambda paid: [paid],
    "invoice paid in part": lambda paid: [paid * 2],
    "two invoices paid at once": _halves,
}


def _pays_invoices(month: Month, it: Movement) -> None:
    paid, numbers = _paid(it), []
    for _ in _BILLED[it.kind](paid):
        month.bills += 1
        numbers.append(f"RE-2026-{8000 + month.bills}")
    text = "Rechnung " + " und ".join(numbers)
    month.world.amnis.pay_in(amount=str(paid), account=1, payer=CUSTOMER, reference=text, executed_on=it.day)
    month.expect("CHF", it.day, paid)
    if it.day >= CUTOFF:
        for number in numbers:
            month.due[number] = month.due[number] - paid if it.kind == "invoice paid in part" else Decimal(0)


def _nothing_moved(month: Month, it: Movement) -> None:
    month.world.amnis.pay_in(payer=it.name, **{**_common(it), "amount": "0.00"})


_HAPPENS: dict[str, Callable[[Month, Movement], None]] = {
    "pay-in": _pay_in,
    "pay-in without a name": _nameless,
    "payout": _payout,
    "planned payout": _planned,
    "payout that comes back": _comes_back,
    "card": _card,
    "refunded card": _refunded,
    "reserved card": _reserved,
    "fee": _fee,
    "fee given back": _fee_back,
    "to another company": _to_company,
    "from another company": _from_company,
    "own transfer": _own_transfer,
    "conversion": _conversion,
    "conversion with a late half": _late_conversion,
    "pending conversion": _pending_conversion,
    "zero amount": _nothing_moved,
    "invoice paid": _pays_invoices,
    "invoice paid in part": _pays_invoices,
    "two invoices paid at once": _pays_invoices,
}
