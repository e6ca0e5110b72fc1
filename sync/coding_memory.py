"""What people decide for all movements of a counterparty: the account and the tax, by direction, until taken back.

It holds for what is not posted yet; what stands in the books keeps its coding. Rules and captures at the source go first.
"""

from __future__ import annotations

from connectors import selectors
from sync import store
from sync.domain.contacts import clean_contact_name, contact_key
from sync.domain.fingerprint import contact_marker
from sync.domain.references import ChartIndex, coding_objection
from sync.models import ContactLink, Flow
from sync.services import NotPossible
from tenants import audit
from tenants.scoping import tenant_scope

DIRECTIONS = ("in", "out")


def contact_code(*, tenant_id: int, link_id: int, direction: str, account: str, tax: str, actor: str) -> None:
    """From now on its movements of this direction go to this account with this tax. Raises NotPossible with the reason."""
    if direction not in DIRECTIONS or not account:
        raise NotPossible("Choose an account.")
    with tenant_scope(tenant_id, actor=actor):
        link = _locked(link_id)
        assert link.flow.destination is not None
        problem = coding_objection(ChartIndex.of(selectors.chart(link.flow.destination)), account=account, tax=tax)
        if problem:
            raise NotPossible(problem)
        _keep(link, {**link.coding, direction: _said(account, tax, actor)}, "contact.code", actor)


def coding_set(*, flow: Flow, name: str, direction: str, account: str, tax: str, actor: str) -> None:
    """What a tenant file says about a counterparty, met already or not. Inside the tenant's scope; twice is once."""
    key = contact_key(clean_contact_name(name))[:255]
    link = ContactLink.objects.select_for_update().filter(flow=flow, key=key).first() or _unmet(flow, key, name)
    stands = link.coding.get(direction, {})
    if (stands.get("account"), stands.get("tax")) != (account, tax):
        _keep(link, {**link.coding, direction: _said(account, tax, actor)}, "contact.code", actor)


def _unmet(flow: Flow, key: str, name: str) -> ContactLink:
    books = flow.destination.external_id if flow.destination else ""
    return ContactLink.objects.create(
        tenant_id=flow.tenant_id,
        flow=flow,
        key=key,
        name=clean_contact_name(name),
        marker=contact_marker(key, organisation_id=books),
        state=ContactLink.State.UNMET,
    )


def _said(account: str, tax: str, actor: str) -> dict[str, str]:
    return {"account": account, "tax": tax, "by": actor, "day": f"{store.now():%-d %b %Y}"}


def contact_uncode(*, tenant_id: int, link_id: int, direction: str, actor: str) -> None:
    """Taken back: its movements are coded by the defaults again."""
    with tenant_scope(tenant_id, actor=actor):
        link = _locked(link_id)
        rest = {name: said for name, said in link.coding.items() if name != direction}
        if rest != link.coding:
            _keep(link, rest, "contact.uncode", actor)


def _locked(link_id: int) -> ContactLink:
    return ContactLink.objects.select_for_update(of=("self",)).select_related("flow__destination").get(pk=link_id)


def _keep(link: ContactLink, coding: dict[str, dict[str, str]], action: str, actor: str) -> None:
    ContactLink.objects.filter(pk=link.pk).update(coding=coding, updated_at=store.now())
    before, after = ({"name": link.name, "coding": it} for it in (link.coding, coding))
    audit.record(action, target=f"contact:{link.pk}", actor=actor, before=before, after=after)
