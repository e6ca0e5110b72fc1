"""What is arranged for the calls that a pass does not make by itself: exactly one of them is due afterwards.

An invoice is twice what is paid, so that a second payment would be taken by Xero; a removal is asked for by a person, and
so is a change that Amnis made to a posted movement. A payer whose name is like a known one waits for a person, who
creates it or takes the known one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from tests.chaos import worker
from tests.chaos.control import Control
from tests.chaos.movements import paid
from tests.chaos.plan import Target

KNOWN = "Kessler Treuhand"
LIKE = (
    "Helvetia Papier {} AG"  # a contact of the world but for one word; it has no invoices that would ask for a person
)


class Deeds:
    """Acts for one cell. `taken_back`: the rows whose documents a person asked to remove. `contacts`: by row, the name
    of the contact that a person decided on."""

    def __init__(self, control: Control, *, rest: Callable[[], object]) -> None:
        self._control, self._rest = control, rest
        self._proposed = ""
        self.taken_back: set[str] = set()
        self.contacts: dict[str, str] = {}

    def propose(self, dice: random.Random, *, name: str) -> None:
        """In one pass with everything else, a payer that is perhaps known. `name` has not been used in this world."""
        self._proposed = self._like_a_known_one(dice, name, which=0)

    def decide(self, dice: random.Random) -> None:
        """A person settles what is proposed, while a dead process has left its request open."""
        self._decide(self._proposed, create=dice.random() < 0.5)

    def arrange(self, target: Target, dice: random.Random, *, name: str) -> None:
        """`name` has not been used in this world."""
        deed = self._deeds.get(target)
        if deed is not None:
            self._rest()
            deed(dice, name)

    @property
    def _deeds(self) -> Mapping[Target, Callable[[random.Random, str], object]]:
        return {
            Target.OPTIONS: self._new_option,
            Target.PAYMENTS: self._part_payment,
            Target.BATCH_PAYMENTS: self._payment_of_two,
            Target.CHANGES: self._change,
            Target.REMOVALS: partial(self._take_back, self._receipt),
            Target.REMOVED_TRANSFERS: partial(self._take_back, self._transfer),
            Target.REMOVED_PAYMENTS: partial(self._take_back, self._part_payment),
            Target.CONFIRMED_CONTACTS: partial(self._decided_contact, create=True),
            Target.CHOSEN_CONTACTS: partial(self._decided_contact, create=False),
        }

    def _decided_contact(self, dice: random.Random, name: str, *, create: bool) -> None:
        row = self._like_a_known_one(dice, name, which=1)
        self._rest()
        self._decide(row, create=create)

    def _like_a_known_one(self, dice: random.Random, name: str, *, which: int) -> str:
        return self._control.move("pay_in", **paid(dice), payer=LIKE.format(word_of(name, which)), account=1)

    def _decide(self, row: str, *, create: bool) -> None:
        self.contacts[row] = str(worker.done(partial(worker.decide_contact, row, create=create)))

    def _new_option(self, dice: random.Random, name: str) -> None:
        centre = f"Projekt {name}"
        self._control.act("amnis/cost_center", name=centre)
        self._control.move("card", **paid(dice), merchant="Papeterie Muster", cost_center=centre)

    def _part_payment(self, dice: random.Random, name: str) -> list[str]:
        row = paid(dice)
        self._invoice(f"RE-2027-{number_of(name)}1", Decimal(row["amount"]) * 2)
        text = f"Rechnung RE-2027-{number_of(name)}1"
        return [self._control.move("pay_in", **row, payer=KNOWN, account=1, reference=text)]

    def _payment_of_two(self, dice: random.Random, name: str) -> None:
        row, numbers = paid(dice), [f"RE-2027-{number_of(name)}{digit}" for digit in "23"]
        first = Decimal(row["amount"]) / 2
        parts = (first.quantize(Decimal("0.01")), Decimal(row["amount"]) - first.quantize(Decimal("0.01")))
        for number, part in zip(numbers, parts, strict=True):
            self._invoice(number, part)
        text = f"Rechnungen {numbers[0]} und {numbers[1]}"
        self._control.move("pay_in", **row, payer=KNOWN, account=1, reference=text)

    def _invoice(self, number: str, amount: Decimal) -> None:
        line = {"Description": number, "Quantity": 1, "UnitAmount": str(amount), "AccountCode": "200"}
        day = {"Date": "2026-01-02", "DueDate": "2026-12-31"}
        self._control.person("type_invoice", Type="ACCREC", InvoiceNumber=number, Contact={"Name": KNOWN}, **day,
                             LineAmountTypes="NoTax", LineItems=[line])  # fmt: skip

    def _receipt(self, dice: random.Random, name: str) -> list[str]:
        return [self._control.move("pay_in", **paid(dice), payer=f"Mieterin {name} GmbH", account=1)]

    def _transfer(self, dice: random.Random, name: str) -> list[str]:
        return self._control.pair("own_transfer", **paid(dice), source=1, target=8)

    def _change(self, dice: random.Random, name: str) -> None:
        """Amnis corrects the amount of a posted receipt, and a person lets the document follow."""
        row = paid(dice)
        number = self._control.move("pay_in", **row, payer=f"Mieterin {name} GmbH", account=1)
        self._rest()
        corrected = str(Decimal(row["amount"]) + Decimal("1.25"))
        self._control.act("amnis/change", row=int(number), fields={"amount": corrected})
        self._rest()
        worker.done(partial(worker.apply_proposal, number))

    def _take_back(self, make: Callable[[random.Random, str], list[str]], dice: random.Random, name: str) -> None:
        rows = make(dice, name)
        self._rest()
        worker.done(partial(worker.take_back, rows[0]))
        self.taken_back |= set(rows)


def number_of(name: str) -> str:
    """ "3-12" as digits that no other name has."""
    cell, _, trial = name.partition("-")
    return f"{cell}{int(trial):03d}"


def word_of(name: str, which: int) -> str:
    """The same as a word without digits: names that differ in a number are never alike."""
    return "".join("aeioulmnrs"[int(digit)] for digit in f"{which}{number_of(name)}").capitalize()
