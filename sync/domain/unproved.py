"""What a proof does not prove: wallets nobody mapped, and documents of ours on a wallet that is mapped no longer. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

BALANCED, DIFFERS, NOTHING = "balanced", "not_balanced", "nothing_to_prove"
_SAYS = {
    BALANCED: "In balance",
    DIFFERS: "Not in balance",
    NOTHING: "Nothing was proved: no wallet is mapped to a bank account. Map one on the Accounts page.",
}
ACTION = "Map the wallet to its bank account again, so that it is proved; or undo the entry."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A posted movement of a wallet that is no part of the proof. `left_out`: why, where a person said so."""

    account_id: str
    source_id: str
    record: int
    booking_date: date | None
    amount: Decimal
    currency: str
    marker: str
    documents: tuple[str, ...]
    left_out: str = ""
    state: str = ""

    @property
    def why(self) -> str:
        """Why its wallet is no part of the proof."""
        return f"left out ({self.left_out})" if self.left_out else "mapped to no bank account"


def unproved(
    strays: Iterable[Stray], *, standing: Iterable[tuple[str, str]], proved: Iterable[str]
) -> list[dict[str, Any]]:
    """The strays whose document stands in the books. `standing`: (document, bank account) of every live leg that was
    read; `proved`: the bank accounts of the proof, where a document without a row is named anyway."""
    elsewhere = defaultdict(set)
    known = set(proved)
    for document, account in standing:
        if account not in known:
            elsewhere[document].add(account)
    found = ((stray, next((one for one in stray.documents if one in elsewhere), None)) for stray in strays)
    return [_item(stray, document) for stray, document in found if document is not None]


def verdict(result: Mapping[str, Any]) -> str:
    """One word for a proof as it is kept; also for one from before the word was kept with it."""
    if not result["accounts"]:
        return NOTHING
    return BALANCED if result["balanced"] else DIFFERS


def says(result: Mapping[str, Any]) -> str:
    return _SAYS[verdict(result)]


def _item(stray: Stray, document: str) -> dict[str, Any]:
    return {
        "source": stray.account_id,
        "source_id": stray.source_id,
        "booking_date": stray.booking_date.isoformat() if stray.booking_date else "",
        "amount": f"{stray.amount:.2f}",
        "currency": stray.currency,
        "record": stray.record,
        "document": document,
        "marker": stray.marker,
        "explanation": f"It was posted, and its wallet is now {stray.why}: nobody proves it.",
        "action": ACTION,
    }
