"""Xero as a `Destination`: see `connectors.contract.ports` for what each method promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from urllib.parse import quote

from connectors.contract.errors import ConnectorError, ContractBroken
from connectors.contract.money import FxRate
from connectors.contract.ports import Health, Known, nothing_known
from connectors.contract.records import (
    EVER,
    Account,
    Answer,
    Chart,
    Classified,
    DestinationContact,
    DocumentKind,
    Endpoint,
    MirrorDocument,
    OpenItem,
    Organisation,
    Prepared,
    TrackingCategory,
    Writable,
)
from connectors.contract.spec import Wiring
from connectors.xero import chart, links, mapping, outcomes, payments, reading
from connectors.xero.client import Query, XeroClient
from connectors.xero.dates import date_filter


class XeroDestination:
    """One organisation at Xero."""

    kind = "xero"

    def __init__(self, wiring: Wiring) -> None:
        self.organisation_id = wiring.organisation_id
        self._client = XeroClient(wiring)
        self._short_code = wiring.short_code
        self._web = links.web_address(wiring.base_url)
        self._multi_currency: bool | None = None
        self._currencies: dict[str, str] = {}  # of bank accounts; "" for every other account

    # ------------------------------------------------------------------ reads

    def chart(self) -> Chart:
        organisation = self.organisation()
        accounts = self._accounts()
        rates = self._client.all("TaxRates")
        return Chart(
            organisation=organisation,
            accounts=accounts,
            tax_rates=tuple(chart.tax_rate(element) for element in rates),
            tracking=self.tracking(),
            currencies=chart.currencies(self._client.all("Currencies")),
        )

    def tracking(self) -> tuple[TrackingCategory, ...]:
        found = self._client.all("TrackingCategories", query={"includeArchived": "true"})
        return tuple(chart.tracking_category(element) for element in found)

    def organisation(self) -> Organisation:
        answer = self._client.get("Organisation")
        found = next(iter(reading.elements_of(answer, "Organisations")), None)
        if found is None:
            raise ContractBroken("Xero named no organisation.")
        return chart.organisation(
            found, organisation_id=self.organisation_id, multi_currency=self._uses_multicurrency()
        )

    def contacts(self, *, since: datetime | None) -> Iterator[tuple[DestinationContact, ...]]:
        # Paged and not in summary: only then does Xero tell into which contact one was merged.
        query = {"includeArchived": "true"}
        for page in self._client.pages("Contacts", id_key="ContactID", query=query, since=since):
            yield tuple(reading.contact(element) for element in page)

    def contact_by_number(self, number: str) -> DestinationContact | None:
        found = self._client.one("Contacts", quote(number, safe=""))
        return None if found is None else reading.contact(found)

    def changes(
        self,
        endpoint: Endpoint,
        *,
        since: datetime | None,
        from_date: date | None = None,
        lines_since: datetime = EVER,
        known: Known = nothing_known,
    ) -> Iterator[tuple[MirrorDocument, ...]]:
        query: dict[str, str | int] = {} if from_date is None else {"where": date_filter(from_date)}
        match endpoint:
            case Endpoint.BANK_TRANSACTIONS:
                yield from self._bank_transactions(query, since, lines_since=lines_since, known=known)
            case Endpoint.BANK_TRANSFERS:
                # Not paged, and "modified" means created: a later deletion shows only when read by id.
                found = self._client.all("BankTransfers", query={**query, "includeDeleted": "true"}, since=since)
                yield tuple(self._bank_transfer(element) for element in found)
            case Endpoint.PAYMENTS:
                for page in self._client.pages("Payments", id_key="PaymentID", query=query, since=since):
                    yield self._payments(page)
            case Endpoint.BATCH_PAYMENTS:
                batches = self._client.all("BatchPayments", query=query, since=since)  # not paged
                banked = [element for element in batches if self._currency_of(payments.account_of(element))]
                yield tuple(payments.batch_payment(element, currency_of=self._currency_of) for element in banked)
            case _:
                raise ValueError(f"{endpoint} holds no documents")

    def open_items(self, *, since: datetime | None) -> Iterator[tuple[OpenItem, ...]]:
        query = {"Statuses": "AUTHORISED"} if since is None else {}
        for page in self._client.pages("Invoices", id_key="InvoiceID", query=query, since=since):
            yield tuple(found for element in page if (found := payments.open_item(element)) is not None)

    def document(self, kind: DocumentKind, document_id: str) -> MirrorDocument | None:
        plural, read = self._readers().get(kind, ("BankTransactions", reading.bank_transaction_with_lines))
        found = self._client.one(plural, quote(document_id, safe=""))
        return None if found is None else read(found)

    def day_rate(self, *, currency: str, on: date) -> FxRate | None:
        """None: Xero tells its rate of the day only in the answer to a document that leaves it out."""
        return None

    def health(self) -> Health:
        try:
            return Health(reachable=True, name=self.organisation().name)
        except ConnectorError as error:
            return Health(reachable=False, message=error.message)

    # ----------------------------------------------------------------- writes

    def prepare(self, endpoint: Endpoint, items: Sequence[Writable]) -> Prepared:
        return mapping.prepare(endpoint, items)

    def batch_size(self, endpoint: Endpoint, *, amending: bool = False) -> int:
        return mapping.batch_size(endpoint, amends=amending)

    def send(self, prepared: Prepared, *, key: str, allowed: Callable[[], bool]) -> Answer:
        return self._client.send(prepared, key=key, allowed=allowed)

    def classify(self, prepared: Prepared, answer: Answer, *, items: Sequence[Writable]) -> Classified:
        return outcomes.classify(prepared, answer, items=items)

    def link(self, kind: DocumentKind, document_id: str) -> str:
        return links.document_link(kind, document_id, short_code=self._short_code, web=self._web)

    # ----------------------------------------------------------------- within

    def _uses_multicurrency(self) -> bool:
        """A matter of Xero's plan: read once for each adapter, while lock dates are read every time."""
        if self._multi_currency is None:
            self._multi_currency = chart.uses_multicurrency(self._client.get("Organisation/Actions"))
        return self._multi_currency

    def _accounts(self) -> tuple[Account, ...]:
        accounts = tuple(chart.account(element) for element in self._client.all("Accounts"))
        self._currencies = {account.account_id: account.currency if account.is_bank else "" for account in accounts}
        return accounts

    def _bank_transactions(
        self, query: Query, since: datetime | None, *, lines_since: datetime, known: Known
    ) -> Iterator[tuple[MirrorDocument, ...]]:
        def read(page: Sequence[reading.Wire]) -> tuple[MirrorDocument, ...]:
            own = [it for it in page if not (reading.is_transfer_side(it) or reading.is_beyond_us(it))]
            shown = [reading.shown(element) for element in own]
            left_out = known(shown) if shown else ()
            wanted = (element for element, it in zip(own, shown, strict=True) if it.document_id not in left_out)
            return tuple(reading.bank_transaction(element, lines_since=lines_since) for element in wanted)

        query = {**query, "unitdp": 4}
        yield from map(
            read, self._client.pages("BankTransactions", id_key="BankTransactionID", query=query, since=since)
        )

    def _readers(self) -> dict[DocumentKind, tuple[str, Callable[[reading.Wire], MirrorDocument]]]:
        """Where a document of the rarer kinds is read by id, and how."""
        return {
            DocumentKind.BANK_TRANSFER: ("BankTransfers", self._bank_transfer),
            DocumentKind.PAYMENT: (
                "Payments",
                lambda element: payments.payment(element, currency_of=self._currency_of),
            ),
            DocumentKind.BATCH_PAYMENT: (
                "BatchPayments",
                lambda element: payments.batch_payment(element, currency_of=self._currency_of),
            ),
        }

    def _payments(self, page: Sequence[reading.Wire]) -> tuple[MirrorDocument, ...]:
        """Those that move a bank account by themselves: not parts of a batch, not what went to another account."""
        own = [element for element in page if not payments.belongs_to_batch(element)]
        banked = [element for element in own if self._currency_of(payments.account_of(element))]
        return tuple(payments.payment(element, currency_of=self._currency_of) for element in banked)

    def _bank_transfer(self, element: reading.Wire) -> MirrorDocument:
        return reading.bank_transfer(element, currency_of=self._currency_of)

    def _currency_of(self, account_id: str) -> str:
        """A bank account's currency; "" for every other account, and for none."""
        if account_id and account_id not in self._currencies:
            self._accounts()
        return self._currencies.get(account_id, "")
