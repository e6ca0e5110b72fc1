"""Every kind of row that a client has to survive, each at its place in the demo company's year."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sandbox.amnis import names
from sandbox.amnis.company import Company
from sandbox.amnis.deeds import (
    both,
    bought,
    charged,
    converted,
    moved,
    paid,
    peer_payment,
    received,
    reserved,
    sent_to_peer,
)
from sandbox.amnis.diary import Deed, Diary, When
from sandbox.amnis.references import creditor_reference, qr_reference
from sandbox.amnis.values import moment_of, stamp

CUTOFF = date(2026, 1, 1)


class Year:
    """One company's notes at places between the cut-off and today: 0.0 is the first working day, 1.0 is yesterday."""

    def __init__(self, diary: Diary, company: Company) -> None:
        self.diary, self.company = diary, company
        self._first = min(CUTOFF + timedelta(days=5), diary.today - timedelta(days=40))
        self._days = (diary.today - timedelta(days=1) - self._first).days

    def day(self, place: float) -> date:
        return self._first + timedelta(days=int(self._days * place))

    def note(self, place: float, deed: Deed, *, later: int = 0, settles_in: int = 0) -> None:
        day = self.day(place) + timedelta(days=later)
        self.diary.note(self.company, day, deed, settles_in=settles_in)


def note_all(diary: Diary, company: Company, partner: Company) -> None:
    """All that a year has to show: each kind of docs/accounting.md, and what is odd about it."""
    year = Year(diary, company)
    for write in (_incoming, _returned, _outgoing, _deals, _cards, _shapes, _unknown, _twins, _nasty_names, _wallets):
        write(year)
    deed = peer_payment(payer=partner, receiver=company, source=32, target=1, amount="2750.00", comment="Anteil Messe")
    year.note(0.26, deed)
    _year_end(diary, company)
    _pending_cards(diary, company)
    _planned(diary, company)


def _incoming(year: Year) -> None:
    year.note(0.05, received(amount="1250.00", payer="Beispiel Möbel AG", qr_reference=qr_reference(2_100_000_777)))
    year.note(0.06, received(amount="480.00", payer=None, reference="Bareinzahlung Messe"))
    year.note(0.07, received(amount="75.50", payer=None))
    year.note(0.08, received(amount="912.30", payer="Lea Musterfrau", instant=True, reference="Danke!"))
    text = creditor_reference("RE2026007")
    year.note(0.09, received(amount="3300.00", payer="Exempla Handels KG", account=2, reference=text))
    year.note(0.1, received(amount="185000.00", payer="Mihon Trading KK", account=6, reference="Order 12"))
    year.note(0.11, received(amount="42500.00", payer="Vzorová Dílna s.r.o.", account=7, reference="Faktura 26001"))
    nearly = "Helvetia Papiere AG"  # Xero's contacts hold a Helvetia Papier AG
    year.note(0.27, received(amount="890.40", payer=nearly, reference="Retoure Muster"))
    year.note(0.3, received(amount="61200.00", payer="Hotel Beispielblick AG", reference="Grossauftrag Sommer"))


def _returned(year: Year) -> None:
    """One payment that came back, one whose payout nobody can find."""
    name = "Ehemals Beispiel GmbH"
    year.note(0.4, paid(amount="1840.00", to=name, account=2, country="DE", reference="RE 5511"))
    back = received(amount="1840.00", payer=name, account=2, returned=True, reference="Account closed")
    year.note(0.4, back, later=4)
    lost = received(amount="333.25", payer="Unbekannt Probe AG", returned=True, reference="Returned: AC04")
    year.note(0.45, lost)


def _outgoing(year: Year) -> None:
    """Every status; the five last ones never executed."""
    statuses = ("executed", "transferred", "canceled", "execution_error", "created", "pending", "pending_execution")
    for number, status in enumerate(statuses):
        deed = paid(amount=f"{940 + number}.00", to="Probst Logistik AG", status=status, reference=f"Status {status}")
        year.note(0.12 + number / 100, deed)
    for schedule in ("SHAR", "DEBT", "CRED"):
        to, text = "Pacific Sample Mills Co.", f"SWIFT {schedule}"
        deed = paid(amount="2500.00", to=to, account=3, country="US", fee_schedule=schedule, reference=text)
        year.note(0.2, deed)
    year.note(0.5, paid(amount="88000.00", to="Maschinenbau Exempla AG", reference="Anzahlung Verpackungslinie"))


def _deals(year: Year) -> None:
    """The three worked deals of accounting.md, an automatic one, one in the vendor's old words, a cancelled one."""
    _deal(year, 0.22, (1, "250000.00"), (2, "263811.37"))
    _deal(year, 0.52, (2, "1042233.10"), (1, "987654.32"))
    _deal(year, 0.72, (2, "250000.00"), (3, "271433.21"))
    _deal(year, 0.25, (1, "118.40"), (6, "20296.00"), fromAutomation=True)
    _deal(year, 0.28, (4, "2000.00"), (1, "2186.40"), status="hedged", forwardPoints="0.0012")
    _deal(year, 0.33, (1, "5000.00"), (3, "5729.00"), status="canceled", executed=False)


def _deal(year: Year, place: float, sold: tuple[int, str], bought: tuple[int, str], **details: object) -> None:
    value = year.day(place) + timedelta(days=2)
    year.note(place, converted(sold, bought, value_on=value, **details), settles_in=2)


def _cards(year: Year) -> None:
    split = [("2.6", "14.80"), ("8.1", "50.00")]
    abroad = {"country": "DE", "category": "Reisekosten"}
    rome = {"country": "IT", "original": ("EUR", "43.35"), "category": "Büromaterial"}
    year.note(0.15, bought("64.80", "RESTAURANT ZUM MUSTER", category="Bewirtung", vats=split, cost_center="Basel"))
    year.note(0.16, bought("41.07", "WERKZEUG ESEMPIO ROMA", **rome))
    year.note(0.17, bought("212.00", "PAPETERIE PROBE", category="Büromaterial", vats=[("8.1", "200.00")]))
    year.note(0.18, bought("59.90", "KURSE BEISPIEL", category="Veraltetes Konto"))
    year.note(0.18, bought("24.50", "KURSE BEISPIEL", category="Fremdes Konto"))
    year.note(0.19, bought("18.00", "PARKHAUS MUSTER", category="Ohne Konto", comment="Kundenbesuch"))
    year.note(0.21, bought("0.00", "KARTENPRUEFUNG EXEMPLA"))
    year.note(0.35, bought("320.00", "LUFTLINIE EXEMPLA", **abroad))
    year.note(0.36, bought("320.00", "LUFTLINIE EXEMPLA", refund=True, **abroad))
    year.note(0.55, bought("149.00", "MODEHAUS PROBE"))
    year.note(0.56, bought("49.00", "MODEHAUS PROBE", refund=True))
    year.note(0.6, reserved("260.00", "MIETWAGEN BEISPIEL", mcc="7512", expires_in=8))
    year.note(0.62, bought("18000.00", "MIHON SHOKUDO", account=6, country="JP", original=("JPY", "18000.00")))


def _shapes(year: Year) -> None:
    """Shapes that the vendor's documents show or leave possible."""
    link = "https://app.amnis.example/expenses-public/00000000-0000-4000-8000-000000000000"
    shapes: tuple[tuple[str, object], ...] = (
        ("documents", {"id": "71", "name": "beleg.pdf", "mimeType": "application/pdf"}),
        ("documents", [{"id": "72", "name": None, "mimeType": "image/jpeg", "transactionId": None}]),
        ("documents", None),
        ("tags", ["Messe", "2026"]),
        ("magicLinkUrl", link),
        ("id", "as text"),
        ("transactionDetailId", None),
        ("neuesFeld", {"noch": ["nie", "gesehen"]}),
    )
    for number, (field, value) in enumerate(shapes):
        year.note(0.64 + number / 200, _shaped(field, value, str(Decimal("31.10") + number)))


def _shaped(field: str, value: object, amount: str) -> Deed:
    def write(company: Company, when: When) -> None:
        row = company.card(amount=amount, merchant="FORMENSAMMLUNG PROBE", settled_on=when.day, **when.moments)
        company.change(row, **{field: str(row) if field == "id" else value, "updatedAt": stamp(when.updated)})

    return write


def _unknown(year: Year) -> None:
    year.note(0.7, received(amount="0.00", payer="Nullbetrag AG"))
    year.note(0.7, _unknown_type)
    hold = paid(amount="450.00", to="Prüfung Exempla AG", status="compliance_hold", reference="Unknown status")
    year.note(0.71, hold)
    year.note(0.71, _old_row)


def _bare_row(when: When, **fields: object) -> dict[str, object]:
    """The ten fields of the oldest documents."""
    moments = {"executionDate": stamp(moment_of(when.day)), "createdAt": stamp(when.created)}
    return {**moments, "updatedAt": stamp(when.updated), "executed": True, "transactionDetailId": None, **fields}


def _unknown_type(company: Company, when: When) -> None:
    company.raw(_bare_row(when, type="interest", currency="EUR", amount="14.20", account=2))


def _old_row(company: Company, when: When) -> None:
    row = _bare_row(when, type="fee", currency="CHF", amount="-5.00", account="1")
    detail = {"account": 1, "currency": "CHF", "amount": "5.00", "comment": "SWIFT payment", "status": "executed"}
    company.raw(row, detail={**detail, "executionDate": row["executionDate"]})


def _twins(year: Year) -> None:
    """Equal movements that are two all the same; the two rows of each pair share one `updatedAt`."""
    year.note(0.75, both(received(amount="199.00", payer="Lea Musterfrau", reference="Abo")))
    year.note(0.76, both(bought("4.60", "CAFE PROBE")))
    year.note(0.77, both(paid(amount="650.00", to="Treuhand Probe & Partner", reference="Monatspauschale")))


def _nasty_names(year: Year) -> None:
    for number, name in enumerate(names.NASTY):
        amount = f"{101 + number}.10"
        kinds = (
            received(amount=amount, payer=name, reference=name),
            paid(amount=amount, to=name, reference=name),
            bought(amount, name, comment=name),
        )
        year.note(0.78 + number / 200, kinds[number % 3])


def _wallets(year: Year) -> None:
    year.note(0.27, moved(amount="15000.00", source=1, target=8, comment="Rücklage Steuern"))
    year.note(0.58, moved(amount="4000.00", source=8, target=1, comment="Steuerrate"))
    year.note(0.29, moved(amount="12000.00", source=1, target=5, comment="Collateral forward"))
    year.note(0.68, moved(amount="2000.00", source=5, target=1, comment="Collateral release"))
    year.note(0.31, sent_to_peer(amount="60.00", to=names.TRADER, status="canceled"))


def _year_end(diary: Diary, company: Company) -> None:
    """Around the cut-off: midnight in Zürich is 23:00 in UTC; a card settles and a deal falls due in the new year."""
    last = date(2025, 12, 31)
    for hour in (22, 23):
        moment = datetime.combine(last, time(hour, 30), tzinfo=UTC)
        deed = received(amount="444.40", payer="Silvester Exempla AG", instant=True, executed_on=moment)
        diary.note(company, last, deed, at=time(hour, 30))
    fireworks = bought("88.80", "FEUERWERK MUSTER", settled_on=date(2026, 1, 3))
    diary.note(company, date(2025, 12, 30), fireworks, settles_in=4)
    deal = converted((1, "3000.00"), (2, "3165.90"), value_on=date(2026, 1, 2))
    diary.note(company, last, deal, settles_in=2)
    diary.note(company, date(2025, 12, 28), bought("510.00", "MOEBEL PROBE"))
    diary.note(company, date(2026, 1, 8), bought("510.00", "MOEBEL PROBE", refund=True))


def _pending_cards(diary: Diary, company: Company) -> None:
    day, now = diary.today - timedelta(days=1), diary.now
    vienna = {"country": "AT", "original": ("EUR", "136.10"), "settles_at": now + timedelta(days=2)}
    diary.note(company, day, reserved("86.40", "RESTAURANT ZUM MUSTER", settles_at=now + timedelta(days=1)))
    diary.note(company, day, reserved("129.00", "HOTEL MUSTERHOF WIEN", **vienna))
    diary.note(company, day, reserved("300.00", "MIETWAGEN BEISPIEL", mcc="7512", expires_in=10))


def _planned(diary: Diary, company: Company) -> None:
    """What the clock has still to bring: payments, a fee, a forward, a deal whose second row is late."""
    today = diary.today
    for days, status in enumerate(("created", "pending", "pending_execution"), start=3):
        deed = paid(
            amount="1499.00",
            to="Versicherung Exempla AG",
            status=status,
            reference=f"Prämie {status}",
            executed_on=today + timedelta(days=days),
        )
        diary.note(company, today, deed)
    forward = {"value_on": today + timedelta(days=60), "executed": False, "type": "forward", "forwardPoints": "-0.0031"}
    diary.note(company, today - timedelta(days=2), converted((1, "40000.00"), (3, "45960.00"), **forward))
    yesterday = today - timedelta(days=1)
    late = {"value_on": yesterday, "second_leg_at": diary.now + timedelta(hours=3)}
    diary.note(company, yesterday, converted((1, "7500.00"), (2, "7914.75"), **late))
    diary.note(company, today, received(amount="1240.50", payer="Muster Kundin AG", reference="Rechnung 90210"))
    fee = charged(amount="30.00", comment="SWIFT DEBT", executed=False, executed_on=today + timedelta(days=1))
    diary.note(company, today, fee)


def missing_rows(diary: Diary, company: Company, count: int) -> None:
    """Everyday card rows, where the year is too young to hold enough."""
    for number in range(count):
        deed = bought(diary.amount(400, 9_000), "KIOSK BEISPIEL")
        diary.note(company, diary.today - timedelta(days=1 + number % 30), deed)
