"""A flow's settings and rules set as a whole, by a tenant file or the settings page; single acts are in `sync.services`.

All work in the open tenant scope, in the caller's transaction, and change nothing (and record nothing) where what is
asked for stands already. Entries made before are never rewritten by any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from connectors.models import Connection
from sync.domain.days import refuse_first_day
from sync.domain.rules import RuleSpec
from sync.models import Flow, Rule
from tenants import audit
from tenants.models import Tenant

_SETTINGS = ("cutoff", "frequency_minutes", "defaults", "policies", "review", "source", "destination")


def flow_create(*, cutoff: date, actor: str, **settings: Any) -> Flow:
    """A flow of the current tenant. `settings` as in `flow_change`. Raises DayFault for a first day that cannot be one."""
    first_day_check(cutoff)
    flow = Flow.objects.create(cutoff=cutoff, **_known(settings))
    audit.record("flow_created", target=_about(flow), actor=actor, after=_told(flow))
    return flow


def flow_change(*, flow: Flow, actor: str, reason: str = "", **changes: Any) -> Flow:
    """Change settings of a flow: cutoff, frequency_minutes, defaults, policies, review, source, destination.

    Raises DayFault for another first day that cannot be one.
    """
    locked = Flow.objects.select_for_update().get(pk=flow.pk)
    before = _told(locked)
    if changes.get("cutoff", locked.cutoff) != locked.cutoff:
        first_day_check(changes["cutoff"])
    for name, value in _known(changes).items():
        setattr(locked, name, value)
    after = _told(locked)
    if after != before:
        locked.save(update_fields=list(changes))
        audit.record(
            "flow_changed",
            target=_about(locked),
            actor=actor,
            before={name: before[name] for name in before if before[name] != after[name]},
            after={name: after[name] for name in after if before[name] != after[name]},
            reason=reason,
        )
    return locked


def first_day_check(day: date) -> None:
    """Raises DayFault where the current tenant's first day cannot be this one."""
    refuse_first_day(day, today=timezone.localdate(timezone=ZoneInfo(Tenant.objects.get().timezone)))


def rules_set(*, flow: Flow, rules: Sequence[RuleSpec], actor: str, reason: str = "") -> None:
    """Make these the flow's rules, in this order. A rule is known by its name; a changed one gets a new version.

    Superseded and removed versions are kept, so that every decision of the past can be shown. Rules that are switched
    off stay as they are.
    """
    current = list(Rule.objects.select_for_update().filter(flow=flow, superseded_at=None).order_by("position", "id"))
    standing: dict[str, Rule] = {}
    for row in current:
        standing.setdefault(row.name, row)
    before = [row.spec for row in current if row.active]
    after = [rule.to_json() for rule in rules]
    if before == after:
        return
    names = {rule.name for rule in rules}
    gone = [row.pk for row in current if row.active and (row.name not in names or row is not standing[row.name])]
    Rule.objects.filter(pk__in=gone).update(superseded_at=timezone.now())
    for position, rule in enumerate(rules, start=1):
        _place(flow, rule, position=position, old=standing.get(rule.name), actor=actor)
    audit.record(
        "rules_changed",
        target=_about(flow),
        actor=actor,
        before={"order": [spec["name"] for spec in before], "rules": [spec for spec in before if spec not in after]},
        after={"order": [spec["name"] for spec in after], "rules": [spec for spec in after if spec not in before]},
        reason=reason,
    )


def _place(flow: Flow, rule: RuleSpec, *, position: int, old: Rule | None, actor: str) -> None:
    """The rule at this position: as it stands, or as a new version of the one with its name."""
    spec = rule.to_json()
    if old is not None and old.spec == spec and old.active:
        if old.position != position:
            Rule.objects.filter(pk=old.pk).update(position=position)
        return
    row = Rule(flow=flow, position=position, name=rule.name, spec=spec, created_by=actor)
    if old is not None:
        Rule.objects.filter(pk=old.pk).update(superseded_at=timezone.now())
        row.key, row.version = old.key, old.version + 1
    row.save(force_insert=True)


def _known(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := set(settings) - set(_SETTINGS):
        raise TypeError(f"not settings of a flow: {', '.join(sorted(unknown))}")
    return settings


def _told(flow: Flow) -> dict[str, Any]:
    told = {name: getattr(flow, name) for name in _SETTINGS if name not in ("source", "destination")}
    return {**told, "source": _connection(flow.source), "destination": _connection(flow.destination)}


def _connection(connection: Connection | None) -> str:
    return "" if connection is None else f"connection:{connection.pk}"


def _about(flow: Flow) -> str:
    return f"flow:{flow.pk}"
