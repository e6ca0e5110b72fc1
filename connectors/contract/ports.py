"""What the pipeline asks of a connector. A connector is a folder that fulfils one of these, and a registry line."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

from connectors.contract.money import FxRate
from connectors.contract.records import (
    EVER,
    Answer,
    Chart,
    Classified,
    Cursor,
    DestinationContact,
    DocumentKind,
    Endpoint,
    ExecutedMovement,
    FxDetail,
    MirrorDocument,
    OpenItem,
    Organisation,
    Page,
    Prepared,
    RawRecord,
    SourceAccount,
    SourceReference,
    SourceTransaction,
    TrackingCategory,
    Writable,
)


class Shown(NamedTuple):
    """What tells whether a document of a list changed since it was read."""

    document_id: str
    updated_at: datetime | None
    status: str
    reconciled: bool
    total: str  # a decimal number


# A page's documents -> the ids of those that need not be read again.
Known = Callable[[Sequence[Shown]], Container[str]]


def nothing_known(_page: Sequence[Shown]) -> Container[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Is the vendor reachable with our credentials, and who are we there?"""

    reachable: bool
    name: str = ""
    message: str = ""


class TokenProvider(Protocol):
    def token(self) -> str:
        """A bearer token that is good for at least a minute. Raises ActionRequired or RetryLater."""

    def renew(self, stale: str) -> str:
        """A token newer than `stale`; at most one refresh happens however many callers ask. Raises like `token`."""


class Throttle(Protocol):
    def acquire(self, *, cost: int = 1, background: bool = False) -> float:
        """Take a place in every budget, or say how many seconds to wait (0.0: go). Fails safe without its store."""

    def release(self) -> None:
        """Give the concurrency place back."""

    def observe(self, headers: dict[str, str], status: int) -> None:
        """Correct the budgets by what the vendor's headers say; a 429 closes the budget until its Retry-After."""


class Source(Protocol):
    kind: str

    def accounts(self) -> tuple[SourceAccount, ...]: ...

    def references(self) -> Iterator[SourceReference]:
        """Expense categories, cost centres, VAT codes, contacts: what the vendor lets us see of them."""

    def read(self, cursor: Cursor, *, pages: int) -> Page:
        """Up to `pages` pages of rows changed since the cursor, with their details, oldest id first.

        Raises RetryLater, ActionRequired, ContractBroken. A short read never looks like the end: whole pages before one
        that failed for now may come alone, with the cursor at that page and `at_end` false; a failed first page raises.
        """

    def read_executed(self, *, since: date, until: date | None = None) -> Iterator[Page]:
        """Every row whose execution, settlement or value date may lie in the range, read afresh."""

    def executed(self, *, since: date, until: date | None = None) -> Iterator[tuple[ExecutedMovement, ...]]:
        """The executed ones of these rows, and those of which nobody knows, page by page, in the very amounts and days that
        `normalise` tells: a proof reads very many, and needs no more of them."""

    def normalise(self, raw: RawRecord) -> SourceTransaction:
        """Pure. Never raises on odd data: what cannot be understood becomes findings and UNKNOWN."""

    def deals(self, *, since: date) -> Iterator[FxDetail]:
        """Booked conversions, for the history of rates."""

    def health(self) -> Health: ...


class Destination(Protocol):
    kind: str
    organisation_id: str

    def chart(self) -> Chart: ...

    def organisation(self) -> Organisation:
        """Read afresh: lock dates move."""

    def tracking(self) -> tuple[TrackingCategory, ...]:
        """Every tracking category with its options, read afresh; archived ones too."""

    def contacts(self, *, since: datetime | None) -> Iterator[tuple[DestinationContact, ...]]: ...

    def contact_by_number(self, number: str) -> DestinationContact | None: ...

    def changes(
        self,
        endpoint: Endpoint,
        *,
        since: datetime | None,
        from_date: date | None = None,
        lines_since: datetime = EVER,
        known: Known = nothing_known,
    ) -> Iterator[tuple[MirrorDocument, ...]]:
        """Documents changed since, all statuses, to the last page; raises rather than end early.

        `from_date` bounds a first load by document date. Bank transfers appear once, as BANKTRANSFER; a payment that
        belongs to a batch appears once, as its BATCHPAYMENT. What has not changed at `lines_since` or later comes without
        its lines (`lines_hash` "", `by_account` None): who only adds up saves them. What is `known` may be left out.
        """

    def open_items(self, *, since: datetime | None) -> Iterator[tuple[OpenItem, ...]]:
        """Invoices and bills changed since, whatever their status, to the last page; without `since` the open ones."""

    def document(self, kind: DocumentKind, document_id: str) -> MirrorDocument | None:
        """One document read afresh, with its lines; None where there is none."""

    def day_rate(self, *, currency: str, on: date) -> FxRate | None:
        """The destination's own rate where it tells one without writing; None where it does not."""

    def prepare(self, endpoint: Endpoint, items: Sequence[Writable]) -> Prepared:
        """Pure: the exact bytes of one call that creates all of `items`, or changes and removes documents of ours.

        A call either creates or amends (`Change`, `Removal`), never both.
        """

    def batch_size(self, endpoint: Endpoint, *, amending: bool = False) -> int:
        """How many items one call carries."""

    def send(self, prepared: Prepared, *, key: str, allowed: Callable[[], bool]) -> Answer:
        """Send once. `allowed` is asked last, right before the first byte (stamp, epoch and deadline). Never raises."""

    def classify(self, prepared: Prepared, answer: Answer, *, items: Sequence[Writable]) -> Classified:
        """Pure: what the answer means for each item. Answers are matched to rows by marker (what amends: by the document's
        id), never by position alone.
        """

    def link(self, kind: DocumentKind, document_id: str) -> str: ...

    def health(self) -> Health: ...
