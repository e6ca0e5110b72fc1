"""Line items: amounts, tax per line, accounts, tracking; and the totals of a document."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.store import Json
from sandbox.xero import problems
from sandbox.xero.books import TRACKING, Books
from sandbox.xero.problems import Invalid, PostDataInvalid
from sandbox.xero.wire import cents, new_id, read_decimal

LINE_AMOUNT_TYPES = ("Exclusive", "Inclusive", "NoTax")
_UNUSABLE = {
    "DEBTORS",
    "CREDITORS",
    "GST",
    "GSTONIMPORTS",
    "HISTORICAL",
    "RETAINEDEARNINGS",
    "TRACKINGTRANSFERS",
    "UNPAIDEXPCLM",
    "WAGEPAYABLES",
    "BANKCURRENCYGAIN",
    "REALISEDCURRENCYGAIN",
    "UNREALISEDCURRENCYGAIN",
}
_CLASS_FLAGS = {
    "ASSET": "CanApplyToAssets",
    "EQUITY": "CanApplyToEquity",
    "EXPENSE": "CanApplyToExpenses",
    "LIABILITY": "CanApplyToLiabilities",
    "REVENUE": "CanApplyToRevenue",
}
_FINE = Decimal("0.0001")
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRules:
    """How the lines of one document are to be read."""

    amounts: str
    four_decimals: bool = False
    zero_allowed: bool = False
    tax_override: bool = False
    reject_unknown_tracking: bool = False


def read_lines(books: Books, lines: object, rules: LineRules) -> list[Json]:
    """The lines as they will stand in the books; raises Invalid with all messages of all lines."""
    if not isinstance(lines, list) or not lines:
        raise Invalid("One or more line items must be specified")
    found: list[Json] = []
    messages: list[str] = []
    for position, line in enumerate(lines):
        if not isinstance(line, dict):
            raise PostDataInvalid(
                f"Error converting value \"{line}\" to type 'LineItem'. Path 'LineItems[{position}]'."
            )
        try:
            found.append(_read_line(books, line, rules))
        except Invalid as error:
            messages += error.messages
    if messages:
        raise Invalid(*dict.fromkeys(messages))
    return found


def _read_line(books: Books, line: Json, rules: LineRules) -> Json:
    messages: list[str] = []
    quantity, unit, amount = _amounts(line, rules, messages)
    account = _account(books, line, messages)
    tax_type = _tax_type(books, line, account, rules, messages)
    tracking = _tracking(books, line, rules, messages)
    if not line.get("Description"):
        messages.append("Description needs to be at least 1 character long.")
    if messages:
        raise Invalid(*messages)
    tax = _tax(books, line, amount, tax_type, rules)
    return {
        "Description": str(line["Description"]),
        "UnitAmount": unit,
        "TaxType": tax_type,
        "TaxAmount": tax,
        "LineAmount": amount,
        "AccountCode": account.get("Code", "") if account else "",
        "Tracking": tracking,
        "Quantity": quantity,
        "LineItemID": str(line.get("LineItemID") or new_id()),
        "AccountID": account["AccountID"] if account else "",
        "ValidationErrors": [],
    }


def _amounts(line: Json, rules: LineRules, messages: list[str]) -> tuple[Decimal, Decimal, Decimal]:
    quantity = read_decimal(line.get("Quantity", 1), path="LineItems.Quantity")
    if quantity <= 0:
        messages.append("Quantity must be greater than zero")
        quantity = Decimal(1)
    given = (
        read_decimal(line["LineAmount"], path="LineItems.LineAmount") if line.get("LineAmount") is not None else None
    )
    if line.get("UnitAmount") is None:
        amount = cents(given or Decimal(0))
        unit = _unit(amount / quantity, rules)
    else:
        unit = _unit(read_decimal(line["UnitAmount"], path="LineItems.UnitAmount"), rules)
        amount = cents(quantity * unit)
    if given is not None and cents(given) != amount:
        messages.append(f"The line total {cents(given)} does not match the expected line total {amount}")
    if not amount and not rules.zero_allowed:
        messages.append("The line amount must not be zero")
    return quantity, unit, amount


def _unit(unit: Decimal, rules: LineRules) -> Decimal:
    return unit.quantize(_FINE, ROUND_HALF_UP) if rules.four_decimals else cents(unit)


def _account(books: Books, line: Json, messages: list[str]) -> Json | None:
    code = str(line.get("AccountCode") or "")
    account = books.account(account_id=line.get("AccountID"), code=code)
    if account is None:
        messages.append(problems.account_code_invalid(code) if code else problems.ACCOUNT_INVALID)
    elif account["Status"] != "ACTIVE":
        messages.append(problems.account_archived(account.get("Code", "")))
    elif account["Type"] == "BANK" or account.get("SystemAccount") in _UNUSABLE:
        messages.append(problems.account_code_invalid(account.get("Code", "")))
    return account


def _tax_type(books: Books, line: Json, account: Json | None, rules: LineRules, messages: list[str]) -> str:
    if account is None:
        return "NONE"
    if rules.amounts == "NoTax":
        return "NONE"
    tax_type = str(line.get("TaxType") or account.get("TaxType") or "NONE")
    rate = books.tax_rate(tax_type)
    if rate is None or rate["Status"] != "ACTIVE":
        messages.append(problems.TAX_INVALID)
    elif not rate.get(_CLASS_FLAGS.get(account.get("Class", ""), ""), True):
        messages.append(f"The TaxType code '{tax_type}' cannot be used with account code '{account.get('Code', '')}'.")
    return tax_type


def _tax(books: Books, line: Json, amount: Decimal, tax_type: str, rules: LineRules) -> Decimal:
    """Tax of one line, rounded by itself; a client's own figure must agree."""
    rate = books.tax_rate(tax_type)
    percent = rate["EffectiveRate"] if rate and rules.amounts != "NoTax" else Decimal(0)
    tax = tax_of(amount, Decimal(percent), rules.amounts)
    if line.get("TaxAmount") is None:
        return tax
    given = read_decimal(line["TaxAmount"], path="LineItems.TaxAmount")
    if given == tax or rules.tax_override:
        return given
    raise Invalid(f"Tax amount {given:.2f} is incorrect for {tax_type} tax type, should be {tax:.2f}")


def tax_of(amount: Decimal, percent: Decimal, amounts: str) -> Decimal:
    """Inclusive: what is inside the amount; exclusive: what comes on top; halves away from zero."""
    if amounts == "NoTax":
        return Decimal("0.00")
    if amounts == "Inclusive":
        return amount - cents(amount / (1 + percent / _HUNDRED))
    return cents(amount * percent / _HUNDRED)


def _tracking(books: Books, line: Json, rules: LineRules, messages: list[str]) -> list[Json]:
    asked = line.get("Tracking") or []
    if len(asked) > 2:
        messages.append("A line item can have a maximum of 2 tracking categories")
        return []
    return read_tracking(books, asked, messages, reject_unknown=rules.reject_unknown_tracking)


def read_tracking(books: Books, asked: list[Json], messages: list[str], *, reject_unknown: bool) -> list[Json]:
    """The options that exist and are active; others vanish silently or are refused, which nobody has documented."""
    found = [_option(books, wish) for wish in asked]
    if reject_unknown and None in found:
        messages.append("The tracking category or option could not be found")
    return [option for option in found if option]


def _option(books: Books, wish: Json) -> Json | None:
    for category in books.small_list(TRACKING).values():
        named = {category["TrackingCategoryID"], category["Name"]}
        if category["Status"] != "ACTIVE" or not {wish.get("TrackingCategoryID"), wish.get("Name")} & named:
            continue
        for option in category["Options"]:
            if option["Status"] == "ACTIVE" and _is_wished(option, wish):
                return _reference(category, option)
    return None


def _is_wished(option: Json, wish: Json) -> bool:
    if wish.get("TrackingOptionID"):
        return bool(option["TrackingOptionID"] == wish["TrackingOptionID"])
    return bool(option["Name"] == wish.get("Option"))


def _reference(category: Json, option: Json) -> Json:
    return {
        "Name": category["Name"],
        "Option": option["Name"],
        "TrackingCategoryID": category["TrackingCategoryID"],
        "TrackingOptionID": option["TrackingOptionID"],
    }


def read_line_amount_types(value: object, *, default: str) -> str:
    """The asked kind of amounts; the default differs between documents."""
    if value is None:
        return default
    if value not in LINE_AMOUNT_TYPES:
        raise PostDataInvalid(
            f"Error converting value \"{value}\" to type 'Xero.API.Library..LineAmountType'. Path 'LineAmountTypes'."
        )
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    sub_total: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        return self.sub_total + self.tax

    def as_fields(self) -> dict[str, Any]:
        return {"SubTotal": self.sub_total, "TotalTax": self.tax, "Total": self.total}


def totals_of(lines: list[Json], amounts: str) -> Totals:
    """Sums of the rounded lines."""
    tax = sum((line["TaxAmount"] for line in lines), Decimal("0.00"))
    amount = sum((line["LineAmount"] for line in lines), Decimal("0.00"))
    return Totals(sub_total=amount - tax if amounts == "Inclusive" else amount, tax=tax)


def check_totals(element: Json, totals: Totals, messages: list[str]) -> None:
    """Totals that a client sends must be Xero's own."""
    for name, expected, message in (
        ("SubTotal", totals.sub_total, problems.WRONG_SUBTOTAL),
        ("Total", totals.total, problems.WRONG_TOTAL),
    ):
        if element.get(name) is not None and read_decimal(element[name], path=name) != expected:
            messages.append(message)


def net_of(line: Json, amounts: str) -> Decimal:
    amount: Decimal = line["LineAmount"]
    return amount - line["TaxAmount"] if amounts == "Inclusive" else amount
