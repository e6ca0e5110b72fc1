"""Movements as notes for a diary: each function returns what is to be done when its day has come.

Details are the arguments of the company's method of the same kind; they win over the note's own moments.
"""

from datetime import timedelta
from typing import Any

from sandbox.amnis.company import Company
from sandbox.amnis.diary import Deed, When


def received(**details: Any) -> Deed:
    """A pay-in; an instant one executes at the minute, all others at midnight of their day."""

    def write(company: Company, when: When) -> object:
        exact = {"executed_on": when.created} if details.get("instant") else {}
        return company.pay_in(**{**when.moments, **exact, **details})

    return write


def paid(**details: Any) -> Deed:
    return lambda company, when: company.payout(**{**when.moments, **details})


def bought(amount: str, merchant: str, **details: Any) -> Deed:
    """A card purchase that is settled, on its own day unless `settled_on` says otherwise."""

    def write(company: Company, when: When) -> object:
        return company.card(amount=amount, merchant=merchant, **{"settled_on": when.day, **when.moments, **details})

    return write


def reserved(amount: str, merchant: str, **details: Any) -> Deed:
    """A card authorisation; `settles_at` or `expires_at` says how it ends, `expires_in` counts days from its creation."""

    def write(company: Company, when: When) -> object:
        ending = dict(details)
        if "expires_in" in ending:
            ending["expires_at"] = when.created + timedelta(days=ending.pop("expires_in"))
        moments = {"executed_on": when.day, "created_at": when.created}
        return company.card(amount=amount, merchant=merchant, **{**moments, **ending})

    return write


def charged(**details: Any) -> Deed:
    return lambda company, when: company.fee(**{**when.moments, **details})


def converted(sold: tuple[int, str], bought: tuple[int, str], **details: Any) -> Deed:
    """A deal struck when the note is written; `value_on` is its value date."""
    return lambda company, when: company.fx(
        sold=sold, bought=bought, **{"dealt_on": when.created, **when.stamps, **details}
    )


def moved(**details: Any) -> Deed:
    """A transfer between two own accounts."""
    return lambda company, when: company.own_transfer(**{**when.moments, **details})


def sent_to_peer(**details: Any) -> Deed:
    return lambda company, when: company.peer_out(**{**when.moments, **details})


def peer_payment(*, payer: Company, receiver: Company, source: int, target: int, amount: str, comment: str) -> Deed:
    """One transfer between two of the sandbox's companies, seen from both."""

    def write(company: Company, when: When) -> None:
        payer.peer_out(amount=amount, to=receiver.name, account=source, comment=comment, **when.moments)
        receiver.peer_in(amount=amount, sender=payer.name, account=target, comment=comment, **when.moments)

    return write


def both(deed: Deed) -> Deed:
    """Genuine twins: the same thing twice in one moment."""

    def write(company: Company, when: When) -> None:
        deed(company, when)
        deed(company, when)

    return write
