"""Aliases in a tenant file: counterparties whose contact a person has chosen. Listed ones are set, others stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from connectors.models import Reference
from sync import contacting
from sync.domain.contacts import clean_contact_name, contact_key
from sync.models import ContactLink, Flow
from sync.services import NotPossible
from sync.tenantfile import nodes
from sync.tenantfile.nodes import FileFault, Mapping

MOST = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLine:
    """`contact` is the name for people; the id decides."""

    counterparty: str
    contact_id: str
    contact: str
    line: int


def parse_aliases(node: yaml.Node, name: str) -> tuple[ContactLine, ...]:
    """Each counterparty once. Raises FileFault."""
    found: dict[str, ContactLine] = {}
    for item in nodes.items(node, name, longest=MOST):
        entry = Mapping(item, name).only("counterparty", "contact", "contact_id")
        line = ContactLine(
            counterparty=nodes.bounded(entry.require("counterparty"), "counterparty", 255),
            contact_id=nodes.bounded(entry.require("contact_id"), "contact_id", 100),
            contact=nodes.bounded(label, "contact", 255) if (label := entry.get("contact")) is not None else "",
            line=nodes.line_of(item),
        )
        if not clean_contact_name(line.counterparty):
            raise FileFault(f"{line.counterparty!r} is no name of a counterparty", line=line.line)
        if found.setdefault(contact_key(line.counterparty), line) is not line:
            raise FileFault(f"{line.counterparty!r} stands twice in {name}", line=line.line)
    return tuple(found.values())


def exported(lines: Sequence[ContactLine]) -> list[dict[str, str]]:
    """What people have chosen, as the file says it."""
    return [{"counterparty": it.counterparty, "contact": it.contact, "contact_id": it.contact_id} for it in lines]


def facts(lines: Sequence[ContactLine]) -> dict[str, str]:
    return {f"flow.contacts.{contact_key(line.counterparty)}": line.contact_id for line in lines}


def chosen(flow: Flow) -> tuple[ContactLine, ...]:
    """What people have chosen so far, by name. Inside the tenant's scope."""
    by_people = ContactLink.objects.filter(flow=flow, how=ContactLink.How.PERSON, state=ContactLink.State.LINKED)
    links = list(by_people.order_by("key"))
    known = Reference.objects.filter(connection=flow.destination_id, kind=Reference.Kind.CONTACT)
    names = dict(known.filter(external_id__in={it.contact_id for it in links}).values_list("external_id", "name"))
    return tuple(
        ContactLine(
            counterparty=it.name, contact_id=it.contact_id, contact=names.get(it.contact_id, it.name)[:255], line=0
        )
        for it in links
    )


def apply_aliases(flow: Flow, lines: Sequence[ContactLine], *, actor: str) -> None:
    for line in lines:
        try:
            contacting.alias_set(flow=flow, name=line.counterparty, contact_id=line.contact_id, actor=actor)
        except NotPossible as problem:
            raise FileFault(str(problem), line=line.line) from problem
