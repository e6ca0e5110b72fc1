"""Remembered codings in a tenant file: the account and tax that a person decided for a counterparty's movements of one
direction. Listed ones are set, others stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from sync import coding_memory
from sync.domain.contacts import clean_contact_name, contact_key
from sync.domain.references import ChartIndex, coding_objection
from sync.models import ContactLink, Flow
from sync.tenantfile import nodes
from sync.tenantfile.nodes import FileFault, Mapping

MOST = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingLine:
    """`account` by code, name or id, `tax` by type or name, "" for the tax by default."""

    counterparty: str
    direction: str
    account: str
    tax: str
    line: int

    @property
    def path(self) -> str:
        return f"flow.codings.{contact_key(clean_contact_name(self.counterparty))}.{self.direction}"


def parse_codings(node: yaml.Node, name: str) -> tuple[CodingLine, ...]:
    """Each counterparty and direction once. Raises FileFault."""
    found: dict[str, CodingLine] = {}
    for item in nodes.items(node, name, longest=MOST):
        line = _parsed(Mapping(item, name).only("counterparty", "direction", "account", "tax"), nodes.line_of(item))
        if found.setdefault(line.path, line) is not line:
            raise FileFault(f"{line.counterparty!r} {line.direction} stands twice in {name}", line=line.line)
    return tuple(found.values())


def exported(lines: Sequence[CodingLine]) -> list[dict[str, str]]:
    """What people have decided, as the file says it."""
    return [
        {"counterparty": it.counterparty, "direction": it.direction, "account": it.account}
        | ({"tax": it.tax} if it.tax else {})
        for it in lines
    ]


def facts(lines: Sequence[CodingLine]) -> dict[str, str]:
    return {it.path: f"{it.account} {it.tax}".strip() for it in lines}


def decided(flow: Flow) -> tuple[CodingLine, ...]:
    """What people have decided so far, by name. Inside the tenant's scope; one statement."""
    links = ContactLink.objects.filter(flow=flow).exclude(coding={}).order_by("key")
    return tuple(
        CodingLine(
            counterparty=link.name if contact_key(link.name)[:255] == link.key else link.key,
            direction=direction,
            account=link.coding[direction]["account"],
            tax=link.coding[direction]["tax"],
            line=0,
        )
        for link in links
        for direction in coding_memory.DIRECTIONS
        if direction in link.coding
    )


def refuse_unknown_codings(lines: Sequence[CodingLine], chart: ChartIndex) -> None:
    """Raises FileFault for an account or a tax that the books do not have at all."""
    for it in lines:
        if chart.account(it.account) is None or (it.tax and chart.tax_rate(it.tax) is None):
            raise FileFault(_said(it, coding_objection(chart, account=it.account, tax=it.tax)), line=it.line)


def coding_doubts(lines: Sequence[CodingLine], chart: ChartIndex) -> Iterator[str]:
    """What is archived or not allowed: not in the way of the import, but of the entries."""
    for it in lines:
        problem = coding_objection(chart, account=it.account, tax=it.tax)
        if problem:
            yield f"line {it.line}: {_said(it, problem)}"


def apply_codings(flow: Flow, lines: Sequence[CodingLine], *, actor: str) -> None:
    for it in lines:
        coding_memory.coding_set(
            flow=flow, name=it.counterparty, direction=it.direction, account=it.account, tax=it.tax, actor=actor
        )


def _parsed(entry: Mapping, line: int) -> CodingLine:
    tax = entry.get("tax")
    found = CodingLine(
        counterparty=nodes.bounded(entry.require("counterparty"), "counterparty", 255),
        direction=nodes.choice(entry.require("direction"), "direction", coding_memory.DIRECTIONS),
        account=nodes.bounded(entry.require("account"), "account", 150),
        tax="" if tax is None else nodes.bounded(tax, "tax", 150),
        line=line,
    )
    if not clean_contact_name(found.counterparty):
        raise FileFault(f"{found.counterparty!r} is no name of a counterparty", line=line)
    return found


def _said(it: CodingLine, problem: str) -> str:
    return f"coding of {it.counterparty!r} ({it.direction}): {problem}"
