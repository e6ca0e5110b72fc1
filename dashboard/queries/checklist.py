"""What is still missing before the first dry run, each with the page where it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connectors.models import Connection
from dashboard.addresses import tenant_url
from dashboard.queries.accounts import open_mappings
from sync.models import AccountMapping, Flow, Run
from tenants.models import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    title: str | Promise
    text: str | Promise
    label: str | Promise
    url: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    steps: Sequence[Step]

    @property
    def open_steps(self) -> list[Step]:
        return [step for step in self.steps if not step.done]

    @property
    def done_steps(self) -> list[Step]:
        return [step for step in self.steps if step.done]

    @property
    def done(self) -> int:
        return len(self.done_steps)

    @property
    def total(self) -> int:
        return len(self.steps)


def checklist(*, tenant: Tenant, flow: Flow | None) -> Checklist | None:
    """The five steps, or None once all are done. At most five queries."""
    usable = {it.kind for it in Connection.objects.all() if it.is_usable}
    mapped = flow is not None and AccountMapping.objects.filter(flow=flow).exclude(destination_account_id="").exists()
    matched = flow is not None and mapped and not open_mappings(flow=flow)
    defaults = flow.defaults if flow is not None else {}
    ran = flow is not None and Run.objects.filter(flow=flow).exists()
    done = {
        "amnis": Connection.Kind.AMNIS in usable,
        "xero": Connection.Kind.XERO in usable,
        "accounts": matched,
        "defaults": bool(defaults.get("income") and defaults.get("expense")),
        "run": ran,
    }
    if all(done.values()):
        return None
    return Checklist(steps=[_step(tenant, name, done=is_done) for name, is_done in done.items()])


_STEPS: dict[str, tuple[Promise, Promise, Promise, str]] = {
    "amnis": (_("Connect Amnis"), _("Where the movements come from."), _("Connect"), "connections"),
    "xero": (_("Connect Xero"), _("Whose books they go into; one sign-in at Xero."), _("Connect"), "connections"),
    "accounts": (
        _("Match the accounts"),
        _("Each wallet gets its bank account in Xero. We propose the pairs."),
        _("Match"),
        "accounts",
    ),
    "defaults": (
        _("Choose defaults"),
        _("Where income and expenses go when no rule says otherwise."),
        _("Choose"),
        "settings",
    ),
    "run": (
        _("Look before you post"),
        _("A dry run shows every document, and posts none."),
        _("To the top"),
        "overview",
    ),
}


def _step(tenant: Tenant, name: str, *, done: bool) -> Step:
    title, text, label, page = _STEPS[name]
    return Step(title=title, text=text, label=label, url=tenant_url(tenant, page), done=done)
