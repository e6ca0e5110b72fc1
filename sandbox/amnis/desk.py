"""What every movement of a company needs: its ledger, names turned into ids, a detail and a row stored together."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.amnis import bodies, lifecycle, setup
from sandbox.amnis.bodies import Times
from sandbox.amnis.ledger import DETAIL_KINDS, Ledger, Row
from sandbox.amnis.values import Day, moment_of
from sandbox.amnis.wire import Body
from sandbox.core import Core

_MORNING = timedelta(hours=6)  # planned items execute at six on their day


class Desk:
    """The sandbox's own hand in one company's books."""

    def __init__(self, core: Core, client_id: str) -> None:
        self._core = core
        self.client_id = client_id
        self.name = setup.NAMES[client_id]

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The books as they stand now, what is due executed; everything inside is one commit."""
        with self._core.store.transaction():
            found = Ledger(self._core.store, self._core.clock.now())
            lifecycle.settle_due(found)
            yield found

    def _add(
        self,
        ledger: Ledger,
        type_: str,
        account: int,
        amount: Decimal,
        body: Body,
        times: Times,
        *,
        executed: bool,
        dead: bool = False,
        due: datetime | None = None,
        deed: str = "execute",
        visible: datetime | None = None,
        contact: int | None = None,
        detail: int | None = None,
        fields: Body | None = None,
    ) -> int:
        """Store the detail (unless another row shares its own) and the ledger row."""
        detail_id = detail or ledger.add_detail(DETAIL_KINDS[type_], self.client_id, body)
        row = bodies.ledger_row(
            type_=type_, account=account, currency=self._currency(ledger, account), amount=amount, executed=executed,
            times=times, detail=detail_id,
        )  # fmt: skip
        row |= {"contact": {"id": contact} if contact else None, **(fields or {})}
        if not executed and not dead and due is None and times.execution > ledger.now:
            due = times.execution + _MORNING
        return ledger.add_row(self.client_id, row, dead=dead, due=due, deed=deed, visible=visible)

    def _times(self, day: Day | None, created: datetime | None, updated: datetime | None) -> Times:
        now = created or self._core.clock.now()
        return Times(execution=moment_of(day) if day else self._today(), created=now, updated=updated or now)

    def _today(self) -> datetime:
        return moment_of(self._core.clock.now().date())

    def _currency(self, ledger: Ledger, account: int) -> str:
        return str(self._account(ledger, account)[0])

    def _kind(self, ledger: Ledger, account: int) -> str:
        return str(self._account(ledger, account)[1])

    def _account(self, ledger: Ledger, account: int) -> tuple[Any, ...]:
        query = "SELECT currency, type FROM amnis_account WHERE id = ? AND company = ?"
        found = ledger.store.execute(query, (account, self.client_id))
        if not found:
            raise LookupError(f"{self.client_id} has no account {account}")
        return found[0]

    def _contact(self, ledger: Ledger, name: str, *, country: str = "CH") -> int:
        found = self._named(ledger, "contacts", name)
        if found is not None:
            return int(found["id"])
        return ledger.add_resource("contacts", self.client_id, setup.contact(name, country=country))

    def _named(self, ledger: Ledger, kind: str, name: str | None) -> Body | None:
        if name is None:
            return None
        return next((item for item in ledger.resources(kind, self.client_id) if item["name"] == name), None)

    def _row(self, ledger: Ledger, row_id: int) -> Row:
        found = ledger.row(row_id, company=self.client_id)
        if found is None:
            raise LookupError(f"{self.client_id} has no row {row_id}")
        return found

    def _detail_of(self, ledger: Ledger, row_id: int) -> int:
        return self._row(ledger, row_id).detail_id or 0

    def _change_detail(self, ledger: Ledger, row: Row, fields: Body) -> None:
        body = ledger.details_of([row.body])[0]
        if body is not None and row.kind and row.detail_id is not None:
            if "amount" in fields and "amount" not in body:
                return
            ledger.save_detail(row.kind, row.detail_id, {**body, **fields})
