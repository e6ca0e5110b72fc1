"""What the proof page shows: one proof, its items by kind, what somebody else typed, earlier proofs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from connectors.contract.records import DocumentKind
from connectors.xero import links
from dashboard.paging import read_id
from sync import linking
from sync.domain import explaining
from sync.models import Entry, EntryState, Flow, MirrorDocument, Proof, ProofCheck
from sync.pipeline import foreign

SHOWN = 100
HISTORY = 30
FRESH = timedelta(minutes=30)
OPEN = ("missing", "different", "duplicated", "unexpected", "unproved")
KINDS = (*OPEN, "clearing", "held_items", "moved_days", "accepted", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One account and month of a proof."""

    source: str
    currency: str
    month: str
    source_sum: Decimal
    held: Decimal
    xero_sum: Decimal
    accepted: Decimal
    difference: Decimal
    is_even: bool  # on each day, not only in sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A movement in review beside the document that somebody else made."""

    entry: Entry
    documents: Sequence[MirrorDocument]
    can_link: bool

    @property
    def month(self) -> str:
        return f"{self.entry.booking_date:%Y-%m}" if self.entry.booking_date else ""


def proof_or_latest(*, flow: Flow, number: str) -> Proof | None:
    known = Proof.objects.filter(flow=flow)
    chosen = read_id(number)
    return known.filter(pk=chosen).first() if chosen is not None else known.order_by("-id").first()


def latest_check(*, flow: Flow) -> ProofCheck | None:
    """The check that is under way, or one that ended without a proof just now."""
    check = ProofCheck.objects.filter(flow=flow).order_by("-id").first()
    if check is None or check.is_open:
        return check
    recent = check.ended_at is not None and timezone.now() - check.ended_at < FRESH
    return check if check.state == ProofCheck.State.FAILED and recent else None


def history(*, flow: Flow) -> list[Proof]:
    """Without what they say, besides `nothing`: no wallet was mapped."""
    known = Proof.objects.filter(flow=flow).defer("result").select_related("certificate")
    return list(known.annotate(nothing=Q(result__accounts=[])).order_by("-id")[:HISTORY])


def typed_ids(*, flow: Flow) -> list[int]:
    held = Entry.objects.filter(
        flow=flow, state=EntryState.REVIEW, destination_id=None, findings__contains=[{"code": foreign.CODE}]
    )
    return list(held.order_by("-booking_date", "-id").values_list("id", flat=True)[:1000])


def typed_months(pairs: Sequence[Pair]) -> list[tuple[str, int]]:
    """Each month with how many of its pairs can be linked, newest first."""
    counted = Counter(pair.month for pair in pairs if pair.can_link and pair.month)
    return sorted(counted.items(), reverse=True)


def typed_rows(*, flow: Flow) -> int:
    """How many movements look typed by hand."""
    return len(typed_ids(flow=flow))


def typed_pairs(*, flow: Flow) -> list[Pair]:
    """Two queries."""
    entries = list(
        Entry.objects.filter(pk__in=typed_ids(flow=flow)).select_related("record").defer("record__payload")
        .order_by("-booking_date", "-id")
    )  # fmt: skip
    names = {entry.pk: linking.offered_to(entry).split("+") for entry in entries}
    ids = {one for found in names.values() for one in found}
    known = {
        it.document_id: it for it in MirrorDocument.objects.filter(connection=flow.destination_id, document_id__in=ids)
    }
    return [
        Pair(
            entry=entry,
            documents=[known[one] for one in names[entry.pk] if one in known],
            can_link=foreign.can_link(entry.findings),
        )
        for entry in entries
    ]


def told(proof: Proof, *, flow: Flow, account: str, month: str, year: str = "") -> dict[str, Any]:
    """The proof's accounts; the months of one year, the newest where none is chosen; the days of the chosen month; its
    items, the first of each kind."""
    accounts = proof.result["accounts"]
    items = {kind: [it for it in proof.result.get(kind, []) if _fits(it, account, month)] for kind in KINDS}
    return {
        "accounts": accounts,
        **_year(accounts, account, month[:4] or year),
        "days": _days(accounts, account, month),
        "chosen": {"account": account, "month": month},
        "groups": [
            (kind, len(found), [_shown(flow, it) for it in found[:SHOWN]]) for kind, found in items.items() if found
        ],
        "gap": any(
            it.get("reason") == explaining.NOT_FETCHED or it.get("state") == "failed" for it in items["held_items"]
        ),
        "open_kinds": (*OPEN, "clearing"),
        "open_items": sum(len(items[kind]) for kind in OPEN),
    }


def document_link(flow: Flow, kind: str, document_id: str) -> str:
    if kind not in set(DocumentKind):
        return ""
    code = flow.destination.short_code if flow.destination else ""
    return links.document_link(
        DocumentKind(kind), document_id, short_code=code, web=links.web_address(settings.ENV.xero_api_url)
    )


def _shown(flow: Flow, item: dict[str, Any]) -> dict[str, Any]:
    blank = dict.fromkeys(("type", "explanation", "reason", "source_id", "marker", "reference", "record", "source"), "")
    return {
        **blank,
        "xero_currency": item.get("currency", ""),
        **item,
        "told": item.get("explanation") or item.get("reason", ""),
        "number": item.get("source_id") or item.get("reference") or item.get("marker", ""),
        "day": item.get("booking_date") or item.get("date"),
        "title": item.get("reference") or item.get("marker", ""),
        "link": document_link(flow, item.get("type", ""), item.get("document", "")),
    }


def _fits(item: dict[str, Any], account: str, month: str) -> bool:
    """An item of two days (a document on another day than its movement) belongs to both months."""
    days = [str(item[name]) for name in ("booking_date", "date") if item.get(name)]
    here = not month or not days or any(day.startswith(month) for day in days)
    return here and (not account or item.get("source", account) == account)


def _year(accounts: Sequence[dict[str, Any]], account: str, wanted: str) -> dict[str, Any]:
    shown = [it for it in accounts if not account or it["source"] == account]
    years = sorted({day["date"][:4] for it in shown for day in it["days"]})
    year = wanted if wanted in years else years[-1] if years else ""
    place = years.index(year) if year else 0
    rows = [row for it in shown for row in _months(it, year)]
    return {
        "months": sorted(rows, key=lambda row: row.month, reverse=True),
        "year": year,
        "earlier": years[place - 1] if place else "",
        "later": years[place + 1] if place + 1 < len(years) else "",
    }


def _months(account: dict[str, Any], year: str) -> list[Month]:
    names = {day["date"][:7] for day in account["days"] if day["date"].startswith(year)}
    return [_month(account, name, [day for day in account["days"] if day["date"].startswith(name)]) for name in names]


def _month(account: dict[str, Any], name: str, days: Sequence[dict[str, Any]]) -> Month:
    keys = ("source_sum", "held", "xero_sum", "accepted", "difference")
    sums = {key: sum((Decimal(day.get(key, "0")) for day in days), Decimal(0)) for key in keys}
    even = all(Decimal(day["difference"]) == 0 for day in days)
    return Month(source=account["source"], currency=account["currency"], month=name, is_even=even, **sums)


def _days(accounts: Sequence[dict[str, Any]], account: str, month: str) -> list[dict[str, Any]]:
    if not (account and month):
        return []
    return [
        {**day, "currency": it["currency"], "is_even": Decimal(day["difference"]) == 0}
        for it in accounts
        if it["source"] == account
        for day in it["days"]
        if day["date"].startswith(month)
    ]
