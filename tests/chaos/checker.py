"""Compares both vendors' own exports with each other and with what we say about them. Pure, and knows nothing of us.

Movement by movement: each executed row at Amnis is one leg (account, day, signed amount) in Xero's books, and nothing
else moves there. Our markers and ids are checked afterwards; they are never used to find a document.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Leg = tuple[str, str, Decimal]  # AccountID, day, signed amount
CLEARING = "850"
LIVE = "AUTHORISED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is wrong. Each set names the culprits, so that two moments can be compared."""

    duplicates: frozenset[str] = frozenset()
    losses: frozenset[str] = frozenset()
    problems: frozenset[str] = frozenset()
    cents: Mapping[str, Decimal] = field(default_factory=dict)  # per account, books less source

    @property
    def is_clean(self) -> bool:
        return not (self.duplicates or self.losses or self.problems or self.difference)

    @property
    def difference(self) -> Decimal:
        """The absolute differences of all accounts together, each in its own currency."""
        return sum((abs(amount) for amount in self.cents.values()), Decimal(0))

    def since(self, earlier: Judgement) -> Judgement:
        """What has gone wrong after `earlier`."""
        accounts = self.cents.keys() | earlier.cents.keys()
        moved = {name: self.cents.get(name, Decimal(0)) - earlier.cents.get(name, Decimal(0)) for name in accounts}
        return Judgement(
            duplicates=self.duplicates - earlier.duplicates,
            losses=self.losses - earlier.losses,
            problems=self.problems - earlier.problems,
            cents={name: amount for name, amount in moved.items() if amount},
        )


def judge(
    *,
    amnis: Mapping[str, Any],
    xero: Mapping[str, Any],
    entries: str,
    proof: Mapping[str, Any],
    wallets: Mapping[str, str],
) -> Judgement:
    """`entries` is the output of `entries --csv`, `proof` that of `proof --json`; `wallets` maps Amnis accounts to the
    code or name of Xero accounts."""
    account_of = {wallet: _account_id(xero, name) for wallet, name in wallets.items()}
    source = Counter(_source_legs(amnis, account_of))
    books = Counter(leg for _, leg in _book_legs(xero))
    return Judgement(
        duplicates=frozenset([*_surplus(books - source), *_contact_twins(xero)]),
        losses=frozenset(_surplus(source - books)),
        problems=frozenset([*_book_problems(xero), *_entry_problems(amnis, xero, entries), *_proof_problems(proof)]),
        cents=_differences(source, xero, account_of.values()),
    )


def _account_id(xero: Mapping[str, Any], name: str) -> str:
    for account_id, account in xero["balances"].items():
        if name in (account["code"], account["name"]):
            return str(account_id)
    raise LookupError(f"no account {name}")


def _source_legs(amnis: Mapping[str, Any], account_of: Mapping[str, str]) -> Iterator[Leg]:
    for row in amnis["rows"]:
        if row["executed"]:
            yield account_of[str(row["account"])], row["executionDate"][:10], Decimal(row["amount"])


def _book_legs(xero: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Leg]]:
    """Every live document with each of its legs on a bank account."""
    for document in xero["bank_transactions"]:
        if document["Status"] == LIVE:
            sign = 1 if document["Type"].startswith("RECEIVE") else -1
            yield document, _leg(document, "BankAccount", sign * _exact(document["Total"]))
    for document in xero["bank_transfers"]:
        if document.get("Status", LIVE) == LIVE:
            yield document, _leg(document, "FromBankAccount", -_exact(document["Amount"]))
            yield document, _leg(document, "ToBankAccount", _exact(document["Amount"]))


def _leg(document: Mapping[str, Any], side: str, amount: Decimal) -> Leg:
    return document[side]["AccountID"], document["DateString"][:10], amount


def _exact(value: object) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


def _surplus(legs: Counter[Leg]) -> list[str]:
    return [f"{account} {day} {amount} #{n}" for (account, day, amount), much in legs.items() for n in range(much)]


def _differences(source: Counter[Leg], xero: Mapping[str, Any], accounts: Iterable[str]) -> dict[str, Decimal]:
    """The balance that Xero itself shows for an account, less the sum of its movements at Amnis."""
    sums: dict[str, Decimal] = dict.fromkeys(accounts, Decimal(0))
    for (account, _, amount), count in source.items():
        sums[account] += amount * count
    found = {account: Decimal(xero["balances"][account]["own"]) - total for account, total in sums.items()}
    clearing = _account_id(xero, CLEARING)
    found[clearing] = Decimal(xero["balances"][clearing]["base"])
    return {account: amount for account, amount in found.items() if amount}


def _contact_twins(xero: Mapping[str, Any]) -> list[str]:
    """Contacts whose name or number exists twice: a creation that was repeated."""
    active = [contact for contact in xero["contacts"] if contact["ContactStatus"] == "ACTIVE"]
    names = Counter(_folded(contact["Name"]) for contact in active)
    numbers = Counter(contact["ContactNumber"] for contact in active if contact.get("ContactNumber"))
    return [f"contact {name}" for counted in (names, numbers) for name, n in counted.items() if n > 1]


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _book_problems(xero: Mapping[str, Any]) -> Iterator[str]:
    if not xero["balanced"]:
        yield "debits and credits differ in Xero's journal"
    for marker, count in Counter(xero["markers"]).items():
        if count > 1:
            yield f"marker {marker} stands on {count} documents"
    documents = len({_document_id(document) for document, _ in _book_legs(xero)})
    if documents != len(xero["markers"]):
        yield f"{documents} documents, {len(xero['markers'])} of them with a marker"


def _entry_problems(amnis: Mapping[str, Any], xero: Mapping[str, Any], entries: str) -> Iterator[str]:
    """Every row is confirmed, with a document that stands in the books and carries the row's marker."""
    reference_of = {_document_id(document): document["Reference"] for document, _ in _book_legs(xero)}
    told = list(csv.DictReader(io.StringIO(entries)))
    rows = {str(row["id"]) for row in amnis["rows"]}
    for missing in rows - {line["source_id"] for line in told}:
        yield f"row {missing} is not told of"
    for line in told:
        reference = reference_of.get(line["destination_id"])
        if line["state"] != "confirmed":
            yield f"row {line['source_id']} is {line['state']}"
        elif reference is None:
            yield f"row {line['source_id']} names a document that does not exist"
        elif not line["marker"] or not reference.endswith(line["marker"]):
            yield f"row {line['source_id']} and its document carry different markers"


def _document_id(document: Mapping[str, Any]) -> str:
    return str(document.get("BankTransactionID") or document["BankTransferID"])


def _proof_problems(proof: Mapping[str, Any]) -> Iterator[str]:
    if not proof["balanced"]:
        yield "our own proof is not balanced"
    for name in ("held_items", "missing", "duplicated", "unexpected"):
        if proof[name]:
            yield f"our own proof lists {len(proof[name])} {name.replace('_', ' ')}"
