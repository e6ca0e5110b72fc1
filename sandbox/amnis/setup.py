"""The companies that exist before anything moves: accounts, contacts, cards, expense master data. All invented."""

from dataclasses import dataclass, field, replace

from sandbox.amnis.ledger import Ledger, text_of
from sandbox.amnis.references import foreign_iban, swiss_iban
from sandbox.amnis.values import units_of
from sandbox.amnis.wire import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpec:
    id: int
    currency: str
    opening: str
    type: str = "normal"
    qr: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanySpec:
    """One API key: one company (A6)."""

    client_id: str
    name: str
    country: str
    base_currency: str
    number: int
    accounts: tuple[AccountSpec, ...]
    contacts: tuple[str, ...] = field(default=())


COMPANIES = (
    CompanySpec(
        client_id="ck_1",
        name="Muster Handels AG",
        country="CH",
        base_currency="CHF",
        number=1,
        accounts=(
            AccountSpec(id=1, currency="CHF", opening="640000.00", qr=True),
            AccountSpec(id=2, currency="EUR", opening="1450000.00"),
            AccountSpec(id=3, currency="USD", opening="210000.00"),
            AccountSpec(id=4, currency="GBP", opening="64000.00"),
            AccountSpec(id=5, currency="CHF", opening="0.00", type="collateral"),
            AccountSpec(id=6, currency="JPY", opening="9000000.00"),
            AccountSpec(id=7, currency="CZK", opening="850000.00"),
            AccountSpec(id=8, currency="CHF", opening="20000.00"),  # a second wallet of one currency, for own transfers
        ),
        contacts=(
            "Muster Handels AG",
            "Muster Immobilien AG",
            "Exempla Trading GmbH",
            "Probst Logistik AG",
            "Beispiel Werke GmbH",
            "Fabrikat Exempla s.r.o.",
        ),
    ),
    CompanySpec(
        client_id="ck_2",
        name="Muster Immobilien AG",
        country="CH",
        base_currency="CHF",
        number=2,
        accounts=(
            AccountSpec(id=21, currency="CHF", opening="180000.00", qr=True),
            AccountSpec(id=22, currency="EUR", opening="25000.00"),
        ),
        contacts=("Muster Immobilien AG", "Muster Handels AG"),
    ),
    CompanySpec(
        client_id="ck_3",
        name="Exempla Trading GmbH",
        country="DE",
        base_currency="EUR",
        number=3,
        accounts=(
            AccountSpec(id=31, currency="EUR", opening="160000.00"),
            AccountSpec(id=32, currency="CHF", opening="190000.00", qr=True),
            AccountSpec(id=33, currency="USD", opening="40000.00"),
        ),
        contacts=("Exempla Trading GmbH", "Muster Handels AG"),
    ),
)
MOST_COPIES = 1_000


def copy(number: int) -> CompanySpec:
    """Another company like the first, for worlds with many: its accounts are numbered number * 1000 + 1 and so on."""
    first = COMPANIES[0]
    name = f"Muster Filiale {number} AG"
    return replace(
        first,
        client_id=f"ck_{1000 + number}",
        name=name,
        number=1000 + number,
        accounts=tuple(replace(account, id=number * 1000 + account.id) for account in first.accounts),
        contacts=(name, *first.contacts[1:]),
    )


COPIES = tuple(copy(number) for number in range(1, MOST_COPIES + 1))  # in a world only where they were asked for
SPECS = {spec.client_id: spec for spec in (*COMPANIES, *COPIES)}
NAMES = {client_id: spec.name for client_id, spec in SPECS.items()}

# name, account in the books, identity in the customer's other system
CATEGORIES = (
    ("Reisekosten", "493", "travel"),
    ("Bewirtung", "420", "entertainment"),
    ("Software und Lizenzen", "485", "software"),
    ("Büromaterial", "429", "office"),
    ("Ohne Konto", None, None),
    ("Veraltetes Konto", "470", "archived over there"),
    ("Fremdes Konto", "9999", "never existed over there"),
)
COST_CENTERS = (("Zürich", "100"), ("Basel", "200"), ("Verwaltung", "300"))
VATS = (("Normalsatz", "8.1", "TAX001"), ("Reduzierter Satz", "2.6", "TAX002"), ("Befreit", "0", "NONE"))
_EXPENSE_TYPES = ["card_transaction", "fee_transaction", "payout_transaction", "payin_transaction"]


def set_up(ledger: Ledger, *, copies: int = 0) -> None:
    """Creates whatever company is missing; safe to repeat."""
    known = {client_id for (client_id,) in ledger.store.execute("SELECT client_id FROM amnis_company")}
    for spec in (*COMPANIES, *COPIES[:copies]):
        if spec.client_id not in known:
            _set_up_company(ledger, spec)


def _set_up_company(ledger: Ledger, spec: CompanySpec) -> None:
    ledger.store.execute("INSERT INTO amnis_company VALUES (?, ?)", (spec.client_id, text_of(_profile(spec))))
    for account in spec.accounts:
        ledger.store.execute(
            "INSERT INTO amnis_account (id, company, type, currency, opening, ibans) VALUES (?, ?, ?, ?, ?, ?)",
            (account.id, spec.client_id, account.type, account.currency, units_of(account.opening), _ibans(account)),
        )
    for name in spec.contacts:
        ledger.add_resource("contacts", spec.client_id, contact(name, own=name == spec.name))
    _set_up_expenses(ledger, spec.client_id)


def _profile(spec: CompanySpec) -> Body:
    return {
        "id": spec.number,
        "name": spec.name,
        "baseCurrency": spec.base_currency,
        "legalForm": "GmbH" if spec.name.endswith("GmbH") else "AG",
        "countryOfIncorporation": spec.country,
        "address": f"Musterstrasse {spec.number}",
        "city": "Musterstadt",
        "zip": "8999",
        "stateOrProvince": "Zürich",
        "activePackage": 1,
    }


def _ibans(account: AccountSpec) -> str:
    """Currencies other than CHF share one multi-currency IBAN per company; sterling has an account number only."""
    if account.currency == "GBP":
        value, kind, code = "31415926", "GBSC", "040404"
    elif account.currency == "CHF":
        value, kind, code = swiss_iban(account.id), "BC", "09999"
    else:
        value, kind, code = foreign_iban("LT", 1000 + account.id // 10), "BIC", "EXMPLT21"
    found = [{"type": "normal", "value": value, "routingType": kind, "routingCode": code}]
    if account.qr:
        found.append({**found[0], "type": "qr", "value": swiss_iban(account.id, qr=True)})
    return text_of({"ibans": found})


def contact(name: str, *, own: bool = False, country: str = "CH", person: bool = False) -> Body:
    return {
        "name": name,
        "type": "person" if person else "legal_entity",
        "country": country,
        "address": "Beispielweg 7",
        "city": "Musterstadt",
        "zip": "8999",
        "state": None,
        "language": "de",
        "selfContact": own,
        "expenseCategory": None,
        "expenseCostCenter": None,
        "expenseVat": None,
        "autoCompleteExpenseManagement": False,
    }


def _set_up_expenses(ledger: Ledger, client_id: str) -> None:
    allowed: Body = {"allowedTransactionTypes": _EXPENSE_TYPES, "allowedCardGroups": []}
    for name, code, external in CATEGORIES:
        body = {"name": name, "accountingAccountNumber": code, "externalId": external, **allowed}
        ledger.add_resource("expense_categories", client_id, body)
    for name, number in COST_CENTERS:
        ledger.add_resource("expense_cost_centers", client_id, {"name": name, "number": number, **allowed})
    owner = f"/api/business_partners/{client_id.removeprefix('ck_')}"
    for name, rate, external in VATS:
        body = {"businessPartner": owner, "value": rate, "name": name, "externalId": external}
        ledger.add_resource("expense_vats", client_id, {**body, "visible": True, "importTax": False})
