"""Anything that may befall a company, in any order, on the real Postgres with both sandbox vendors: a Hypothesis machine.

After each step the books hold no marker twice and our rows are sound; at rest every row of Amnis is booked once and to the
cent, or waits for a person with a reason that really came about.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connectors import faults
from connectors.models import Connection, Grant
from sandbox.xero.people import People
from sync import services, store, store_figures, undoing
from sync.models import Amendment, Entry, Event, Flow, PushIntent, PushIntentItem
from sync.models.amendment import ON_THE_WAY
from sync.models.entry import AT_REST
from sync.pipeline.result import NotConnected
from sync.undoing import Selection
from tenants.rotation import rotate_keys
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import ORGANISATION, World
from tests.simulation.memory import MOVES

ACTOR = "alice@muster.example"
BANK = {1: "090", 2: "EUR Amnis"}
CLEARING = "850"
TRANSFERRED = Decimal("70.00")
REST_SECONDS = 30.0
# What may keep a movement from the books, and what has to have happened for it.
REASONS = {
    "period_locked": "locks",
    "deleted_in_xero": "edits",
    "read_back_differs": "edits",
    "already_in_xero": "twins",
    "contact_archived": "merges",
    "vanished_at_source": "edits",
}
# What only a person, or the source, brings about: the trigger lets it pass for nobody else.
PERSONS = frozenset(
    {(state, "fetched") for state in ("review", "fetched", "failed", "skipped", "undone")} | {("confirmed", "undone")}
)
NAMED = ("Zeltbau Amsel", "Optik Drossel", "Modehaus Probe")  # whom the rows are with

amounts = st.sampled_from(("100.00", "100.00", "0.29", "19.99", "1234567.89"))
days = st.integers(2, 5).map(lambda day: date(2026, 3, day))


class Killed(BaseException):
    """This process is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A movement as Amnis has it."""

    wallet: int
    day: date
    amount: Decimal


class FlowMachine(RuleBasedStateMachine):
    """`opened` gives the world of one example."""

    opened: Callable[[], AbstractContextManager[World]]

    def __init__(self) -> None:
        super().__init__()
        self._door = type(self).opened()
        self.world = self._door.__enter__()
        self.rows: dict[int, Row] = {}
        self.changed: set[int] = set()  # rows that Amnis changed: what was posted before stands
        self.touched: set[str] = set()  # markers of documents that a person has changed or removed
        self.happened: set[str] = set()
        self.deals = 0
        self.backup: str | None = None
        self.died = False

    @property
    def people(self) -> People:
        return self.world.sandbox.xero.people(ORGANISATION)

    def teardown(self) -> None:
        self._door.__exit__(None, None, None)

    @initialize()
    def an_older_row(self) -> None:
        """By one outgoing row a ledger shows that it signs its amounts."""
        self.world.amnis.payout(amount="1.00", to="Vorjahr AG", executed_on=date(2025, 12, 15))

    # ------------------------------------------------------------------ the source

    @rule(amount=amounts, day=days, wallet=st.sampled_from((1, 2)))
    def a_pay_in(self, amount: str, day: date, wallet: int) -> None:
        row = self.world.amnis.pay_in(amount=amount, payer="Zeltbau Amsel", account=wallet, executed_on=day)
        self.rows[row] = Row(wallet=wallet, day=day, amount=Decimal(amount))

    @rule(amount=amounts, day=days)
    def a_payout(self, amount: str, day: date) -> None:
        row = self.world.amnis.payout(amount=amount, to="Optik Drossel", account=1, executed_on=day)
        self.rows[row] = Row(wallet=1, day=day, amount=-Decimal(amount))

    @rule(day=days)
    def an_exchange(self, day: date) -> None:
        self.world.amnis.fx(sold=(1, "1000.00"), bought=(2, "1055.30"), value_on=day)
        self.deals += 1

    @rule(day=days)
    def a_card_payment_that_is_reversed(self, day: date) -> None:
        for refund in (False, True):
            row = self.world.amnis.card(amount="80.00", merchant="Modehaus Probe", executed_on=day, refund=refund)
            self.rows[row] = Row(wallet=1, day=day, amount=Decimal(80 if refund else -80))

    @rule(day=days)
    def a_fee(self, day: date) -> None:
        row = self.world.amnis.fee(amount="3.50", executed_on=day)
        self.rows[row] = Row(wallet=1, day=day, amount=Decimal("-3.50"))

    @rule(day=days)
    def an_own_transfer(self, day: date) -> None:
        self.world.amnis.own_transfer(amount=str(TRANSFERRED), source=1, target=8, executed_on=day)

    @rule(number=st.integers(0, 99), cents=st.integers(1, 500))
    def the_source_changes_a_row(self, number: int, cents: int) -> None:
        plain = [row for row, known in self.rows.items() if known.amount > 80]
        if plain:
            row = plain[number % len(plain)]
            self.world.amnis.change(row, amount=str(self.rows[row].amount + Decimal(cents).scaleb(-2)))
            self.changed.add(row)

    # -------------------------------------------------------------------- our work

    @rule()
    def a_sync(self) -> None:
        self._sync()

    @rule(
        effect=st.sampled_from(("lose_answer", "half_batch", "offline", "shuffle", "drop_element", "garble", "reset"))
    )
    def a_call_goes_wrong(self, effect: str) -> None:
        with self._fault(effect):
            self._sync()

    @rule()
    def xero_asks_to_slow_down(self) -> None:
        self.world.sandbox.xero.faults.rate_limit("minute", retry_after=1, methods={"PUT"})
        self._sync()
        self.world.sandbox.xero.faults.clear()

    @rule(statement=st.integers(1, 120))
    def the_process_dies(self, statement: int) -> None:
        """At one of its statements: what was not committed is gone, and nothing of it runs on."""
        with dies_at(statement) as left:
            try:
                self._sync()
            except Killed:
                self.died = True
        self.died = self.died or left[0] <= 0

    @rule()
    def two_workers(self) -> None:
        """One has its answer and stands still until its lease is over; another one works to the end meanwhile."""
        with stands_still_at("after_answer_before_settle", self._another):
            self._sync()

    def _another(self) -> None:
        self._leases_end()
        self._sync()

    @rule()
    def hours_pass(self) -> None:
        """What is ready waited all the while."""
        past = "decided_at = decided_at - interval '3 hours', changed_at = changed_at - interval '3 hours'"
        with tenant_scope(self.world.tenant.pk):
            store.run_sql(f"UPDATE entry SET {past}, not_before = clock_timestamp() WHERE state = 'ready'")

    @rule()
    def the_calls_of_the_day_are_used_up_for_a_second(self) -> None:
        faults_of_xero = self.world.sandbox.xero.faults
        faults_of_xero.rate_limit("day", retry_after=1, methods={"PUT"}, after=1)
        self._sync()
        faults_of_xero.clear()
        time.sleep(1.05)

    @rule()
    def the_connection_is_revoked_and_made_again(self) -> None:
        self.people.disconnect()
        self._sync()
        self._consent_again()
        with tenant_scope(self.world.tenant.pk):
            Connection.objects.filter(kind="xero").update(status=Connection.Status.ACTIVE, last_error="")
        services.flow_reconnected(tenant_id=self.world.tenant.pk, flow_id=self.world.flow_id, actor=ACTOR)

    @rule()
    def the_keys_are_rotated(self) -> None:
        settings.FIELD_ENCRYPTION_KEY = [Fernet.generate_key().decode(), *_listed(settings.FIELD_ENCRYPTION_KEY)]
        rotate_keys()

    @rule()
    def a_backup(self) -> None:
        self.backup = transaction.savepoint()

    @rule()
    def the_backup_is_restored(self) -> None:
        """All rows as they were; what was posted since is known to Xero alone. Hours have passed."""
        if self.backup is None:
            return
        transaction.savepoint_rollback(self.backup)
        self._no_keys()
        self._consent_again()  # the tokens of then were used up since
        self.happened |= {"edits"}  # what was undone since then looks deleted by a person
        long_ago = Now() - timedelta(hours=2)
        with tenant_scope(self.world.tenant.pk):
            Flow.objects.filter(mirror_read_at__isnull=False).update(mirror_read_at=long_ago)
        self._leases_end()

    # ---------------------------------------------------------------------- people

    @rule(number=st.integers(0, 99), deed=st.sampled_from(("edit", "delete", "reconcile")))
    def a_person_in_xero(self, number: int, deed: str) -> None:
        documents = [it for it in self._documents() if not it["IsReconciled"] and _marker(it)]
        if not documents or "locks" in self.happened:
            return
        it = documents[number % len(documents)]
        key = it["BankTransactionID"]
        if deed == "reconcile":
            self.people.reconcile(key)
            return
        self.happened.add("edits")
        self.touched.add(_marker(it))
        if deed == "delete":
            self.people.delete(key)
        else:
            self.people.edit(key, Date="2026-03-09")

    @rule()
    def the_period_is_locked(self) -> None:
        self._lock(date(2026, 3, 3))
        self.happened.add("locks")

    @rule()
    def the_period_is_opened(self) -> None:
        self._lock(date(2026, 1, 31))

    def _lock(self, until: date) -> None:
        self.people.set_lock_dates(period=until)
        self.world.set_flow(lock_read_at=None)

    @rule(which=st.integers(0, 99))
    def two_contacts_are_merged(self, which: int) -> None:
        known = [it for it in self.world.books.contacts() if it["Name"] in NAMED and it["ContactStatus"] == "ACTIVE"]
        if len(known) > 1:
            away, into = known[which % len(known)], known[(which + 1) % len(known)]
            self.people.merge_contact(away["ContactID"], into["ContactID"])
            self.happened.add("merges")

    @rule(day=days)
    def a_day_is_undone(self, day: date) -> None:
        self._come_to_rest()
        world = self.world
        try:
            undoing.undo(tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=Selection(day=day), actor=ACTOR)
        except undoing.NothingThere:
            return
        self.happened.add("edits")
        self._come_to_rest()

    @rule()
    def all_that_was_undone_is_posted_again(self) -> None:
        if gone := self._entries("undone"):
            undoing.entry_post_again(tenant_id=self.world.tenant.pk, entry_ids=gone, actor=ACTOR)

    @rule()
    def all_that_is_held_is_tried_again(self) -> None:
        if held := self._entries("review", "failed", destination_id=None):
            services.entry_retry(tenant_id=self.world.tenant.pk, entry_ids=held, actor=ACTOR)

    def _entries(self, *states: str, **others: Any) -> list[int]:
        with tenant_scope(self.world.tenant.pk):
            return list(Entry.objects.filter(state__in=states, **others).values_list("pk", flat=True))

    # ------------------------------------------------------------------ invariants

    @invariant()
    def no_marker_stands_twice_in_the_books(self) -> None:
        everything = [*self._documents(live=False), *self.world.books.bank_transfers(live=False)]
        markers = Counter(marker for it in everything if (marker := _marker(it)))
        assert [marker for marker, times in markers.items() if times > 1] == []

    @invariant()
    def our_rows_are_sound(self) -> None:
        """One open intent for each subject, white-listed moves alone, nobody asleep for ever."""
        with tenant_scope(self.world.tenant.pk):
            open_items = Counter(
                PushIntentItem.objects.filter(open=True, entry__isnull=False).values_list("entry", flat=True)
            )
            moves = set(
                Event.objects.filter(entry__isnull=False)
                .exclude(from_state="")
                .exclude(step="amend")  # which moves the amendment, and tells it of the entry
                .values_list("from_state", "to_state")
            )
            sent = Entry.objects.filter(state="in_flight") | Entry.objects.filter(
                state="unconfirmed", destination_id=None
            )
            forgotten = [pk for pk in sent.values_list("pk", flat=True) if pk not in open_items]
            endless = PushIntent.objects.filter(state="open", next_probe=None, lease_until=None).count()
            asleep = store_figures.sleepers(grace=timedelta(minutes=5))
        assert not [entry for entry, times in open_items.items() if times > 1]
        assert {move for move in moves if move[0] != move[1]} <= MOVES | PERSONS, moves - MOVES - PERSONS
        assert (forgotten, endless, asleep) == ([], 0, [])

    @invariant()
    def the_daily_figures_are_exact(self) -> None:
        with tenant_scope(self.world.tenant.pk):
            told = store.rows(
                "SELECT day, currency, count, amount FROM daily_stat WHERE measure = 'confirmed' AND (count, amount) <> (0, 0)"
                " ORDER BY day, currency"
            )
            counted = store.rows(
                "SELECT booking_date AS day, currency, count(*) AS count, sum(abs(amount)) AS amount FROM entry"
                " WHERE state = 'confirmed' AND booking_date IS NOT NULL GROUP BY day, currency ORDER BY day, currency"
            )
        assert told == counted

    @rule()
    def all_comes_to_rest(self) -> None:
        self._come_to_rest()
        with tenant_scope(self.world.tenant.pk):
            entries = list(Entry.objects.select_related("record"))
        standing = {marker: it for it in self._documents() if (marker := _marker(it))}
        by_row = {int(entry.record.source_id): entry for entry in entries if entry.leg == "main"}
        assert self.rows.keys() <= by_row.keys(), "no row is lost"
        for row, entry in by_row.items():
            if row in self.rows and entry.marker not in self.touched:
                self._judge(row, entry, standing.get(entry.marker))
        assert standing.keys() <= {entry.marker for entry in entries}, "nothing of ours stands there unknown to us"
        legs = [entry for entry in entries if entry.leg != "main"]
        if all(entry.state == "confirmed" and entry.marker not in self.touched for entry in legs):
            assert self.world.books.base_balance(CLEARING) == 0
        self._add_up(by_row, standing)
        moved = [it for it in entries if it.destination_type == "BANKTRANSFER" and it.state == "confirmed"]
        assert len(self.world.books.bank_transfers()) == len(moved)
        assert self.world.books.balance("096") == TRANSFERRED * len(moved)

    def _judge(self, row: int, entry: Entry, document: dict[str, Any] | None) -> None:
        if entry.state == "confirmed":
            assert document is not None, f"{entry.marker} is confirmed and not in the books"
            assert document["BankTransactionID"] == entry.destination_id
            return
        if entry.state == "undone":
            assert document is None
            return
        codes = {finding["code"] for finding in entry.findings if finding["severity"] == "review"}
        unexplained = {code for code in codes if REASONS.get(code) not in self.happened}
        if row not in self.changed:
            assert entry.state == "review", f"{entry.marker} is {entry.state}: {codes}"
            assert codes, f"{entry.marker} is held without a reason"
            assert not unexplained, f"{entry.marker} is held because of {unexplained}"

    def _add_up(self, by_row: dict[int, Entry], standing: dict[str, dict[str, Any]]) -> None:
        """Per account and day, to the cent: what is booked of the rows that nobody has changed."""
        wanted: Counter[tuple[str, str]] = Counter()
        found: Counter[tuple[str, str]] = Counter()
        for row, known in self.rows.items():
            entry = by_row[row]
            if entry.state != "confirmed" or row in self.changed or entry.marker in self.touched:
                continue
            it = standing[entry.marker]
            cents = int(Decimal(str(it["Total"])) * 100) * (1 if it["Type"] == "RECEIVE" else -1)
            found[it["BankAccount"]["AccountID"], it["DateString"][:10]] += cents
            account = self.world.books.account(BANK[known.wallet])["AccountID"]
            wanted[account, known.day.isoformat()] += int(known.amount * 100)
        assert found == wanted

    # ---------------------------------------------------------------------- within

    def _sync(self) -> None:
        if self.died:
            self._leases_end()
            self.died = False
        self._no_keys()
        try:
            self.world.sync()
        except NotConnected:
            assert self.world.flow().state == Flow.State.STOPPED

    def _consent_again(self) -> None:
        tokens = self.world.sandbox.xero.issue_tokens(ORGANISATION)
        grant = Grant.objects.get(provider="xero")
        grant.access_token, grant.refresh_token = tokens["access_token"], tokens["refresh_token"]
        grant.status = Grant.Status.ACTIVE
        grant.save()

    def _no_keys(self) -> None:
        """The idempotency key must not be the only net."""
        self.world.sandbox.xero.idempotency.forget_everything()

    def _leases_end(self) -> None:
        with tenant_scope(self.world.tenant.pk):
            past = Now() - timedelta(seconds=1)
            Flow.objects.filter(lease_until__isnull=False).update(lease_until=past)
            PushIntent.objects.filter(lease_until__isnull=False).update(lease_until=past)

    def _come_to_rest(self) -> None:
        self.world.sandbox.clock.advance(timedelta(hours=2))
        until = time.monotonic() + REST_SECONDS
        while time.monotonic() < until:
            self._sync()
            if set(self.world.states()) <= set(AT_REST) and not self._on_the_way():
                return
            time.sleep(0.05)
        raise AssertionError(f"not at rest: {Counter(self.world.states())}")

    def _on_the_way(self) -> bool:
        with tenant_scope(self.world.tenant.pk):
            return Amendment.objects.filter(state__in=ON_THE_WAY).exists()

    def _documents(self, *, live: bool = True) -> list[dict[str, Any]]:
        return self.world.books.bank_transactions(live=live)

    @contextmanager
    def _fault(self, effect: str) -> Iterator[None]:
        plan = self.world.sandbox.xero.faults
        getattr(plan, effect)(methods={"PUT"})
        try:
            yield
        finally:
            plan.clear()


@contextmanager
def dies_at(statement: int) -> Iterator[list[int]]:
    """The process dies at its n-th statement; whatever still wants to write does not reach the database."""
    left = [statement]

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SAVEPOINT", "ROLLBACK", "RELEASE")):
            return execute(sql, params, many, context)
        left[0] -= 1
        if left[0] <= 0:
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield left


@contextmanager
def dies_after(commits: int) -> Iterator[list[int]]:
    """The process dies as soon as its n-th transaction is over: as it would within the next one, nothing of which stays."""
    left = [commits]

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if left[0] <= 0:
            raise Killed
        left[0] -= sql.startswith("RELEASE")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield left


@contextmanager
def stands_still_at(wanted: str, meanwhile: Callable[[], None]) -> Iterator[None]:
    """At the first passing of this point something else happens."""
    real, waiting = faults.point, [meanwhile]

    def point(name: str) -> None:
        if name == wanted and waiting:
            waiting.pop()()

    faults.point = point
    try:
        yield
    finally:
        faults.point = real


def _marker(document: dict[str, Any]) -> str:
    reference = str(document.get("Reference") or "")
    place = reference.rfind("MR-")
    return reference[place : place + 16] if place >= 0 else ""


def _listed(keys: Any) -> list[str]:
    return [keys] if isinstance(keys, str) else list(keys)
