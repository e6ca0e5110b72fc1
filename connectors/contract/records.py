"""The records that cross the border between a connector and the rest. All frozen; all amounts Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from connectors.contract.errors import Finding
from connectors.contract.money import Money

EVER, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)  # since always, since never

Json = Mapping[str, Any]

# ---------------------------------------------------------------- source side


class Movement(StrEnum):
    """What kind of movement a source transaction is, in the words of the field."""

    PAY_IN = "pay_in"
    RETURNED_PAYMENT = "returned_payment"
    PAY_OUT = "pay_out"
    CARD = "card"
    CARD_REFUND = "card_refund"
    FEE = "fee"
    CASHBACK = "cashback"  # what the provider itself pays on balances: cashback, interest
    FX = "fx"
    PEER = "peer"  # to or from another company at the same provider
    OWN_TRANSFER = "own_transfer"  # between two wallets of the tenant
    COLLATERAL = "collateral"
    UNKNOWN = "unknown"


class Execution(StrEnum):
    """How final a movement is. Only EXECUTED may ever reach the books."""

    PENDING = "pending"
    EXECUTED = "executed"
    CANCELLED = "cancelled"  # also an authorisation that expired
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """One row exactly as the vendor sent it (ledger row and its detail in one object), for replay and audit.

    `payload` is JSON-ready; secret links have been cut out. `source_id` is "" where the vendor gave none. `event_id` is the
    vendor's number of what happened, by which a row is recognised under another `source_id`; "" where there is none.
    """

    account_id: str
    source_id: str
    updated_at: datetime | None
    payload: Json
    event_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterparty:
    name: str = ""
    iban: str = ""
    country: str = ""
    source_contact_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FxDetail:
    """One booked conversion. Amounts unsigned; rates are units of `bought` per unit of `sold`, None if unsaid."""

    deal_id: str
    sold: Money
    bought: Money
    deal_date: date | None
    value_date: date | None
    spot_rate: Decimal | None = None
    platform_rate: Decimal | None = None
    forward: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDetail:
    card_name: str = ""
    pan4: str = ""
    original: Money | None = None
    merchant_country: str = ""
    mcc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDetail:
    """The other side of a movement between wallets at the provider; both account ids set means an own transfer."""

    transfer_id: str
    sender_account: str
    receiver_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    name: str = ""
    account_code: str = ""  # the chart account that the source's category names
    external_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VatPart:
    """One VAT part as captured at the source; `gross` includes the tax. `external_id` may name a tax type."""

    rate: Decimal
    amount: Decimal
    gross: Decimal
    external_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A named part of a settlement; components add up to the movement they belong to."""

    name: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTransaction:
    """A movement of money at the source, normalised. `amount` is signed from the wallet's view (out is negative).

    `findings` lists everything the connector could not make sense of; an UNKNOWN movement or execution never posts.
    """

    account_id: str
    source_id: str
    movement: Movement
    execution: Execution
    amount: Money
    execution_date: date | None
    settlement_date: date | None = None
    value_date: date | None = None
    deal_date: date | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    raw_kind: str = ""
    text: str = ""  # remittance text, comment
    reference: str = ""  # structured: QR reference, creditor reference
    counterparty: Counterparty = Counterparty()
    fx: FxDetail | None = None
    card: CardDetail | None = None
    transfer: TransferDetail | None = None
    category: Category | None = None
    cost_centre: str = ""
    vats: tuple[VatPart, ...] = ()
    components: tuple[Component, ...] = ()
    complete: bool = True  # False: the source still waits for somebody to say what it was for
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedMovement:
    """What a proof needs of a source transaction that was executed: how much moved, where, and on which days.

    `movement` is CARD (also for its refund) or FX where that chooses the day, else UNKNOWN. `raw`: the whole row where the
    vendor gave it no number, because what it says is then all it is known by. `in_doubt`: the ledger does not say that it was
    not executed, and its own details do not bear it out; nobody knows whether it moved.
    """

    account_id: str
    source_id: str
    movement: Movement
    amount: Money
    execution_date: date | None
    settlement_date: date | None = None
    value_date: date | None = None
    deal_date: date | None = None
    raw: RawRecord | None = None
    in_doubt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccount:
    """A wallet. `available` is the vendor's own figure, a hint only. `kind`: normal, collateral, guarantee, escrow…"""

    account_id: str
    kind: str
    currency: str
    available: Decimal | None
    ibans: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReference:
    """Something at the source that movements may carry and mappings may name.

    `kind`: expense_category, cost_centre, vat, contact. `code` is what the tenant wrote there for the destination: an
    account code, a tracking option's number, a tax type.
    """

    kind: str
    external_id: str
    name: str
    code: str = ""
    payload: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where reading goes on: everything changed since `since`, at `page`; `high` is the newest change seen so far."""

    since: datetime | None
    page: int = 1
    high: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Records of one slice of reading, and the cursor after them. `at_end`: the source had nothing more.

    At the end the cursor keeps its `since`, stands on page 1 and tells the newest change in `high`: the next reading
    begins at `high` less the overlap that the reader wants. `breaks`: where in `records` a further page of the vendor's
    begins, because only rows of one page are surely as many as they look.
    """

    records: tuple[RawRecord, ...]
    cursor: Cursor
    at_end: bool
    calls: int = 1
    breaks: tuple[int, ...] = ()


# ----------------------------------------------------------- destination side


class DocumentKind(StrEnum):
    SPEND = "SPEND"
    RECEIVE = "RECEIVE"
    BANK_TRANSFER = "BANKTRANSFER"
    PAYMENT = "PAYMENT"
    BATCH_PAYMENT = "BATCHPAYMENT"
    SPEND_TRANSFER = "SPEND-TRANSFER"  # read only: the two sides of a bank transfer
    RECEIVE_TRANSFER = "RECEIVE-TRANSFER"


class TaxMode(StrEnum):
    INCLUSIVE = "Inclusive"
    NO_TAX = "NoTax"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingChoice:
    """An option on a line. `new` is the name of one that is to be created first; its `option_id` is "" until then."""

    category_id: str
    option_id: str
    label: str = ""  # "Region: Zürich", for people
    new: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One line, gross, in the document's currency; negative allowed. `account_id` is the destination's own id.

    `tax`: what the destination will find within `amount`; None where that is not known.
    """

    description: str
    amount: Decimal
    account_id: str
    account_code: str = ""  # for people; the id decides
    tax_type: str = ""
    tracking: tuple[TrackingChoice, ...] = ()
    tax: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransaction:
    """Money spent from or received on a bank account. Lines add up to `total` > 0 in the bank account's currency.

    `rate`: foreign units per one unit of the organisation's base currency, only on a non-base bank account; None lets
    the destination use its own rate of the day. `contact_id` may be "" until the contact exists.
    """

    kind: DocumentKind
    bank_account_id: str
    contact_id: str
    contact_name: str
    date: date
    total: Money
    reference: str
    marker: str
    lines: tuple[LineItem, ...]
    tax_mode: TaxMode = TaxMode.INCLUSIVE
    rate: Decimal | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransfer:
    """Money moved between two bank accounts of one currency."""

    from_account_id: str
    to_account_id: str
    date: date
    total: Money
    reference: str
    marker: str

    @property
    def kind(self) -> DocumentKind:
        return DocumentKind.BANK_TRANSFER


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The part of a payment that goes to one invoice or bill. `amount` > 0, in the invoice's own `currency`."""

    invoice_id: str
    number: str  # for people; the id decides
    amount: Decimal
    currency: str
    contact_id: str = ""
    contact_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that pays one sales invoice (`incoming`) or one bill, wholly or in part.

    `total` > 0 is what moved on the bank account, in its currency. Where the invoice is in another currency, `total` goes
    along as the bank's amount and the destination finds the rate; else `rate` is foreign units per base unit, or None.
    """

    bank_account_id: str
    incoming: bool
    date: date
    total: Money
    reference: str
    marker: str
    allocation: Allocation
    rate: Decimal | None = None

    @property
    def kind(self) -> DocumentKind:
        return DocumentKind.PAYMENT

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        return (self.allocation,)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPayment:
    """One movement that pays several sales invoices, or several bills, in the bank account's currency.

    The allocations add up to `total`.
    """

    bank_account_id: str
    incoming: bool
    date: date
    total: Money
    reference: str
    marker: str
    allocations: tuple[Allocation, ...]
    rate: Decimal | None = None

    @property
    def kind(self) -> DocumentKind:
        return DocumentKind.BATCH_PAYMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactDraft:
    """A contact to create. `number` is our marker and the destination's unique external id."""

    name: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionDraft:
    """A tracking option to create. It carries no marker of ours: its name is unique within its category."""

    category_id: str
    name: str


LedgerEntry = BankTransaction | BankTransfer | Payment | BatchPayment


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A document of ours as it should read from now on; its id stays."""

    document_id: str
    entry: BankTransaction

    @property
    def marker(self) -> str:
        return self.entry.marker


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A document of ours that is to be taken out of the books again. It stays visible there, marked as deleted."""

    document_id: str
    document_kind: DocumentKind
    marker: str


Amending = Change | Removal
Writable = BankTransaction | BankTransfer | Payment | BatchPayment | ContactDraft | OptionDraft | Change | Removal


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorDocument:
    """What stands in the destination's books, as read back. `marker` is "" where the reference carries none of ours."""

    kind: DocumentKind
    document_id: str
    account_id: str
    other_account_id: str = ""  # bank transfers: the receiving account
    incoming: bool = False  # payments: money in; every other kind says so itself
    contact_id: str = ""
    date: date
    total: Money
    rate: Decimal | None = None
    reference: str = ""
    marker: str = ""
    status: str = "AUTHORISED"
    reconciled: bool = False
    lines_hash: str = ""
    pays: str = ""  # payments: the numbers of the invoices or bills that they pay, one a line
    by_account: Mapping[str, Decimal] | None = field(default=None, hash=False)  # net of its lines; None: not shown
    tax_total: Decimal | None = None
    updated_at: datetime | None = None
    lines: tuple[LineItem, ...] = ()  # only where a document was read by its id

    @property
    def is_live(self) -> bool:
        return self.status not in ("DELETED", "VOIDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """A sales invoice or a bill as it stands in the books; also one that is paid or voided by now.

    `due` is what is still to be paid, in the currency of `total`. `paid_by`: markers of ours on its payments.
    """

    invoice_id: str
    sales: bool  # money comes in for it; else it is a bill
    number: str
    reference: str = ""
    contact_id: str = ""
    contact_name: str = ""
    total: Money
    due: Decimal
    due_date: date | None = None
    date: date
    rate: Decimal | None = None
    status: str = "AUTHORISED"
    paid_by: tuple[str, ...] = ()
    updated_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.status == "AUTHORISED" and self.due > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationContact:
    contact_id: str
    name: str
    number: str = ""
    status: str = "ACTIVE"
    merged_into: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the destination's chart. `currency` is set for bank accounts only."""

    account_id: str
    code: str
    name: str
    type: str
    account_class: str = ""
    status: str = "ACTIVE"
    currency: str = ""
    system: str = ""
    tax_type: str = ""
    bank_number: str = ""

    @property
    def is_bank(self) -> bool:
        return self.type == "BANK"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRate:
    """`applies_to`: account classes (ASSET EQUITY EXPENSE LIABILITY REVENUE) that may carry it. Rate in percent."""

    tax_type: str
    name: str
    rate: Decimal
    status: str = "ACTIVE"
    applies_to: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingOption:
    option_id: str
    name: str
    status: str = "ACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingCategory:
    category_id: str
    name: str
    status: str = "ACTIVE"
    options: tuple[TrackingOption, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """The company whose books these are. `lock_date`: nothing on or before it may be posted."""

    organisation_id: str
    name: str
    base_currency: str
    country: str = ""
    timezone: str = ""
    short_code: str = ""
    lock_date: date | None = None
    pays_tax: bool = True
    multi_currency: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything an entry may point at, read in one go. Look-ups by id, code or name are in `sync.domain`."""

    organisation: Organisation
    accounts: tuple[Account, ...] = ()
    tax_rates: tuple[TaxRate, ...] = ()
    tracking: tuple[TrackingCategory, ...] = ()
    currencies: frozenset[str] = field(default_factory=frozenset)


# ------------------------------------------------------------------- writing


class Endpoint(StrEnum):
    """Where a write goes."""

    CONTACTS = "Contacts"
    TRACKING_OPTIONS = "Options"  # of a tracking category
    BANK_TRANSACTIONS = "BankTransactions"
    BANK_TRANSFERS = "BankTransfers"
    PAYMENTS = "Payments"
    BATCH_PAYMENTS = "BatchPayments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The exact request: what is stored before the first byte leaves, and what is sent again if it must be."""

    endpoint: Endpoint
    method: str
    path: str  # with query, below the vendor's base URL
    body: bytes
    markers: tuple[str, ...]  # in the order of the body's elements


class Transport(StrEnum):
    """How far a request came, where no HTTP answer was read in full."""

    ANSWERED = "answered"
    NOT_SENT = "not_sent"  # connect error, connect time-out, no free connection: not one byte was processed
    NO_ANSWER = "no_answer"  # anything later: time-out, reset, truncated
    WITHHELD = "withheld"  # we did not send: deadline passed, epoch lost, budget closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back from one request, as data. Never an exception: an error is an answer too."""

    transport: Transport
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names
    body: bytes = b""
    error: str = ""
    wait_seconds: float | None = None  # from Retry-After or our own budget
    milliseconds: int = 0
    correlation_id: str = ""


class Outcome(StrEnum):
    APPLIED = "applied"
    UNPROVEN = "applied_unproven"  # an id for our row, but no marker of ours on it
    REFUSED = "refused"
    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the destination said it stored for one item. `document` is None for contacts and tracking options."""

    document_id: str
    marker: str
    document: MirrorDocument | None = None
    tax_total: Decimal | None = None
    contact: DestinationContact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOutcome:
    marker: str
    outcome: Outcome
    receipt: Receipt | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """One outcome for each expected marker, in order, and what it means for the whole connection.

    `pause_seconds`: the organisation must not be called before that (429). `reauthorise`: refresh once, else a person
    reconnects. `batch_refused`: the call as a whole was refused (400), so the culprit must be found by halving.
    """

    items: tuple[ItemOutcome, ...]
    pause_seconds: float | None = None
    reauthorise: bool = False
    batch_refused: bool = False
    message: str = ""
