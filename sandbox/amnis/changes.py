"""Odd rows, later changes, and what a test looks at."""

from decimal import Decimal
from typing import Any

from sandbox.amnis import balances, lifecycle
from sandbox.amnis.desk import Desk
from sandbox.amnis.ledger import kind_of
from sandbox.amnis.values import stamp
from sandbox.amnis.wire import Body


class Changes(Desk):
    """What happens to rows after they were written."""

    def raw(self, row: Body, *, detail: Body | None = None) -> int:
        """A ledger row exactly as given (missing fields stay missing, except the id); `detail` is stored beside it."""
        with self.ledger() as ledger:
            if detail is not None:
                kind = kind_of(row) or "unknown"
                row = {**row, "transactionDetailId": ledger.add_detail(kind, self.client_id, detail)}
            return ledger.add_row(self.client_id, dict(row))

    def change(self, row_id: int, **fields: Any) -> None:
        """Set fields of a row by their names in the API; a new amount reaches the detail too; `updatedAt` moves."""
        with self.ledger() as ledger:
            row = self._row(ledger, row_id)
            row.body |= {"updatedAt": stamp(ledger.now), **fields}
            ledger.save_row(row)
            if "amount" in fields:
                self._change_detail(ledger, row, {"amount": str(fields["amount"]).lstrip("-")})

    def change_detail(self, row_id: int, *, touch: bool = True, **fields: Any) -> None:
        """Set fields of a row's detail; `touch=False` leaves the row's `updatedAt` alone."""
        with self.ledger() as ledger:
            row = self._row(ledger, row_id)
            self._change_detail(ledger, row, fields)
            if touch:
                row.body["updatedAt"] = stamp(ledger.now)
                ledger.save_row(row)

    def execute(self, row_id: int, *, amount: str | None = None) -> int:
        """The pending row executes now; `amount` is what a card is really debited. Returns the executed row's id."""
        with self.ledger() as ledger:
            return lifecycle.execute(ledger, self._row(ledger, row_id), ledger.now, amount=amount)

    def capture(self, row_id: int, *, amount: str) -> int:
        """The merchant collects a part of a reserved card payment. Returns the id of the row that says so."""
        with self.ledger() as ledger:
            return lifecycle.capture(ledger, self._row(ledger, row_id), ledger.now, amount=amount)

    def reverse(self, row_id: int) -> int:
        """A settled card payment comes back. Returns the id of the row that brings the money."""
        with self.ledger() as ledger:
            return lifecycle.reverse(ledger, self._row(ledger, row_id), ledger.now)

    def cancel(self, row_id: int) -> None:
        with self.ledger() as ledger:
            lifecycle.cancel(ledger, self._row(ledger, row_id), ledger.now)

    def fail(self, row_id: int) -> None:
        with self.ledger() as ledger:
            lifecycle.fail(ledger, self._row(ledger, row_id), ledger.now)

    def expire(self, row_id: int) -> None:
        with self.ledger() as ledger:
            lifecycle.expire(ledger, self._row(ledger, row_id), ledger.now)

    def remove(self, row_id: int) -> None:
        """The row vanishes, which the vendor says never happens (A21)."""
        with self.ledger() as ledger:
            ledger.store.execute("DELETE FROM amnis_transaction WHERE id = ?", (self._row(ledger, row_id).id,))

    def rows(self, *, executed: bool | None = None) -> list[Body]:
        """The ledger rows as stored, signed, by id."""
        with self.ledger() as ledger:
            return [row.body for row in ledger.rows(self.client_id, executed=executed)]

    def row(self, row_id: int) -> Body:
        with self.ledger() as ledger:
            return self._row(ledger, row_id).body

    def detail(self, row_id: int) -> Body | None:
        with self.ledger() as ledger:
            return ledger.details_of([self._row(ledger, row_id).body])[0]

    def balances(self) -> dict[int, Decimal]:
        """Available balance per account id."""
        with self.ledger() as ledger:
            found = balances.accounts(ledger, self.client_id)
            return {item["id"]: Decimal(item["availableBalance"]) for item in found}
