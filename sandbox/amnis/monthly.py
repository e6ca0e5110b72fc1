"""The regular life of the demo companies, month by month."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sandbox.amnis import names
from sandbox.amnis.company import Company
from sandbox.amnis.deeds import bought, charged, converted, paid, peer_payment, received
from sandbox.amnis.diary import Deed, Diary, month_end, workday
from sandbox.amnis.rates import convert
from sandbox.amnis.references import creditor_reference, qr_reference

Note = Callable[[date, Deed], None]


class Shop(NamedTuple):
    name: str
    country: str
    mcc: str
    currency: str
    category: str | None


def trading_company(diary: Diary, company: Company, landlord: Company, month: date) -> None:
    """One month of Muster Handels AG, with the mirror rows of its landlord."""

    def note(day: date, deed: Deed) -> None:
        diary.note(company, day, deed)

    text = f"Miete {month:%m/%Y} Lager und Büro"
    rent = peer_payment(payer=company, receiver=landlord, source=1, target=21, amount="6800.00", comment=text)
    note(workday(month), rent)
    for write in (_payroll, _customers, _export_customers, _payment_service, _suppliers, _importers, _bank):
        write(diary, note, month)
    _cards(diary, company, month)
    _conversions(diary, company, month)


def _payroll(diary: Diary, note: Note, month: date) -> None:
    for number, name in enumerate(names.EMPLOYEES):
        salary = f"{5200 + 430 * number}.{'05' if number % 2 else '40'}"
        note(workday(month.replace(day=24)), paid(amount=salary, to=name, reference=f"Lohn {month:%m/%Y}"))
    insurance = diary.amount(480_000, 540_000)
    text = f"AHV/ALV {month:%m/%Y}"
    note(workday(month.replace(day=10)), paid(amount=insurance, to="Ausgleichskasse Beispielkanton", reference=text))
    if month.month in {2, 5, 8, 11}:
        tax = diary.amount(900_000, 2_100_000)
        deed = paid(amount=tax, to="Steuerverwaltung Musterkanton", reference="MWST Quartal")
        note(workday(month.replace(day=26)), deed)


def _customers(diary: Diary, note: Note, month: date) -> None:
    """Francs: most pay by QR bill, some write the invoice number."""
    for customer in names.CUSTOMERS_CHF:
        number, amount = diary.dice.randint(10_000, 99_999), diary.amount(45_000, 1_480_000)
        instant = diary.dice.random() < 0.1
        if diary.dice.random() < 0.6:
            qr = qr_reference(2_100_000_000 + number)
            deed = received(amount=amount, payer=customer, qr_reference=qr, instant=instant)
        else:
            deed = received(amount=amount, payer=customer, reference=f"Rechnung {number}", instant=instant)
        note(_some_day(diary, month), deed)


def _export_customers(diary: Diary, note: Note, month: date) -> None:
    for customer in names.CUSTOMERS_EUR[: 2 + month.month % 3]:
        number, amount = diary.dice.randint(1000, 9999), diary.amount(90_000, 2_600_000)
        text = creditor_reference(f"RE{number}") if number % 2 else f"Invoice {number} / thank you"
        note(_some_day(diary, month), received(amount=amount, payer=customer, account=2, reference=text))
    for customer in names.CUSTOMERS_USD[: 1 + month.month % 2]:
        amount, text = diary.amount(150_000, 1_900_000), f"INV {diary.dice.randint(100, 999)}"
        note(_some_day(diary, month), received(amount=amount, payer=customer, account=3, reference=text))
    if month.month % 2:
        amount = diary.amount(80_000, 420_000)
        deed = received(amount=amount, payer="Specimen & Sons Ltd", account=4, reference="Shop order")
        note(_some_day(diary, month), deed)


def _payment_service(diary: Diary, note: Note, month: date) -> None:
    """The web shop's weekly payouts, in francs each week and in euros every other."""
    for week in range(4):
        day = workday(month + timedelta(days=2 + 7 * week))
        for account in (1, 2) if week % 2 else (1,):
            text, amount = f"PAYRAIL PO-{month:%y%m}{week}{account} web shop", diary.amount(90_000, 610_000)
            note(day, received(amount=amount, payer=names.PAYMENT_SERVICE, account=account, reference=text))


def _suppliers(diary: Diary, note: Note, month: date) -> None:
    for name, (lowest, highest) in names.SUPPLIERS_CHF:
        text, amount = f"Rechnung {diary.dice.randint(1000, 9999)}", diary.amount(lowest, highest)
        note(_some_day(diary, month), paid(amount=amount, to=name, reference=text))


def _importers(diary: Diary, note: Note, month: date) -> None:
    text, amount = f"RE {diary.dice.randint(1000, 9999)} Ware", diary.amount(600_000, 2_400_000)
    note(
        _some_day(diary, month), paid(amount=amount, to="Beispiel Werke GmbH", account=2, country="DE", reference=text)
    )
    swift: dict[str, Any] = {"account": 3, "country": "US", "fee_schedule": "SHAR", "reference": "Proforma 7 fabrics"}
    swift["status"] = "transferred" if month.month % 2 else "executed"
    amount = diary.amount(400_000, 1_500_000)
    note(_some_day(diary, month), paid(amount=amount, to="Pacific Sample Mills Co.", **swift))
    if month.month % 3 == 0:
        yen: dict[str, Any] = {"account": 6, "country": "JP", "fee_schedule": "DEBT", "reference": "Order buttons"}
        yen["amount"] = f"{diary.dice.randint(80_000, 190_000)}.00"
        note(_some_day(diary, month), paid(to="Mihon Kogyo KK", **yen))
    if month.month % 2 == 0:
        koruna: dict[str, Any] = {
            "account": 7,
            "country": "CZ",
            "reference": "Faktura",
            "amount": diary.amount(1_500_000, 5_500_000),
        }
        note(_some_day(diary, month), paid(to="Fabrikat Exempla s.r.o.", **koruna))


def _bank(diary: Diary, note: Note, month: date) -> None:
    note(month_end(month), charged(amount="9.00", comment=f"Account fee {month:%m/%Y}"))
    note(month_end(month), charged(amount="10.00", comment=f"SWIFT payments {month:%m/%Y}: 1 x 10.00"))
    for account, (lowest, highest) in ((2, (4_000, 9_000)), (3, (900, 3_000))):
        amount = diary.amount(lowest, highest)
        deed = received(amount=amount, payer=names.AMNIS, account=account, reference="Balance cashback")
        note(month + timedelta(days=6), deed)


def _cards(diary: Diary, company: Company, month: date) -> None:
    for number, (merchant, country, mcc, currency, fixed, category) in enumerate(names.SUBSCRIPTIONS):
        day = month + timedelta(days=3 + number)
        _buy(diary, company, day, Shop(merchant, country, mcc, currency, category), fixed)
    for merchant, country, mcc, currency, (lowest, highest), category in diary.dice.sample(names.SHOPS, 6):
        price, day = diary.amount(lowest, highest), _some_day(diary, month)
        _buy(diary, company, day, Shop(merchant, country, mcc, currency, category), price)


def _buy(diary: Diary, company: Company, day: date, shop: Shop, price: str) -> None:
    """Euro purchases hit the euro wallet, everything else the franc wallet at the card scheme's rate."""
    account = 2 if shop.currency == "EUR" else 1
    amount = price if account == 2 else str(convert(Decimal(price), shop.currency, "CHF"))
    settled = min(day + timedelta(days=diary.dice.randint(1, 3)), diary.today)
    taxed = shop.country == "CH" and shop.category
    deed = bought(
        amount,
        shop.name,
        account=account,
        country=shop.country,
        mcc=shop.mcc,
        original=(shop.currency, price),
        card=1 + len(shop.name) % 2,
        settled_on=settled,
        category=shop.category,
        cost_center=_cost_center(shop),
        vats=[("2.6" if shop.mcc == "5812" else "8.1", amount)] if taxed else [],
    )
    diary.note(company, day, deed, settles_in=(settled - day).days)


def _cost_center(shop: Shop) -> str | None:
    if shop.category is None:
        return None
    return "Zürich" if shop.category == "Bewirtung" else "Verwaltung"


def _conversions(diary: Diary, company: Company, month: date) -> None:
    _convert(diary, company, _some_day(diary, month), (2, "EUR"), (1, "CHF"), diary.amount(1_500_000, 6_000_000))
    target = ((3, "USD"), (6, "JPY"), (7, "CZK"))[month.month % 3]
    _convert(diary, company, _some_day(diary, month), (1, "CHF"), target, diary.amount(400_000, 1_800_000))


def _convert(
    diary: Diary, company: Company, day: date, source: tuple[int, str], target: tuple[int, str], amount: str
) -> None:
    """A spot deal at a rate of its own; left out where its value date has not come yet."""
    wobble = Decimal(diary.dice.randint(9_900, 10_080)) / 10_000
    result = (convert(Decimal(amount), source[1], target[1]) * wobble).quantize(Decimal("0.01"))
    value = workday(day + timedelta(days=2))
    if value <= diary.today:
        if target[1] == "JPY":
            result = result.quantize(Decimal(1)).quantize(Decimal("0.01"))  # no sen is ever paid
        deed = converted((source[0], amount), (target[0], str(result)), value_on=value)
        diary.note(company, day, deed, settles_in=(value - day).days)


def property_company(diary: Diary, company: Company, month: date) -> None:
    """One month of the landlord: rents with QR references, a caretaker, a fee."""
    for number, name in enumerate(("Café Zwölf Exempla GmbH", "Lea Musterfrau", "Atelier Probe")):
        qr = qr_reference(9_000_000 + month.month * 10 + number)
        deed = received(amount=f"{1450 + 310 * number}.00", payer=name, account=21, qr_reference=qr)
        diary.note(company, workday(month + timedelta(days=number)), deed)
    text = f"Hauswartung {month:%m/%Y}"
    deed = paid(amount="2150.00", to="Hauswart Muster", account=21, reference=text)
    diary.note(company, workday(month.replace(day=20)), deed)
    _fee_and_card(diary, company, month, account=21)


def partner_company(diary: Diary, company: Company, month: date) -> None:
    """One month of the trading partner."""
    for name in names.CUSTOMERS_EUR[:2]:
        text, amount = f"Invoice {diary.dice.randint(100, 999)}", diary.amount(90_000, 900_000)
        deed = received(amount=amount, payer=name, account=32, reference=text)
        diary.note(company, _some_day(diary, month), deed)
    transport = paid(amount=diary.amount(90_000, 700_000), to="Probst Logistik AG", account=31, reference="Transport")
    diary.note(company, _some_day(diary, month), transport)
    _convert(diary, company, _some_day(diary, month), (31, "EUR"), (32, "CHF"), diary.amount(200_000, 400_000))
    _fee_and_card(diary, company, month, account=31)


def _fee_and_card(diary: Diary, company: Company, month: date, *, account: int) -> None:
    fee = charged(amount="9.00", comment=f"Account fee {month:%m/%Y}", account=account)
    diary.note(company, month_end(month), fee)
    price = diary.amount(1_500, 9_000)
    diary.note(company, _some_day(diary, month), bought(price, "PAPETERIE PROBE", mcc="5943", account=account))


def _some_day(diary: Diary, month: date) -> date:
    return workday(month + timedelta(days=diary.dice.randint(0, month_end(month).day - 3)))
