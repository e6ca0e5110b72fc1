"""Rows of the database turned into what a template says: events as sentences, findings with their next action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dashboard.addresses import fix_page, tenant_url
from dashboard.words import WORDS, word_for
from sync.models import AmendmentState, Event, Incident
from sync.models.incident import MOVEMENT
from sync.pipeline.findings import accepted_as, is_acceptable
from tenants.models import Tenant

_TONES = {
    "confirmed": "is-good",
    "review": "is-warn",
    "failed": "is-bad",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    message: str
    severity: str
    fix_url: str
    fix_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownIncident:
    title: str
    body: str
    severity: str
    count: int
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    resolution: str
    fix_url: str
    fix_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEvent:
    title: str
    text: str
    tone: str
    at: datetime
    actor: str
    run_id: int | None


def shown_findings(
    tenant: Tenant, findings: Sequence[Mapping[str, Any]], *, accepted: Sequence[str]
) -> list[ShownFinding]:
    """Findings that block come first; what a person has accepted is shown as a note."""
    accepted = [it for it in accepted if is_acceptable(it)]
    ordered = sorted(findings, key=lambda it: it.get("severity") != "review" or accepted_as(it) in accepted)
    return [_shown_finding(tenant, it, is_accepted=accepted_as(it) in accepted) for it in ordered]


def _shown_finding(tenant: Tenant, finding: Mapping[str, Any], *, is_accepted: bool) -> ShownFinding:
    page = fix_page(str(finding.get("code", "")))
    message = str(finding.get("message", ""))
    return ShownFinding(
        message=_("%(message)s (accepted)") % {"message": message} if is_accepted else message,
        severity="note" if is_accepted else str(finding.get("severity", "review")),
        fix_url=tenant_url(tenant, page) if page and not is_accepted else "",
        fix_label=fix_label(page),
    )


def fix_label(page: str) -> str:
    if page.startswith(MOVEMENT):
        return _("Open the movement")
    return {
        "accounts": _("Match the account"),
        "contacts-decide": _("Choose the contact"),
        "proof": _("Open the proof"),
        "settings": _("Open the settings"),
        "rules": _("Open the rules"),
        "connections": _("Open the connections"),
        "review": _("Open the review"),
    }.get(page, _("Open"))


def shown_incident(tenant: Tenant, incident: Incident) -> ShownIncident:
    return ShownIncident(
        title=incident.title,
        body=incident.body,
        severity=incident.severity,
        count=incident.count,
        opened_at=incident.opened_at,
        last_seen_at=incident.last_seen_at,
        closed_at=incident.closed_at,
        resolution=incident.resolution,
        fix_url=_page_url(tenant, incident.action),
        fix_label=fix_label(incident.action),
    )


def _page_url(tenant: Tenant, page: str) -> str:
    """The address of a page that the pipeline named; "" for a name that is none of ours."""
    try:
        if page.startswith(MOVEMENT):
            return tenant_url(tenant, "transactions-detail", int(page.removeprefix(MOVEMENT)))
        return tenant_url(tenant, page) if page else ""
    except NoReverseMatch:
        return ""


def shown_events(events: Sequence[Event]) -> list[ShownEvent]:
    """What the database wrote down, in sentences."""
    return [
        ShownEvent(
            title=_event_title(event),
            text=note_text(event.note),
            tone=_TONES.get(event.to_state, ""),
            at=event.at,
            actor=event.actor,
            run_id=event.run_id,
        )
        for event in events
    ]


def _event_title(event: Event) -> str:
    if event.step == "fetch":
        changed = (event.note or {}).get("changed_at_source")
        return _("Changed at Amnis") if changed else _("Read from Amnis")
    if event.step == "amend" and event.to_state in AmendmentState.values:
        deed = word_for("deed", (event.note or {}).get("deed", "")).label
        return f"{deed}: {word_for('amendment', event.to_state).label}"
    if event.to_state == "fetched":
        return _("Decided anew") if event.from_state else _("Coded")
    if event.to_state and event.to_state != event.from_state:
        return str(word_for("entry", event.to_state).label)
    return str(word_for("step", event.step).label)


# What the steps write beside a change of state, as a sentence each. What is not listed stays in the log.
_NOTES: dict[str, Promise] = {
    "reason": gettext_lazy("%s"),
    "error": gettext_lazy("%s"),
    "changed_at_source": gettext_lazy("version %s"),
    "status": gettext_lazy("Xero answered %s"),
    "document": gettext_lazy("document %s"),
    "found": gettext_lazy("found in Xero: %s"),
    "copies": gettext_lazy("copies in Xero: %s"),
    "redated_from": gettext_lazy("moved from %s, because the period is locked"),
    "to": gettext_lazy("to %s"),
    "locked_until": gettext_lazy("Xero is locked up to %s"),
    "first_rate": gettext_lazy("rate of the first document %s"),
    "waits_for": gettext_lazy("waits for: %s"),
    "halved": gettext_lazy("the batch was halved to find the culprit, now %s"),
}


def note_text(note: Mapping[str, Any] | None) -> str:
    """The note of an event in one line."""
    said = ((template, (note or {}).get(key)) for key, template in _NOTES.items())
    return "; ".join(str(template) % value for template, value in said if isinstance(value, str | int) and value != "")


def target_text(target: str, contacts: Mapping[str, str]) -> str:
    """What an audit event is about, as a bookkeeper says it: `contact:11` by its name in `contacts`, entries counted."""
    kind, separator, which = target.partition(":")
    if kind == "entry" and separator:
        count = which.count(",") + 1
        return ngettext("%(n)s movement", "%(n)s movements", count) % {"n": count}
    if not separator and kind not in WORDS["target"]:
        return target
    label = str(word_for("target", kind).label)
    if kind in ("flow", "tenant"):  # there is one
        return label
    named = contacts.get(which, which) if kind == "contact" else which
    return f"{label} {named}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSentence:
    when: str
    then: str


def rule_sentence(spec: Mapping[str, Any]) -> RuleSentence:
    """A stored rule as two half sentences."""
    return RuleSentence(when=_group_words(spec.get("when", {})), then=_then_words(spec.get("then", {})))


def _group_words(group: Mapping[str, Any]) -> str:
    if "field" in group:
        return _condition_words(group)
    mode, items = next(iter(group.items()), ("all", ()))
    joiner = _(" and ") if mode == "all" else _(" or ")
    words = [f"({_group_words(it)})" if "field" not in it else _condition_words(it) for it in items]
    return joiner.join(words)


def _condition_words(condition: Mapping[str, Any]) -> str:
    field, op = word_for("field", condition["field"]).label, word_for("op", condition["op"]).label
    value = condition.get("value", "")
    if condition["op"] == "empty":
        return f"{field} {op}" if value else _("%(field)s is not empty") % {"field": field}
    text = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"{field} {op} “{text}”"


def _then_words(then: Mapping[str, Any]) -> str:
    if then.get("skip"):
        return _("left out of the books")
    parts = [f"{word_for('field', name).label} {then[name]}" for name in ("account", "tax", "contact") if name in then]
    parts += [f"{category}: {option}" for category, option in dict(then.get("tracking", {})).items()]
    if then.get("split"):
        parts.append(_("split over %(n)s accounts") % {"n": len(then["split"])})
    if then.get("review"):
        parts.append(_("shown to a person first"))
    return ", ".join(parts) or _("text of the line")
