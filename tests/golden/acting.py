"""What a golden ledger says of settings and movements, done to the sandbox and the flow."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import yaml

from connectors import services as connector_services
from sync import services
from sync.models import AccountMapping, Flow
from tenants.scoping import tenant_scope
from tests.golden.ledger import Row, amount_of, day_of
from tests.pipeline.conftest import ORGANISATION, World

WALLETS = {"CHF": 1, "EUR": 2, "USD": 3, "GBP": 4, "Collateral": 5, "JPY": 6, "CZK": 7, "Reserve": 8}
WHO = "bookkeeper@muster.example"
_RENAMED = {"text": "reference", "qr": "qr_reference"}


# -------------------------------------------------------------------- settings


def settle_in(world: World, settings: list[tuple[str, str]]) -> None:
    """Policies, defaults, rules, locks, rates and mappings, before anything moves."""
    for name, value in settings:
        first, _, rest = name.partition(" ")
        match first:
            case "policy":
                _merge(world, "policies", {rest: value})
            case "default":
                _merge(world, "defaults", {rest: value})
            case "review":
                currency, amount = value.split()
                _merge(world, "review", {rest: {currency: amount}})
            case "rule":
                services.rule_save(
                    tenant_id=world.tenant.pk,
                    flow_id=world.flow_id,
                    actor=WHO,
                    spec={"name": rest, **yaml.safe_load(value)},
                )
            case "cost":  # "cost centres"
                for centre in value.split(", "):
                    world.amnis.cost_center(centre)
            case "cut-off":
                world.set_flow(cutoff=day_of(value))
            case _:
                _in_xero(world, first, rest, value)


def _in_xero(world: World, first: str, rest: str, value: str) -> None:
    people = world.sandbox.xero.people(ORGANISATION)
    match first:
        case "invoice" | "bill":
            _open_item(world, first, rest, value)
        case "locked":
            people.set_lock_dates(period=day_of(value))
        case "rate":
            currency, day = rest.split()
            people.fix_day_rate(currency, day_of(day), Decimal(value))
        case "archive":
            people.archive_account(value)
            _read_again(world)
        case "unmap":
            with tenant_scope(world.tenant.pk):
                AccountMapping.objects.filter(source_account_id=str(WALLETS[value])).delete()
        case _:
            raise ValueError(f"the setting {first} is not known")


def _open_item(world: World, kind: str, number: str, value: str) -> None:
    """Approved, of the first of March, due at its end, without tax; "CHF 480.00 Beispiel AG"."""
    currency, amount, contact = value.split(" ", 2)
    world.sandbox.xero.people(ORGANISATION).type_invoice(
        Type="ACCREC" if kind == "invoice" else "ACCPAY",
        InvoiceNumber=number,
        Contact={"Name": contact},
        CurrencyCode=currency,
        Date="2026-03-01",
        DueDate="2026-03-31",
        LineAmountTypes="NoTax",
        LineItems=[{"Description": number, "Quantity": 1, "UnitAmount": amount_of(amount), "AccountCode": "200"}],
    )


def _merge(world: World, column: str, changes: dict[str, Any]) -> None:
    world.set_flow(**{column: {**getattr(world.flow(), column), **changes}})


def _read_again(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        destination = Flow.objects.select_related("destination__grant").get(pk=world.flow_id).destination
    assert destination is not None
    connector_services.refresh_reference(destination)


# ------------------------------------------------------------------- movements


def make(world: World, row: Row) -> list[int]:
    """The movement at Amnis; the ids of its ledger rows."""
    made = _MAKERS[row.kind](world, row)
    ids = [made] if isinstance(made, int) else [it for it in (made.paid, made.received) if it is not None]
    changes: dict[str, Any] = {
        name.removeprefix("set "): value for name, value in row.options.items() if name.startswith("set ")
    }
    if "vat net" in row.options:  # Amnis calls gross what is without its tax
        changes["vats"] = [_net(*part.split(" % of ")) for part in row.options["vat net"].split(", ")]
    if changes:
        for each in ids:
            world.amnis.change(each, **{name: None if value == "none" else value for name, value in changes.items()})
    return ids


def _net(rate: str, net: str) -> dict[str, Any]:
    tax = (Decimal(net) * Decimal(rate) / 100).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return {"expenseVat": None, "rate": rate, "amount": str(tax), "grossAmount": net, "externalId": None}


def happen(world: World, row: Row, row_id: int) -> None:
    """What befalls the row after it was read once."""
    deed, _, amount = row.options.get("then", "").partition(" ")
    match deed:
        case "executes":
            world.amnis.execute(row_id, amount=amount or None)
        case "expires":
            world.amnis.expire(row_id)
        case "cancelled":
            world.amnis.cancel(row_id)


def _moment(row: Row) -> date | datetime:
    at = row.options.get("at")
    return datetime.strptime(at, "%d.%m.%Y %H:%M UTC").replace(tzinfo=UTC) if at else row.day


def _common(row: Row, *names: str) -> dict[str, Any]:
    given = {_RENAMED.get(name, name): row.options[name] for name in names if name in row.options}
    return {"amount": row.amount, "account": WALLETS[row.wallet], "executed_on": _moment(row), **given}


def _pay_in(world: World, row: Row) -> Any:
    done = row.options.get("status") != "pending"
    returned = row.kind == "returned payment"
    return world.amnis.pay_in(payer=row.party or None, returned=returned, executed=done, **_common(row, "text", "qr"))


def _payout(world: World, row: Row) -> Any:
    return world.amnis.payout(to=row.party, **_common(row, "text", "status", "country"))


def _fee(world: World, row: Row) -> Any:
    comment = row.options.get("text", "Account fee")
    return world.amnis.fee(comment=comment, executed=row.options.get("status") != "pending", **_common(row))


def _peer(world: World, row: Row) -> Any:
    about = {**_common(row, "status"), "comment": row.options.get("text")}
    if row.kind == "to company":
        return world.amnis.peer_out(to=row.party, **about)
    return world.amnis.peer_in(sender=row.party, **about)


def _card(world: World, row: Row) -> Any:
    about = _common(row, "country", "category")
    if "original" in row.options:
        currency, amount = row.options["original"].split()
        about["original"] = (currency, amount)
    if "settled" in row.options:
        about["settled_on"] = day_of(row.options["settled"])
    if "cost centre" in row.options:
        about["cost_center"] = row.options["cost centre"]
    if "vat" in row.options:
        about["vats"] = [tuple(part.split(" % of ")) for part in row.options["vat"].split(", ")]
    if row.kind == "card reserved":
        about["settles_at"] = datetime(2030, 1, 1, tzinfo=UTC)
    return world.amnis.card(merchant=row.party, refund=row.kind == "card refund", **about)


def _conversion(world: World, row: Row) -> Any:
    currency, amount = row.party.split()
    status = row.options.get("status")
    return world.amnis.fx(
        sold=(WALLETS[row.wallet], row.amount),
        bought=(WALLETS[currency], amount),
        dealt_on=day_of(row.options["dealt"]) if "dealt" in row.options else row.day,
        value_on=row.day,
        executed=status not in ("pending", "canceled"),
        status=status,
    )


def _own_transfer(world: World, row: Row) -> Any:
    return world.amnis.own_transfer(
        amount=row.amount,
        source=WALLETS[row.wallet],
        target=WALLETS[row.party],
        executed_on=row.day,
        comment=row.options.get("text"),
        status=row.options.get("status", "transferred"),
    )


def _interest(world: World, row: Row) -> Any:
    """A kind of row that no document of Amnis names."""
    moment = f"{row.day.isoformat()}T00:00:00+01:00"
    return world.amnis.raw(
        {
            "type": "interest",
            "currency": row.wallet,
            "amount": str(amount_of(row.amount)),
            "account": WALLETS[row.wallet],
            "executed": True,
            "transactionDetailId": None,
            "executionDate": moment,
            "createdAt": moment,
            "updatedAt": datetime.now(UTC).isoformat(),
        }
    )


_MAKERS = {
    "pay-in": _pay_in,
    "returned payment": _pay_in,
    "payout": _payout,
    "fee": _fee,
    "from company": _peer,
    "to company": _peer,
    "card": _card,
    "card refund": _card,
    "card reserved": _card,
    "conversion": _conversion,
    "own transfer": _own_transfer,
    "interest": _interest,
}
