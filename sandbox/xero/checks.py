"""What several kinds of documents are judged by: bank account, rate, link, reference."""

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from ipaddress import ip_address
from urllib.parse import urlsplit

from sandbox.store import Json
from sandbox.xero import problems
from sandbox.xero.books import Books
from sandbox.xero.problems import Invalid
from sandbox.xero.wire import read_decimal

LONGEST_REFERENCE = 255
SIX_DECIMALS = Decimal("0.000001")
_PRIVATE_NAMES = {"localhost", "local", "test", "invalid", "internal", "lan"}
_HOST_NAME = re.compile(r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$")


def reference_messages(element: Json) -> list[str]:
    if len(str(element.get("Reference") or "")) <= LONGEST_REFERENCE:
        return []
    return [f"Reference must be {LONGEST_REFERENCE} characters or fewer."]


def bank_account(books: Books, wish: object, messages: list[str]) -> Json | None:
    """The active BANK account that is meant by AccountID or Code."""
    asked = wish if isinstance(wish, dict) else {}
    account = books.account(account_id=asked.get("AccountID"), code=asked.get("Code"))
    if account is None or account["Type"] != "BANK":
        messages.append(problems.ACCOUNT_INVALID)
        return None
    if account["Status"] != "ACTIVE":
        messages.append(problems.account_archived(account.get("Code", "")))
        return None
    return account


def rate_of(books: Books, asked: object, *, currency: str, day: date) -> tuple[Decimal, list[str]]:
    """The document's rate (foreign per base) and a warning where the asked one is implausible."""
    if currency == books.base_currency:
        return Decimal("1.0"), []
    if asked in (None, ""):
        return books.day_rate(currency, day), []
    rate = read_decimal(asked, path="CurrencyRate").quantize(SIX_DECIMALS, ROUND_HALF_UP)
    if rate <= 0:
        raise Invalid("The currency rate must be greater than zero")
    if books.rates.is_implausible(rate, base=books.base_currency, currency=currency, day=day):
        return rate, [f"The currency rate {rate} differs considerably from the market rate of the day"]
    return rate, []


def url_messages(url: object) -> list[str]:
    """What is wrong with a link to the source."""
    if not url:
        return []
    parts = urlsplit(str(url))
    host = parts.hostname or ""
    messages = [] if parts.scheme in ("http", "https") and host else ["Url must be an absolute http or https address"]
    if ":" in parts.netloc.rpartition("@")[2].removeprefix("[").rpartition("]")[2]:
        messages.append(problems.URL_PORT)
    if host and (_is_ip(host) or not _HOST_NAME.match(host) or host.rpartition(".")[2] in _PRIVATE_NAMES):
        messages.append(problems.URL_HOST)
    if "xero" in str(url).lower():
        messages.append("Url must not contain the word Xero")
    return messages


def _is_ip(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
