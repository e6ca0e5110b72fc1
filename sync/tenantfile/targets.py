"""What a file's lines point at in the books: bank accounts for wallets, and whatever defaults and rules name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from connectors.contract.records import Account, SourceAccount, TaxRate, TrackingCategory
from sync.domain.default_checks import default_objections
from sync.domain.references import (
    ACTIVE,
    ChartIndex,
    account_objection,
    label,
    tracking_option,
)
from sync.domain.rules import Action, SplitPart
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.spec import AccountLine, FlowSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A wallet's line and the bank account it means; None while Xero is not connected, and for a wallet left out."""

    line: AccountLine
    account: Account | None
    currency: str


def bank_accounts(
    lines: Iterable[AccountLine], *, chart: ChartIndex | None, wallets: Mapping[str, SourceAccount]
) -> tuple[Target, ...]:
    """Every line with the account it means. Raises FileFault for what could never be posted to.

    `wallets` is empty while Amnis is not connected; then wallets are taken as they are written.
    """
    targets: list[Target] = []
    taken: dict[str, AccountLine] = {}
    for line in lines:
        currency = wallets[line.source].currency if line.source in wallets else ""
        account = _bank_account(line, chart) if line.xero and chart else None
        if account:
            _check_wallet(line, wallets)
            _check_currency(line, account, currency, chart)
            if account.account_id in taken:
                other = taken[account.account_id].source
                raise FileFault(f"wallet {other!r} is mapped to account {label(account)} already", line=line.line)
            taken[account.account_id] = line
        targets.append(Target(line=line, account=account, currency=currency))
    return tuple(targets)


def _bank_account(line: AccountLine, chart: ChartIndex) -> Account:
    account = chart.account(line.xero)
    if account is None:
        banks = [label(one) for one in chart.chart.accounts if one.is_bank and one.status == ACTIVE]
        known = ", ".join(banks) or "none"
        raise FileFault(f"Xero has no account {line.xero!r}; its bank accounts are: {known}", line=line.line)
    if not account.is_bank:
        raise FileFault(f"account {label(account)} is not a bank account", line=line.line)
    if account.status != ACTIVE:
        raise FileFault(f"account {label(account)} is archived in Xero", line=line.line)
    return account


def _check_wallet(line: AccountLine, wallets: Mapping[str, SourceAccount]) -> None:
    if wallets and line.source not in wallets:
        known = ", ".join(f"{wallet.account_id} ({wallet.currency})" for wallet in wallets.values())
        raise FileFault(f"Amnis has no account {line.source!r}; it has: {known}", line=line.line)


def _check_currency(line: AccountLine, account: Account, currency: str, chart: ChartIndex | None) -> None:
    if currency and account.currency and currency != account.currency:
        raise FileFault(
            f"wallet {line.source!r} holds {currency}, but account {label(account)} holds {account.currency}",
            line=line.line,
        )
    organisation = chart.chart.organisation if chart else None
    if organisation and currency and currency != organisation.base_currency and not organisation.multi_currency:
        raise FileFault(
            f"wallet {line.source!r} holds {currency}, but {organisation.name} at Xero has no multi-currency",
            line=line.line,
        )


def refuse_unknown_defaults(flow: FlowSection, chart: ChartIndex) -> None:
    """Raises FileFault for a default that names what the books do not have at all: a wrong value, not a doubt."""
    for key, text in (flow.defaults or {}).items():
        kind, known = _default(key, text, chart)
        if text and known is None:
            message = f"default {key}: Xero has no {kind} {text!r}"
            raise FileFault(message, line=flow.default_lines.get(key, flow.line))


def _default(key: str, text: str, chart: ChartIndex) -> tuple[str, Account | TaxRate | TrackingCategory | None]:
    """What kind of thing this default names, and which one it is."""
    if key == "tracking_category":
        return "tracking category", chart.tracking_category(text)
    return ("tax", chart.tax_rate(text)) if key.startswith("tax_") else ("account", chart.account(text))


def doubts(flow: FlowSection, chart: ChartIndex) -> Iterator[str]:
    """What is archived or not allowed, and what rules name: not in the way of the import, but of the entries."""
    creates = (flow.policies or {}).get("tracking_options") == "create"
    objections = default_objections(flow.defaults or {}, chart)
    for key, text in (flow.defaults or {}).items():
        problem = _default_problem(key, text, chart) or objections.get(key, "")
        if problem:
            yield f"line {flow.default_lines.get(key, flow.line)}: default {key}: {problem}"
    for rule, line in zip(flow.rules or (), flow.rule_lines, strict=False):
        for problem in _action_problems(rule.then, chart, creates=creates):
            yield f"line {line}: rule {rule.name!r}: {problem}"


def _default_problem(key: str, text: str, chart: ChartIndex) -> str:
    if key == "tracking_category":
        category = chart.tracking_category(text)
        return f"tracking category {text!r} is archived in Xero" if category and category.status != ACTIVE else ""
    return _tax_problem(text, chart) if key.startswith("tax_") else _account_problem(text, chart)


def _action_problems(then: Action, chart: ChartIndex, *, creates: bool) -> Iterator[str]:
    sides: tuple[Action | SplitPart, ...] = (then, *then.split)
    for side in sides:
        problems = [_account_problem(side.account, chart), _tax_problem(side.tax, chart)]
        problems += [_tracking_problem(*named, chart, creates=creates) for named in side.tracking.items()]
        yield from filter(None, problems)


def _account_problem(text: str, chart: ChartIndex) -> str:
    account = chart.account(text) if text else None
    if not text:
        return ""
    if account is None:
        return f"Xero has no account {text!r}"
    objection = account_objection(account)
    return f"account {label(account)} {objection}" if objection else ""


def _tax_problem(text: str, chart: ChartIndex) -> str:
    rate = chart.tax_rate(text) if text else None
    if not text:
        return ""
    if rate is None:
        return f"Xero has no tax {text!r}"
    return "" if rate.status == ACTIVE else f"tax {rate.name} is not active in Xero"


def _tracking_problem(category_name: str, option_name: str, chart: ChartIndex, *, creates: bool) -> str:
    """`creates`: an option that is missing is no problem, because it is created when it is needed."""
    category = chart.tracking_category(category_name)
    option = tracking_option(category, option_name) if category else None
    if category is not None and option is None and creates and category.status == ACTIVE:
        return ""
    if category is None or option is None:
        return f"Xero has no tracking {category_name}: {option_name}"
    is_active = category.status == option.status == ACTIVE
    return "" if is_active else f"tracking {category_name}: {option_name} is archived in Xero"
