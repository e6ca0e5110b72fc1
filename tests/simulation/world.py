"""One run: workers carry movements into the books with the production code of push, settle, confirm and reconcile.

What the program takes from outside is given to it: the clock is virtual and moves when somebody waits, the store is
`memory`, the line to Xero is `books`, the dice are seeded. Each worker is a greenlet that gives way wherever a real process
would wait: before and after a commit, and at every moment of a call. There it may die (everything uncommitted is undone and
nothing of it runs on) or stand still. One scenario always gives the same trace.
"""

from __future__ import annotations

import copy
import heapq
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from greenlet import greenlet

from connectors.contract.errors import ConnectorError
from connectors.contract.money import Money
from connectors.contract.records import (
    EVER,
    BankTransaction,
    BankTransfer,
    DocumentKind,
    Endpoint,
    LineItem,
    MirrorDocument,
    TaxMode,
)
from connectors.contract.spec import Wiring
from connectors.xero import reading
from connectors.xero.destination import XeroDestination
from sync import incidents
from sync.domain import documents
from sync.domain.fingerprint import marker
from sync.domain.retry import Evidence, Schedule
from sync.pipeline import confirm, contacts, context, drift, mirror, push, reconcile, settle
from sync.pipeline.again import renew
from sync.pipeline.books import DEFAULT_POLICIES
from sync.pipeline.context import Context, LeaseLost, Timing
from tests.simulation.books import START, Books, Line, Wire, Wrong
from tests.simulation.memory import Memory
from tests.simulation.scenario import DELETES, EDITS, TYPES_TWIN, Act, Movement, Scenario

MINUTE = timedelta(minutes=1)
TIMING = Timing(
    lease=120.0,
    quarantine=10 * MINUTE,
    send_deadline=20.0,
    poll=None,
    schedule=Schedule(waits=(MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE)),
    evidence=Evidence(probes=(MINUTE, 5 * MINUTE), quarantine=10 * MINUTE, gap=2 * MINUTE),
    read_back=MINUTE,
)
HORIZON = 24 * 3600.0
TRIES = 5  # the first and one after each wait of the schedule
ORGANISATION = "10000000-0000-4000-8000-000000000001"
ACCOUNTS = tuple(f"20000000-0000-4000-8000-00000000000{number}" for number in range(3))
CONTACT, INCOME = "30000000-0000-4000-8000-000000000001", "40000000-0000-4000-8000-000000000001"
VERSION = ("BankTransactionID", "UpdatedDateUTC", "Reference", "Status", "IsReconciled", "Total")
AT_REST = ("confirmed", "review", "failed")


class Died(BaseException):
    """A worker's process is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a scenario. `wrong`: the sentence that says what must never be; "" where all is well."""

    wrong: str
    trace: tuple[tuple[Any, ...], ...]
    calls: int
    faults: int
    deaths: int


@dataclass(slots=True, kw_only=True)
class SimulatedContext(Context):
    """A slice whose transactions are the memory's."""

    world: World

    @contextmanager
    def commit(self) -> Iterator[None]:
        inside = self.world.in_transaction
        if not inside:
            self.world.pause(0.002)
        with self.world.transaction():
            yield
            if not inside:
                self.world.may_die()
        if not inside:
            self.world.pause(0.001)

    def begin_run(self) -> None:
        """There are no figures to keep."""

    def store_flow(self, **columns: Any) -> None:
        if self.world.memory.flow["epoch"] != self.epoch:
            raise LeaseLost
        self.world.memory.change_flow(**columns)
        for name, value in columns.items():
            setattr(self.flow, name, value)


@dataclass(slots=True, kw_only=True)
class World:
    scenario: Scenario
    time: float = 0.0
    memory: Memory = field(init=False)
    books: Books = field(init=False)
    dice: random.Random = field(init=False)
    entries: dict[int, int] = field(default_factory=dict)  # movement -> entry
    failures: dict[str, int] = field(default_factory=dict)  # by marker: calls that failed otherwise than by a limit
    touched: dict[str, str] = field(default_factory=dict)  # by marker: what a person did to its document
    trace: list[tuple[Any, ...]] = field(default_factory=list)
    in_transaction: bool = False
    calls: int = 0
    deaths: int = 0
    _events: list[tuple[float, int, Any]] = field(default_factory=list)
    _hub: Any = None
    _alone: list[str] = field(default_factory=lambda: ["-"])
    _writes: int = 0
    _reads: int = 0
    _steps: int = 0
    _number: int = 0
    _waiting: int = 0  # what the vendors' side still has to do

    def __post_init__(self) -> None:
        self.dice = random.Random(self.scenario.seed)
        self.memory = Memory(lambda: START + timedelta(seconds=self.time))
        cutoff = date(2026, 1, 1)
        self.memory.flow |= {"held_until": None, "failures": 0, "mirror_read_at": None, "mirror_watermarks": {}}
        self.memory.flow |= {"cutoff": cutoff, "lock_read_at": START + timedelta(days=9)}  # no period is locked
        self.books = Books(
            clock=lambda: self.time,
            lag=self.scenario.lag,
            refuses=frozenset(marker_of(it) for it in self.scenario.movements if it.refused),
            on_created=self._created,
        )

    # --------------------------------------------------------------- scheduling

    def run(self) -> Run:
        """To rest, or to the first thing that must never be."""
        self._hub = greenlet.getcurrent()
        for movement in self.scenario.movements:
            self.later(movement.at, lambda movement=movement: self._arrives(movement))  # type: ignore[misc]
        for number in range(self.scenario.workers):
            self._start(f"worker {number + 1}", after=float(number))
        wrong = ""
        with given(self):
            try:
                self._go_on()
                self._judge()
            except Wrong as error:
                wrong = str(error)
            finally:
                self._end()
        self.note("the end", wrong or "all is well")
        faults = len(self.scenario.writes) + len(self.scenario.reads) + len(self.scenario.stops)
        return Run(wrong=wrong, trace=tuple(self.trace), calls=self.calls, faults=faults, deaths=self.deaths)

    def _go_on(self) -> None:
        while self._events and not self._is_over():
            self.time, _, what = heapq.heappop(self._events)
            if isinstance(what, greenlet):
                what.switch()
            else:
                what()
        if not self._is_done():
            raise Wrong(f"not at rest after {self.time / 3600:.1f} hours: {self._restless()}")

    def _end(self) -> None:
        """Whoever is left is let go, so that no greenlet outlives its world."""
        for _, _, what in self._events:
            if isinstance(what, greenlet) and not what.dead:
                with suppress(Died):
                    what.throw(Died)

    def later(self, seconds: float, deed: Callable[[], Any]) -> None:
        """Outside of every worker, whatever becomes of them."""
        self._waiting += 1

        def done() -> None:
            self._waiting -= 1
            self._alone[0] = "-"
            deed()

        heapq.heappush(self._events, (self.time + seconds, self._next(), done))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def pause(self, seconds: float) -> None:
        """This worker waits; others may run. Here it may die or stand still."""
        stop = self._step()
        if stop < 0:
            raise Died
        until = self.time + (seconds + stop) * (0.9 + 0.2 * self.dice.random())
        if not self._events or self._events[0][0] > until:
            self.time = until  # nobody else has anything to do until then
            return
        name = self._alone[0]
        heapq.heappush(self._events, (until, self._next(), greenlet.getcurrent()))
        self._hub.switch()
        self._alone[0] = name

    def may_die(self) -> None:
        """Inside a transaction, where nobody else may run."""
        if self._step() < 0:
            raise Died

    def _step(self) -> float:
        self._steps += 1
        stop = self.scenario.stops.get(self._steps, 0.0)
        if stop:
            self.note("dies" if stop < 0 else f"stands still for {stop:g} s")
        return stop

    @contextmanager
    def transaction(self) -> Iterator[None]:
        outer, self.in_transaction = self.in_transaction, True
        try:
            with self.memory.transaction():
                yield
        finally:
            self.in_transaction = outer

    def note(self, *what: Any) -> None:
        self.trace.append((round(self.time, 3), self._alone[0], *what))

    # ------------------------------------------------------------------ workers

    def _start(self, name: str, *, after: float) -> None:
        heapq.heappush(self._events, (self.time + after, self._next(), greenlet(lambda: self._work(name))))

    def _work(self, name: str) -> None:
        try:
            while not self._is_over():
                self._alone[0] = name
                self._pass()
                self.pause(self._until_due())
        except Died:
            self.in_transaction = False
            if not self._is_over():
                self.deaths += 1
                self._start(name, after=self.dice.choice((2.0, 150.0, 500.0)))

    def _until_due(self) -> float:
        """Whoever has nothing to do sleeps until the database says that something is due."""
        wake, now = self.memory.next_wake(), self.memory.now()
        held = self.memory.flow["held_until"]
        due = [moment for moment in (wake,) if moment is not None]
        seconds = min([(max(due[0], held or due[0]) - now).total_seconds()] if due else [30.0])
        return min(max(seconds, 1.0) + 0.5, 30.0 if len(self.entries) < len(self.scenario.movements) else 600.0)

    def _pass(self) -> None:
        with self.transaction():
            lease = self.memory.take_lease(1, seconds=TIMING.lease)
        if lease is None:
            self.pause(20.0)
            return
        ctx = self._opened(*lease)
        try:
            self._steps_of_a_pass(ctx)
        except ConnectorError as error:
            self.note("gives up this pass", error.message)
        except LeaseLost:
            self.note("has lost its lease")
            return
        with ctx.commit():
            self.memory.give_back(1, epoch=ctx.epoch)

    def _steps_of_a_pass(self, ctx: SimulatedContext) -> None:
        """The order of `run._work` and its rounds, for entries that are decided already."""
        try:
            reconcile.reconcile(ctx)
            while True:
                ctx.exhausted.clear()
                while push.push(ctx):
                    ctx.renew_lease()
                if not confirm.confirm(ctx):
                    return
                ctx.renew_lease()
        except (ConnectorError, LeaseLost, Wrong):
            raise
        except Exception as defect:
            raise Wrong(f"a defect: {type(defect).__name__}: {defect}") from defect

    def _opened(self, epoch: int, now: datetime) -> SimulatedContext:
        connection = SimpleNamespace(pk=1, external_id=ORGANISATION, paused_until=None)
        flow: Any = SimpleNamespace(pk=1, destination=connection, **self.memory.flow)
        return SimulatedContext(
            world=self,
            flow=flow,
            tenant=SimpleNamespace(pk=1),  # type: ignore[arg-type]
            epoch=epoch,
            trigger="simulation",
            source=None,  # type: ignore[arg-type]
            destination=self._destination(),
            books=SimpleNamespace(creates_options=False, policy=DEFAULT_POLICIES.get),  # type: ignore[arg-type]
            timing=TIMING,
            dice=self.dice,
            monotonic=lambda: self.time,
            opened_at=now,
            opened_tick=self.time,
            lease_tick=self.time,
            source_at_end=True,
        )

    def _destination(self) -> XeroDestination:
        destination = SimulatedDestination(self.scenario.batch)
        destination._client = copy.copy(_TEMPLATE._client)
        destination._client._api = Line(self.books, pass_number=self._next(), world=self)  # type: ignore[assignment]
        return destination

    # -------------------------------------------------------------------- calls

    def on_write(self) -> str:
        self._writes += 1
        self.calls += 1
        fault = self.scenario.writes.get(self._writes, "none")
        if fault != "none":
            self.note("befalls the call", fault)
        return fault

    def check_age(self, key: str) -> None:
        """A request that leaves long after its claim may arrive when others have concluded that it never will."""
        (sent,) = (it["last_send"] for it in self.memory.intents.values() if it["idempotency_key"] == key)
        age = (self.memory.now() - sent).total_seconds()
        if age > TIMING.send_deadline:
            raise Wrong(f"a request left {age:.0f} s after its claim")

    def on_read(self, plural: str) -> str:
        self._reads += 1
        self.calls += 1
        self.pause(0.05)
        fault = self.scenario.reads.get(self._reads, "")
        if fault:
            self.note("befalls the reading", plural, fault)
        return fault

    # ------------------------------------------------------------ the two sides

    def _arrives(self, movement: Movement) -> None:
        document = document_of(movement)
        self.entries[movement.number] = self.memory.add_entry(
            marker=document.marker,
            document=documents.to_json(document),
            destination_type=document.kind.value,
            booking_date=document.date,
        )

    def _created(self, document: Wire) -> None:
        mark = document["_marker"]
        if not mark:
            return
        self.note("the books hold", mark)
        if sum(it["_marker"] == mark for it in self.books.documents) > 1:
            raise Wrong(f"{mark} stands twice in the books")
        number = sum(bool(it["_marker"]) for it in self.books.documents) - 1
        for act in self.scenario.acts:
            if act.nth == number:
                self.later(act.after, lambda act=act: self._acts(act, document))  # type: ignore[misc]

    def _acts(self, act: Act, document: Wire) -> None:
        if document["_plural"] != "BankTransactions":
            return
        self._alone[0] = "a person"
        self.note(act.what, document["_marker"])
        if act.what == TYPES_TWIN:
            plain = {**document, "Reference": "typed by hand", "LineItems": document["LineItems"]}
            self.books.store("BankTransactions", {k: v for k, v in plain.items() if not k.startswith("_")})
            return
        if document["_marker"] in self.touched:
            return  # one person, one deed
        self.touched[document["_marker"]] = act.what
        match act.what:
            case "deletes":
                self.books.change(document, Status="DELETED")
            case "edits the amount":
                self.books.change(document, Total=document["Total"] + 1)
            case "reconciles":
                self.books.change(document, IsReconciled=True)

    # ------------------------------------------------------------------ judging

    def _is_over(self) -> bool:
        return self.time > HORIZON or self._is_done()

    def _is_done(self) -> bool:
        return (
            not self._waiting
            and len(self.entries) == len(self.scenario.movements)
            and not self._restless()
            and not any(row["state"] == "open" for row in self.memory.intents.values())
        )

    def _restless(self) -> list[str]:
        return [f"{it['marker']} {it['state']}" for it in self.memory.entries.values() if it["state"] not in AT_REST]

    def _judge(self) -> None:
        """At rest: each movement once and to the cent, and every entry says what is the case."""
        standing: dict[str, Wire] = {it["_marker"]: it for it in self.books.documents if it["_marker"]}
        ids = {it["_marker"]: it.get("BankTransactionID") or it.get("BankTransferID") for it in standing.values()}
        for movement in self.scenario.movements:
            mark = marker_of(movement)
            entry, document = self.memory.entries[self.entries[movement.number]], standing.get(mark)
            if movement.refused:
                self._judge_refused(entry, document)
            elif document is None:
                self._judge_absent(entry)
            else:
                _judge_booked(movement, entry, document, ids[mark], self.touched.get(mark, ""))

    def _judge_refused(self, entry: Wire, document: Wire | None) -> None:
        """In review, unless each attempt failed before Xero could refuse it, or its refusal died with a worker."""
        unheard = self.failures.get(entry["marker"], 0) + self.deaths
        if document is None and entry["state"] == "failed" and unheard >= TRIES:
            return
        if document is not None or entry["state"] != "review":
            raise Wrong(f"{entry['marker']} was refused by Xero, and is {entry['state']} instead of in review")

    def _judge_absent(self, entry: Wire) -> None:
        """Only after every attempt of the schedule, and said."""
        mark, failed = entry["marker"], self.failures.get(entry["marker"], 0)
        if entry["state"] != "failed":
            raise Wrong(f"{mark} is {entry['state']} and not in the books")
        if failed < TRIES:
            raise Wrong(f"{mark} was given up after {failed} failures")

    def failed(self, markers: tuple[str, ...]) -> None:
        for mark in markers:
            self.failures[mark] = self.failures.get(mark, 0) + 1


def _judge_booked(movement: Movement, entry: Wire, document: Wire, document_id: object, touched: str) -> None:
    mark = entry["marker"]
    if entry["destination_id"] != document_id:
        raise Wrong(f"{mark} is linked with {entry['destination_id']} instead of {document_id}")
    if entry["state"] != "confirmed" and touched not in (DELETES, EDITS):
        raise Wrong(f"{mark} stands in the books and is {entry['state']}: {entry['findings']}")
    if entry["state"] == "review" and not entry["findings"]:
        raise Wrong(f"{mark} is in review without a reason")
    wanted = document_of(movement)
    total = Decimal(document["Total"] if "Total" in document else document["Amount"]) - (1 if touched == EDITS else 0)
    account = (document.get("BankAccount") or document["FromBankAccount"])["AccountID"]
    if (total, account, document["Date"]) != (
        Decimal(movement.cents).scaleb(-2), ACCOUNTS[movement.account], wanted.date.isoformat(),
    ):  # fmt: skip
        raise Wrong(f"{mark} stands as {account} {document['Date']} {total} in the books: not what it was")


class SimulatedDestination(XeroDestination):
    """The real one, with smaller batches, so that more calls are made."""

    def __init__(self, batch: int) -> None:
        self.organisation_id = ORGANISATION
        self._batch = batch
        self._currencies = dict.fromkeys(ACCOUNTS, "CHF")

    def batch_size(self, endpoint: Endpoint, *, amending: bool = False) -> int:
        return min(self._batch, super().batch_size(endpoint, amending=amending))


_TEMPLATE = XeroDestination(
    Wiring(
        base_url="http://localhost",
        tokens=None,  # type: ignore[arg-type]
        throttle=None,  # type: ignore[arg-type]
        record_call=lambda call: None,
        organisation_id=ORGANISATION,
    )
)


@contextmanager
def given(world: World) -> Iterator[None]:
    """The production modules work on this world's store instead of the database."""
    modules = (push, settle, reconcile, confirm, mirror, context)
    replaced: list[tuple[Any, str, Any]] = [
        (module, name, getattr(module, name))
        for module in modules
        for name in ("store", "store_intents", "store_evidence", "store_mirror")
        if hasattr(module, name)
    ]
    for module, name, _ in replaced:
        setattr(module, name, world.memory)
    replaced += [(push, "incidents", incidents), (push, "drift", drift), (mirror, "renew", renew)]
    replaced += [(mirror, "ALL_ENDPOINTS", mirror.ALL_ENDPOINTS)]
    replaced += [(contacts, "hold_undecided", contacts.hold_undecided)]
    replaced += [(reading, "bank_transaction", reading.bank_transaction), (mirror, "as_row", mirror.as_row)]
    reading.bank_transaction = remembered(reading.bank_transaction)
    vars(mirror)["as_row"] = once_each(mirror.as_row)
    vars(push)["incidents"] = SimpleNamespace(open=lambda **told: None)
    vars(push)["drift"] = SimpleNamespace(look=lambda ctx: 0)  # what people did to other documents is no part of it
    vars(mirror)["renew"] = lambda ids, **options: 0  # nothing is ever posted again here
    vars(mirror)["ALL_ENDPOINTS"] = mirror.ENDPOINTS  # a company without invoices, and nobody pays one by hand
    contacts.hold_undecided = lambda ctx: None  # nobody is asked about a contact
    try:
        yield
    finally:
        for module, name, real in replaced:
            setattr(module, name, real)


def remembered(read: Callable[..., MirrorDocument]) -> Callable[..., MirrorDocument]:
    """A document is read dozens of times in one run: the pure function is asked once for each state of it."""
    known: dict[Any, MirrorDocument] = {}

    def asked(element: Wire, *, lines_since: datetime = EVER) -> MirrorDocument:
        key = (*(element.get(name) for name in VERSION), lines_since)
        if key not in known:
            known[key] = read(element, lines_since=lines_since)
        return known[key]

    return asked


def once_each(told: Callable[[MirrorDocument], Wire]) -> Callable[[MirrorDocument], Wire]:
    """The same for the row of a document; `known` keeps the document, so that its id stays its own."""
    known: dict[int, tuple[MirrorDocument, Wire]] = {}

    def asked(document: MirrorDocument) -> Wire:
        if id(document) not in known:
            known[id(document)] = (document, told(document))
        return known[id(document)][1]

    return asked


def marker_of(movement: Movement) -> str:
    return marker(f"amnis:{movement.account}:{movement.number}", leg="main", organisation_id=ORGANISATION)


def document_of(movement: Movement) -> BankTransaction | BankTransfer:
    total = Money(amount=Decimal(movement.cents).scaleb(-2), currency="CHF")
    common: dict[str, Any] = {
        "date": date(2026, 3, movement.day),
        "total": total,
        "reference": f"Payment {movement.number}",
        "marker": marker_of(movement),
    }
    account = ACCOUNTS[movement.account]
    if movement.transfer:
        other = ACCOUNTS[(movement.account + 1) % len(ACCOUNTS)]
        return BankTransfer(from_account_id=account, to_account_id=other, **common)
    line = LineItem(
        description="Payment", amount=total.amount, account_id=INCOME, account_code="200", tax_type="NONE", tracking=()
    )
    return BankTransaction(
        kind=DocumentKind.RECEIVE,
        bank_account_id=account,
        contact_id=CONTACT,
        contact_name="Beispiel AG",
        lines=(line,),
        tax_mode=TaxMode.NO_TAX,
        **common,
    )
