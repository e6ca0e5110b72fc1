"""Compares both vendors' own exports with each other and with what we say about them. Pure, and knows nothing of us.

Movement by movement: each executed row at Amnis is one leg (account, day, signed amount) in Xero's books, and nothing
else moves there. A row may wait for a person instead: then it is not in the books, and our export names it with a reason
that has nothing to do with a death. A row that is only away is a loss, whatever we say of it. Our markers and ids are
checked afterwards; they are never used to find a document.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Leg = tuple[str, str, Decimal]  # AccountID, day, signed amount
CLEARING = "850"
LIVE = "AUTHORISED"
IDS = ("BankTransactionID", "BankTransferID", "BatchPaymentID", "PaymentID")
# Why a person is asked although nothing went wrong, as the export says it.
PERSONS = re.compile(r"^This looks like the payment of ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is wrong. Each set names the culprits, so that two moments can be compared."""

    duplicates: frozenset[str] = frozenset()
    losses: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()  # rows that a person has to decide, or has taken back
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
            waiting=self.waiting - earlier.waiting,
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
    taken_back: Collection[str] = (),
    contacts: Mapping[str, str] | None = None,
) -> Judgement:
    """`entries` is the output of `entries --csv`, `proof` that of `proof --json`; `wallets` maps Amnis accounts to the
    code or name of Xero accounts; `taken_back` names the rows whose documents a person removed, `contacts` by row the name
    of the contact that a person decided on."""
    account_of = {wallet: _account_id(xero, name) for wallet, name in wallets.items()}
    told = list(csv.DictReader(io.StringIO(entries)))
    waiting = frozenset(_waiting(told, proof, taken_back))
    source = Counter(_source_legs(amnis, account_of, without=waiting))
    books = Counter(leg for _, leg in _book_legs(xero))
    return Judgement(
        duplicates=frozenset([*_surplus(books - source), *_contact_twins(xero)]),
        losses=frozenset(_surplus(source - books)),
        waiting=waiting,
        problems=frozenset(
            [
                *_book_problems(xero),
                *_entry_problems(amnis, xero, told, waiting),
                *_contact_problems(xero, told, contacts or {}, waiting),
                *_proof_problems(proof, waiting),
            ]
        ),
        cents=_differences(source, xero, account_of.values()),
    )


def _account_id(xero: Mapping[str, Any], name: str) -> str:
    for account_id, account in xero["balances"].items():
        if name in (account["code"], account["name"]):
            return str(account_id)
    raise LookupError(f"no account {name}")


def _waiting(told: Iterable[Mapping[str, str]], proof: Mapping[str, Any], taken_back: Collection[str]) -> Iterator[str]:
    """Rows that our export holds for a person: proposed to them, or taken back by them."""
    reasons = {str(item["source_id"]): str(item["reason"]) for item in proof["held_items"]}
    for line in told:
        row = line["source_id"]
        asked = line["state"] == "review" and PERSONS.search(reasons.get(row, ""))
        undone = line["state"] == "undone" and row in taken_back and row in reasons
        if asked or undone:
            yield row


def _source_legs(amnis: Mapping[str, Any], account_of: Mapping[str, str], *, without: Collection[str]) -> Iterator[Leg]:
    for row in amnis["rows"]:
        if row["executed"] and str(row["id"]) not in without:
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
    for document in xero.get("payments", []):
        if document["Status"] == LIVE and not document.get("BatchPaymentID"):
            yield document, _leg(document, "Account", _incoming(document["PaymentType"]) * _exact(document["Amount"]))
    for document in xero.get("batch_payments", []):
        if document["Status"] == LIVE:
            sign = 1 if document["Type"].startswith("REC") else -1
            yield document, _leg(document, "Account", sign * _exact(document["TotalAmount"]))


def _incoming(payment_type: str) -> int:
    return 1 if payment_type.startswith("ACCREC") else -1


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


def _entry_problems(
    amnis: Mapping[str, Any],
    xero: Mapping[str, Any],
    told: Sequence[Mapping[str, str]],
    waiting: Collection[str],
) -> Iterator[str]:
    """Every other row is confirmed, with a document that stands in the books and carries the row's marker."""
    reference_of = {_document_id(document): document["Reference"] for document, _ in _book_legs(xero)}
    rows = {str(row["id"]) for row in amnis["rows"]}
    for missing in rows - {line["source_id"] for line in told}:
        yield f"row {missing} is not told of"
    for line in told:
        if line["source_id"] in waiting:
            continue
        reference = reference_of.get(line["destination_id"])
        if line["state"] != "confirmed":
            yield f"row {line['source_id']} is {line['state']}"
        elif reference is None:
            yield f"row {line['source_id']} names a document that does not exist"
        elif not line["marker"] or not reference.endswith(line["marker"]):
            yield f"row {line['source_id']} and its document carry different markers"


def _contact_problems(
    xero: Mapping[str, Any],
    told: Iterable[Mapping[str, str]],
    decided: Mapping[str, str],
    waiting: Collection[str],
) -> Iterator[str]:
    """A document stands on the contact that a person decided on; one that may pay an invoice of it waits once more."""
    stands_on = {_document_id(document): document.get("Contact", {}) for document, _ in _book_legs(xero)}
    for line in told:
        row = line["source_id"]
        on = stands_on.get(line["destination_id"], {}).get("Name", "no contact")
        if row in decided and row not in waiting and on != decided[row]:
            yield f"row {row} stands on {on}, and a person decided on {decided[row]}"


def _document_id(document: Mapping[str, Any]) -> str:
    return next(str(document[name]) for name in IDS if document.get(name))


def _proof_problems(proof: Mapping[str, Any], waiting: Collection[str]) -> Iterator[str]:
    if not proof["balanced"]:
        yield "our own proof is not balanced"
    for item in proof["held_items"]:
        if str(item["source_id"]) not in waiting:
            yield f"our own proof holds row {item['source_id']}: {item['reason']}"
    for name in ("missing", "duplicated", "unexpected"):
        if proof[name]:
            yield f"our own proof lists {len(proof[name])} {name.replace('_', ' ')}"
