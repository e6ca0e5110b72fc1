"""Both sides of the account mapping, and which pairs we would propose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any

from connectors.contract.money import MoneyError, decimal_of
from connectors.models import Connection, Reference
from connectors.reference import GONE
from sync.models import AccountMapping, Flow
from sync.others import others_on


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """A bank account of the books."""

    account_id: str
    code: str
    name: str
    currency: str
    number: str
    is_active: bool

    @property
    def label(self) -> str:
        return " ".join(part for part in (self.code, self.name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The bank account that we would choose, and why."""

    account: BankAccount
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One wallet at the source and what stands for it in the books."""

    wallet_id: str
    name: str
    kind: str
    currency: str
    ibans: Sequence[str]
    available: Decimal | None
    mapping: AccountMapping | None
    account: BankAccount | None
    proposal: Proposal | None
    choices: Sequence[BankAccount]
    others: str = ""  # who else books into the bank account that stands for it, or would

    @property
    def candidate(self) -> str:
        """The bank account that stands for it, or the proposed one."""
        if self.account is not None:
            return self.account.account_id
        return self.proposal.account.account_id if self.proposal else ""

    @property
    def is_open(self) -> bool:
        return not _is_decided(self.mapping)


def account_pairs(*, flow: Flow) -> list[Pair]:
    """Unmapped wallets first. Four queries."""
    wallets = _references(flow.source, Reference.Kind.SOURCE_ACCOUNT)
    banks = [_bank(it) for it in _references(flow.destination, Reference.Kind.ACCOUNT) if _is_bank(it)]
    mappings = {it.source_account_id: it for it in AccountMapping.objects.filter(flow=flow)}
    by_id = {bank.account_id: bank for bank in banks}
    taken = {it.destination_account_id for it in mappings.values() if it.destination_account_id}
    free = [bank for bank in banks if bank.account_id not in taken and bank.is_active]
    facts = [_wallet_facts(it) for it in wallets]
    known = {it["wallet_id"] for it in facts}
    facts += [_mapping_facts(it) for key, it in mappings.items() if key not in known]
    wanted = Counter(it["currency"] for it in facts if not _is_decided(mappings.get(it["wallet_id"])))
    pairs = [_pair(it, mappings.get(it["wallet_id"]), by_id, free, alone=wanted[it["currency"]] == 1) for it in facts]
    said = others_on(flow=flow, account_ids={pair.candidate for pair in pairs} - {""})
    pairs = [replace(pair, others=said.get(pair.candidate, "")) for pair in pairs]
    return sorted(pairs, key=lambda pair: (not pair.is_open, pair.currency, pair.wallet_id))


def propose(
    *, currency: str, ibans: Sequence[str], name: str, alone: bool, free: Sequence[BankAccount]
) -> Proposal | None:
    """The same IBAN; else the only free account in that currency; else the one with the most similar name."""
    same = [bank for bank in free if bank.currency == currency]
    by_iban = [bank for bank in same if _squeezed(bank.number) and _squeezed(bank.number) in map(_squeezed, ibans)]
    if len(by_iban) == 1:
        return Proposal(account=by_iban[0], why="same_iban")
    if len(same) == 1 and alone:
        return Proposal(account=same[0], why="only_in_currency")
    scored = sorted(((_likeness(name, bank.name), bank.account_id, bank) for bank in same), reverse=True)
    if name and scored and scored[0][0] >= 0.6 and (len(scored) == 1 or scored[0][0] - scored[1][0] >= 0.15):
        return Proposal(account=scored[0][2], why="similar_name")
    return None


def wallet_name(reference: Reference) -> str:
    """The wallet's own name; "" where the source gave none and its currency and kind stand in for it."""
    stand_in = f"{reference.currency} {reference.payload.get('kind', '')}"
    return "" if reference.name == stand_in else reference.name


def open_mappings(*, flow: Flow) -> int:
    """How many wallets are neither mapped nor ignored. Two queries."""
    wallets = Reference.objects.filter(connection=flow.source, kind=Reference.Kind.SOURCE_ACCOUNT)
    wallets = wallets.exclude(status=GONE)
    decided = AccountMapping.objects.filter(flow=flow).exclude(ignored=False, destination_account_id="")
    return wallets.exclude(external_id__in=decided.values("source_account_id")).count()


def _references(connection: Connection | None, kind: str) -> list[Reference]:
    found = Reference.objects.filter(connection=connection, kind=kind).exclude(status=GONE)
    return list(found.order_by("code", "name", "id"))


def _is_bank(reference: Reference) -> bool:
    return bool(reference.payload.get("type") == "BANK")


def _bank(reference: Reference) -> BankAccount:
    return BankAccount(
        account_id=reference.external_id,
        code=reference.code,
        name=reference.name,
        currency=reference.currency,
        number=str(reference.payload.get("bank_number") or ""),
        is_active=reference.status == "ACTIVE",
    )


def _wallet_facts(reference: Reference) -> dict[str, Any]:
    payload = reference.payload
    return {
        "wallet_id": reference.external_id,
        "name": wallet_name(reference),
        "kind": str(payload.get("kind") or ""),
        "currency": reference.currency,
        "ibans": tuple(str(it) for it in payload.get("ibans") or ()),
        "available": _amount(payload.get("available")),
    }


def _mapping_facts(mapping: AccountMapping) -> dict[str, Any]:
    return {
        "wallet_id": mapping.source_account_id,
        "name": mapping.source_label,
        "kind": "",
        "currency": mapping.source_currency,
        "ibans": (),
        "available": None,
    }


def _pair(
    facts: dict[str, Any],
    mapping: AccountMapping | None,
    by_id: Mapping[str, BankAccount],
    free: Sequence[BankAccount],
    *,
    alone: bool,
) -> Pair:
    account = by_id.get(mapping.destination_account_id) if mapping and mapping.destination_account_id else None
    choices = [bank for bank in free if bank.currency == facts["currency"]]
    is_plain = facts["kind"].lower() in ("", "normal", "default", "standard", "current")
    proposal = None
    if is_plain and not _is_decided(mapping):
        proposal = propose(
            currency=facts["currency"], ibans=facts["ibans"], name=facts["name"], alone=alone, free=choices
        )
    return Pair(
        **facts,
        mapping=mapping,
        account=account,
        proposal=proposal,
        choices=[account, *choices] if account else choices,
    )


def _is_decided(mapping: AccountMapping | None) -> bool:
    return mapping is not None and (mapping.ignored or mapping.destination_account_id != "")


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def _squeezed(number: str) -> str:
    return "".join(number.split()).upper()


def _amount(value: object) -> Decimal | None:
    try:
        return None if value is None else decimal_of(value)
    except MoneyError:
        return None
