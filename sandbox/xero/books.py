"""One organisation's books: its small lists in memory, its documents and journal in the store."""

import unicodedata
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.clock import Clock
from sandbox.store import Json, Row, Store
from sandbox.xero import events
from sandbox.xero.rates import DayRates
from sandbox.xero.wire import ms_time, read_date

ORGANISATION = "xero.organisation"
ACCOUNT = "xero.account"
TAX_RATE = "xero.taxrate"
TRACKING = "xero.tracking"
CURRENCY = "xero.currency"
CONTACT = "xero.contact"
BANK_TRANSACTION = "xero.banktransaction"
BANK_TRANSFER = "xero.banktransfer"
INVOICE = "xero.invoice"
PAYMENT = "xero.payment"
BATCH_PAYMENT = "xero.batchpayment"
HISTORY = "xero.history"

# What the Timezone field of an organisation means; https://developer.xero.com/documentation/api/accounting/types
ZONES = {
    "CENTRALEUROPESTANDARDTIME": "Europe/Budapest",
    "WEUROPESTANDARDTIME": "Europe/Zurich",
    "GMTSTANDARDTIME": "Europe/London",
    "UTC": "UTC",
}


def fold(name: str) -> str:
    """Names are equal regardless of case, accents and surplus blanks."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


@dataclass(slots=True)
class Books:
    """Records of one organisation. The small lists are kept in memory; `save` is the only way to change them."""

    store: Store
    clock: Clock
    rates: DayRates
    org: str
    _lists: dict[str, dict[str, Json]] = field(default_factory=dict)
    _accounts_by_name: dict[tuple[str, str], Json] = field(default_factory=dict)

    def small_list(self, kind: str) -> dict[str, Json]:
        """All records of a kind that every organisation has few of, by id."""
        if kind not in self._lists:
            self._lists[kind] = {_id_of(kind, body): body for body in self.store.find(kind, self.org)}
        return self._lists[kind]

    def save(self, kind: str, body: Json) -> None:
        """Keep one record of a small list, stamped with the time where the kind has a stamp."""
        now = self.clock.milliseconds()
        if kind == ACCOUNT:
            body["UpdatedDateUTC"] = ms_time(now)
        row = Row(kind=kind, org=self.org, id=_id_of(kind, body), body=body, updated=now, name=_name_of(body))
        self.store.put(row)
        self._lists.pop(kind, None)
        self._accounts_by_name.clear()

    @property
    def organisation(self) -> Json:
        return next(iter(self.small_list(ORGANISATION).values()))

    @property
    def base_currency(self) -> str:
        return str(self.organisation["BaseCurrency"])

    @property
    def has_multicurrency(self) -> bool:
        return bool(self.organisation["_multicurrency"])

    def today(self) -> date:
        zone = ZoneInfo(ZONES.get(self.organisation["Timezone"], "UTC"))
        return self.clock.now().astimezone(zone).date()

    def account(self, *, account_id: object = None, code: object = None) -> Json | None:
        """The account by id or by code, whatever its status."""
        if account_id:
            return self.small_list(ACCOUNT).get(str(account_id).lower())
        return self._account_by("Code", str(code)) if code else None

    def system_account(self, name: str) -> Json:
        account = self._account_by("SystemAccount", name)
        if account is None:
            raise LookupError(f"no system account {name}")
        return account

    def _account_by(self, field: str, value: str) -> Json | None:
        if not self._accounts_by_name:
            for account in self.small_list(ACCOUNT).values():
                for key in ("Code", "SystemAccount"):
                    self._accounts_by_name.setdefault((key, str(account.get(key) or "")), account)
        return self._accounts_by_name.get((field, value))

    def tax_rate(self, tax_type: str) -> Json | None:
        return self.small_list(TAX_RATE).get(tax_type)

    def is_subscribed(self, currency: str) -> bool:
        return currency in self.small_list(CURRENCY)

    def day_rate(self, currency: str, day: date) -> Decimal:
        return self.rates.rate(base=self.base_currency, currency=currency, day=day)

    def contact(self, contact_id: str) -> Json | None:
        return self.store.get(CONTACT, self.org, contact_id.lower())

    def contacts_named(self, name: str) -> list[Json]:
        return self.store.find(CONTACT, self.org, where="name=?", parameters=(fold(name),))

    def save_contact(self, contact: Json) -> None:
        now = self.clock.milliseconds()
        contact["UpdatedDateUTC"] = ms_time(now)
        row = Row(
            kind=CONTACT,
            org=self.org,
            id=contact["ContactID"],
            body=contact,
            updated=now,
            name=fold(contact["Name"]),
            status=contact["ContactStatus"],
            account=contact.get("ContactNumber") or None,
            type=contact.get("AccountNumber") or None,
        )
        with self.store.transaction():
            self.note_event(CONTACT, "CONTACT", row.id, at=now)
            self.store.put(row)

    def note_event(self, kind: str, category: str, resource: str, *, at: int) -> None:
        """For the webhooks, before the document is stored."""
        events.note(self.store, org=self.org, kind=kind, category=category, resource=resource, at=at)

    def lock_message(self, day: date) -> str | None:
        """Why a document of that day must not be touched; None where the day is open."""
        organisation = self.organisation
        for name, words in (("EndOfYearLockDate", "end of year lock date"), ("PeriodLockDate", "period lock date")):
            if name == "PeriodLockDate" and organisation.get("_may_post_before_lock"):
                continue
            if organisation.get(name) and day <= (locked := read_date(organisation[name])):
                return f"The document date cannot be before the {words}, currently set at {locked:%d-%b-%Y}"
        return None


def _id_of(kind: str, body: dict[str, Any]) -> str:
    key = {
        ORGANISATION: "OrganisationID",
        ACCOUNT: "AccountID",
        TAX_RATE: "TaxType",
        TRACKING: "TrackingCategoryID",
        CURRENCY: "Code",
    }[kind]
    return str(body[key])


def _name_of(body: dict[str, Any]) -> str | None:
    return str(body["Name"]) if "Name" in body else None


def public(body: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that only the sandbox knows."""
    return {key: value for key, value in body.items() if not key.startswith("_")}
