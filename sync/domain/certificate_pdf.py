"""The certificate on paper. Pure: the same content gives the same bytes (no clock, no random ids inside the file)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from sync.domain import clearing
from sync.domain.latin import is_rewritten, latin
from sync.domain.unproved import BALANCED, says, verdict

MOST_ITEMS = 400  # of each list on paper; the CSV has all of them
INK, SOFT, LINE = colors.HexColor("#1b2430"), colors.HexColor("#5b6675"), colors.HexColor("#c9d0d9")
GOOD, BAD, PALE = colors.HexColor("#17603a"), colors.HexColor("#9b1c1c"), colors.HexColor("#f3f5f8")
_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=8.6, leading=11.4, textColor=INK)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=7.4, leading=9.6)
_SOFT = ParagraphStyle("soft", parent=_SMALL, textColor=SOFT)
_RIGHT = ParagraphStyle("right", parent=_SMALL, alignment=2)
_HEAD = ParagraphStyle("head", parent=_SMALL, fontName="Helvetica-Bold", textColor=SOFT)
_HEAD_RIGHT = ParagraphStyle("head right", parent=_HEAD, alignment=2)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName="Helvetica-Bold", fontSize=19, leading=24)
_H2 = ParagraphStyle(
    "h2", parent=_BODY, fontName="Helvetica-Bold", fontSize=11, leading=15, spaceBefore=10, spaceAfter=4
)
_VERDICT = ParagraphStyle("verdict", parent=_BODY, fontName="Helvetica-Bold", fontSize=12, leading=16)
_MONO = ParagraphStyle("mono", parent=_SMALL, fontName="Courier", fontSize=8.2)

_WORDS = {
    "number": "Certificate", "company": "Company", "organisation": "Organisation in Xero", "organisation_id": "Its id",
    "source": "Source", "period": "Period (booking dates)", "read_at": "Both sides read afresh", "made_at": "Certificate made",
    "made_by": "Made by", "software": "Software", "keep_until": "Kept until",
}  # fmt: skip
_LISTS = {
    "held_items": ("Movements that are held, with the reason", (
        "source", "source_id", "booking_date", "amount", "state", "reason")),
    "skipped": ("Movements without an amount, left out", ("source", "source_id", "booking_date", "reason")),
    "accepted": ("Documents of others that a person accepted", (
        "source", "date", "type", "amount", "reference", "reason", "accepted_by")),
    "missing": ("Missing in Xero", ("source", "source_id", "booking_date", "amount", "marker")),
    "duplicated": ("More than once in Xero", ("marker", "documents")),
    "different": ("Another amount or currency in Xero", ("source", "source_id", "booking_date", "amount", "xero_amount")),
    "unexpected": ("In Xero without a movement", ("source", "date", "type", "amount", "reference", "explanation")),
    "unproved": ("Posted from a wallet that is not mapped any more", (
        "source", "source_id", "booking_date", "amount", "marker", "explanation")),
    "clearing": ("Exchanges that leave money on the clearing account", ("date", "reference", "amount", "explanation")),
    "moved_days": ("On another day in Xero, no difference", (
        "source", "source_id", "booking_date", "amount", "explanation")),
}  # fmt: skip
_OPEN = ("missing", "duplicated", "different", "unexpected", "unproved")
_HOW = (
    "Difference = executed at the source, less held, less what stands in Xero without what was accepted. Compared for "
    "every account and every day; both sides were read afresh, and no sum comes from Millrace's own tables."
)
_LETTERS = (
    "This paper shows Latin letters only. Greek and Cyrillic text is written in Latin letters, other scripts and symbols are "
    "named in [brackets]. The CSV of this certificate holds every text as it is, and the hash below is made over it."
)
_COLUMNS = {
    "source": "Account", "source_id": "Movement", "booking_date": "Date", "date": "Date", "amount": "Amount", "state": "State",
    "reason": "Reason", "type": "Type", "reference": "Reference", "accepted_by": "Accepted by", "marker": "Marker",
    "documents": "Documents", "xero_amount": "In Xero", "explanation": "Explanation",
}  # fmt: skip
_WIDE = frozenset({"reason", "reference", "explanation", "accepted_by"})
_NUMBERS = frozenset({"amount", "xero_amount", "documents"})


def as_pdf(*, head: Mapping[str, str], result: Mapping[str, Any], sha256: str) -> bytes:
    """A4, one certificate."""
    out = io.BytesIO()
    title = f"Certificate of balance {head['number']}"
    paper = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=18 * mm, bottomMargin=20 * mm,
        title=title, author="Millrace", invariant=1,
    )  # fmt: skip
    foot = _footer(f"{head['number']} · SHA-256 {sha256}")
    paper.build(_story(head, result, sha256), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _story(head: Mapping[str, str], result: Mapping[str, Any], sha256: str) -> list[Any]:
    facts = [[_p(_WORDS[key], _SOFT), _p(head[key], _BODY)] for key in _WORDS if head.get(key)]
    table = Table(facts, colWidths=[44 * mm, 130 * mm])
    table.setStyle(TableStyle([("TOPPADDING", (0, 0), (-1, -1), 1.2), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.2),
                               ("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")]))  # fmt: skip
    story: list[Any] = [Paragraph("Certificate of balance", _TITLE), Spacer(1, 3 * mm), table, Spacer(1, 4 * mm)]
    accounts = _accounts(result["accounts"]) if result["accounts"] else _p("None.", _SMALL)
    story += [_verdict(result), Paragraph("Accounts", _H2), accounts]
    story += [Spacer(1, 2 * mm), _p(_HOW, _SOFT)]
    for name, (words, columns) in _LISTS.items():
        story += _list(words, columns, result.get(name, []))
    if _foreign_letters(head, result):
        story += [Spacer(1, 3 * mm), _p(_LETTERS, _SOFT)]
    story += [KeepTogether([
        Paragraph("Integrity", _H2),
        _p("SHA-256 over the canonical content of this certificate (JSON, keys sorted). The Proof page and the command "
           "tell whether a file or this value belongs to a certificate that Millrace issued.", _SMALL),
        Spacer(1, 1.5 * mm), _p(sha256, _MONO),
    ])]  # fmt: skip
    return story


def _verdict(result: Mapping[str, Any]) -> Table:
    left = result.get("clearing", [])
    good = verdict(result) == BALANCED and not left
    counts = {name: len(result.get(name, [])) for name in _LISTS}
    open_items = sum(counts[name] for name in _OPEN)
    said = clearing.said(says(result), left)
    told = f"{counts['held_items']} movements held, {counts['accepted']} accepted, {open_items} open differences."
    style = ParagraphStyle("said", parent=_VERDICT, textColor=GOOD if good else BAD)
    box = Table([[_p(said, style)], [_p(told, _BODY)]], colWidths=[174 * mm])
    box.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), PALE), ("LINEBEFORE", (0, 0), (0, -1), 3, GOOD if good else BAD),
                             ("LEFTPADDING", (0, 0), (-1, -1), 10), ("TOPPADDING", (0, 0), (-1, 0), 7),
                             ("BOTTOMPADDING", (0, -1), (-1, -1), 8)]))  # fmt: skip
    return box


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> Table:
    names = ("Account", "", "Movements", "Documents", "At Amnis", "Held", "In Xero", "Accepted", "Difference")
    rows = [[_p(name, _HEAD if n < 2 else _HEAD_RIGHT) for n, name in enumerate(names)]]
    for row in accounts:
        figures = ("source_sum", "held", "xero_sum", "accepted", "difference")
        rows.append([
            _p(row["source"], _SMALL), _p(row["currency"], _SMALL),
            *(_p(str(row.get(key, "")), _RIGHT) for key in ("movements", "documents")),
            *(_p(_grouped(row.get(key, "0.00")), _RIGHT) for key in figures),
        ])  # fmt: skip
    widths = [14, 11, 17, 18, 27, 22, 27, 18, 20]
    return _ruled(rows, [width * mm for width in widths])


def _list(words: str, columns: Sequence[str], items: Sequence[Mapping[str, Any]]) -> list[Any]:
    if not items:
        return [KeepTogether([Paragraph(words, _H2), _p("None.", _SMALL)])]
    rows = [[_p(_COLUMNS[name], _HEAD_RIGHT if name in _NUMBERS else _HEAD) for name in columns]]
    rows += [[_value(name, item) for name in columns] for item in items[:MOST_ITEMS]]
    share = [3.0 if name in _WIDE else 1.3 if name == "marker" else 1.0 for name in columns]
    widths = [174 * mm * part / sum(share) for part in share]
    found: list[Any] = [Paragraph(f"{words} ({len(items)})", _H2), _ruled(rows, widths)]
    if len(items) > MOST_ITEMS:
        found.append(
            _p(f"The first {MOST_ITEMS} of {len(items)} are printed; the CSV of this certificate has all.", _SOFT)
        )
    return found


def _value(name: str, item: Mapping[str, Any]) -> Paragraph:
    value = str(item.get(name) or "")
    if name in ("amount", "xero_amount"):
        currency = item.get("xero_currency" if name == "xero_amount" else "currency") or item.get("currency", "")
        return _p(f"{currency} {_grouped(value)}".strip(), _RIGHT)
    return _p(value[:400], _RIGHT if name in _NUMBERS else _SMALL)


def _ruled(rows: list[list[Paragraph]], widths: Sequence[float]) -> Table:
    table = Table(rows, colWidths=widths, repeatRows=1)
    table.setStyle(TableStyle([
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK), ("LINEBELOW", (0, 1), (-1, -1), 0.3, LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 2), ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 2.4), ("BOTTOMPADDING", (0, 0), (-1, -1), 2.4),
    ]))  # fmt: skip
    return table


def _grouped(text: str) -> str:
    return f"{Decimal(text):,.2f}".replace(",", "'") if text else ""


def _p(text: str, style: ParagraphStyle) -> Paragraph:
    """The built-in fonts know Latin letters only: others are written in Latin ones or named, never dropped."""
    shown = latin(text)
    return Paragraph(escape(shown.encode("cp1252", "replace").decode("cp1252")), style)


def _foreign_letters(head: Mapping[str, str], result: Mapping[str, Any]) -> bool:
    told = (value for name in _LISTS for item in result.get(name, ()) for value in item.values())
    return any(is_rewritten(text) for text in (*head.values(), *told) if isinstance(text, str))


def _footer(text: str) -> Any:
    def draw(canvas: Canvas, paper: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 6.6)
        canvas.setFillColor(SOFT)
        canvas.drawString(18 * mm, 11 * mm, text)
        canvas.drawRightString(A4[0] - 18 * mm, 11 * mm, f"Page {paper.page}")
        canvas.restoreState()

    return draw
