"""Every address of a company's pages, each with who may do what there. An address without an entry fails the suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from dashboard.urls import company
from tenants.models import Role
from tests.pages.world import World

EVERYBODY = frozenset(Role)
WORKING = frozenset({Role.OWNER, Role.BOOKKEEPER})
OWNING = frozenset({Role.OWNER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`reads` and `writes`: the roles that GET and POST let in; None where the method does not exist there."""

    reads: frozenset[Role] | None = None
    writes: frozenset[Role] | None = None
    args: tuple[str, ...] = ()
    data: tuple[tuple[str, str], ...] = ()

    def address(self, name: str, world: World) -> str:
        known: dict[str, Any] = {
            "record": world.records["rent"].pk,
            "run": world.run.pk,
            "batch": world.batch,
            "proof": world.proof.pk,
            "rule": world.rule.key,
            "contact": world.contact.pk,
            "connection": world.flow.source_id,
        }
        return reverse(f"dashboard:{name}", args=[world.tenant.public_id, *(known.get(it, it) for it in self.args)])


def page(*args: str) -> Route:
    return Route(reads=EVERYBODY, args=args)


def act(writes: frozenset[Role], *args: str, **data: str) -> Route:
    return Route(writes=writes, args=args, data=tuple(data.items()))


ONE_RATE = {
    "currency": "EUR", "rate": "0.9476", "unit": "1", "direction": "base_per_foreign", "valid_from": "2026-03-01",
    "method": "monthly", "source": "Swiss Federal Tax Administration",
}  # fmt: skip
ROUTES: dict[str, Route] = {
    "overview": page(),
    "overview-live": page(),
    "flow-sync": act(WORKING),
    "flow-pause": act(WORKING),
    "flow-resume": act(WORKING),
    "flow-dry-run": act(WORKING),
    "proof": page(),
    "proof-live": page(),
    "proof-typed": page(),
    "proof-link": act(WORKING),
    "proof-check": act(WORKING),
    "proof-stop": act(WORKING),
    "proof-fill": act(WORKING),
    "proof-accept": act(WORKING),
    "proof-verify": act(EVERYBODY),
    "proof-certificate": act(EVERYBODY, "proof", "pdf"),
    "transactions": page(),
    "transactions-export": page(),
    "transactions-detail": page("record"),
    "transactions-original": act(WORKING, "record", origin="1"),
    "transactions-act": act(WORKING, "record", "retry"),
    "invoice-choose": act(WORKING, "record", key="none"),
    "invoices-choose": act(WORKING, group="none"),
    "accounts-statements": page(),
    "accounts-statements-file": act(EVERYBODY, wallet="1", month="2026-03"),
    "review": page(),
    "review-act": act(WORKING, "accept"),
    "proposal-preview": act(WORKING, "record"),
    "proposal-apply": act(WORKING, "record"),
    "proposal-keep": act(WORKING, "record"),
    "post-again": act(WORKING, "record"),
    "undo-preview": act(WORKING, day="2026-03-02"),
    "undo-confirm": act(WORKING, day="2026-03-02"),
    "undo-batch": page("batch"),
    "undo-batch-live": Route(reads=EVERYBODY, args=("batch",)),
    "runs": page(),
    "runs-detail": page("run"),
    "runs-backfill": page(),
    "runs-backfill-live": page(),
    "runs-backfill-preview": act(WORKING),
    "runs-backfill-start": act(WORKING),
    "runs-backfill-stop": act(WORKING),
    "connections": page(),
    "connections-connect": act(OWNING, "xero"),
    "connections-key": act(OWNING, "amnis"),
    "connections-choices": Route(reads=OWNING, args=("xero",)),
    "connections-choose": act(OWNING, "xero"),
    "connections-test": act(OWNING, "connection"),
    "connections-disconnect": act(OWNING, "connection"),
    "accounts": page(),
    "accounts-map": act(WORKING, wallet="2"),
    "accounts-ignore": act(WORKING, wallet="2", reason="not ours"),
    "accounts-accept": act(WORKING),
    "accounts-refresh": act(WORKING),
    "contacts": page(),
    "contacts-export": page(),
    "contacts-decide": page(),
    "contacts-detail": page("contact"),
    "contacts-act": act(WORKING, "contact", "choose", contact="c-2"),
    "rules": page(),
    "rules-new": Route(reads=EVERYBODY, writes=WORKING),
    "rules-edit": Route(reads=EVERYBODY, writes=WORKING, args=("rule",)),
    "rules-move": act(WORKING, "rule"),
    "rules-switch": act(WORKING, "rule"),
    "rules-remove": act(WORKING, "rule"),
    "conversions": page(),
    "conversions-export": page(),
    "rates": page(),
    "rates-export": page(),
    "rates-preview": act(WORKING, **ONE_RATE),
    "rates-take": act(WORKING, **ONE_RATE),
    "settings": Route(reads=EVERYBODY, writes=OWNING),
    "settings-cutoff": page(),
    "settings-cutoff-preview": act(OWNING),
    "settings-cutoff-move": act(OWNING),
    "alerts": page(),
    "alerts-read": act(EVERYBODY),
    "alerts-settings": act(OWNING, owners="on"),
    "audit": page(),
    "audit-export": page(),
    "audit-verify": act(EVERYBODY),
    "team": page(),
}
NAMES = [str(pattern.name) for pattern in company]
PAGES = [name for name, route in ROUTES.items() if route.reads]
