"""Rules in their order, what each decided lately, and the versions of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.utils import timezone

from dashboard.presenting import RuleSentence, rule_sentence
from sync.models import Entry, Flow, Rule

HIT_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule, its place from 1, what it says in words, and what it decided lately."""

    rule: Rule
    hits: int
    number: int
    sentence: RuleSentence


def rule_rows(*, flow: Flow) -> list[RuleRow]:
    """Current rules, with the entries of the last thirty days that each decided. Two queries."""
    rules = list(Rule.objects.filter(flow=flow, superseded_at=None).order_by("position", "id"))
    hits = _hits(flow)
    return [
        RuleRow(rule=rule, hits=hits.get(rule.name, 0), number=n, sentence=rule_sentence(rule.spec))
        for n, rule in enumerate(rules, start=1)
    ]


def rule_versions(*, flow: Flow, key: UUID) -> list[Rule]:
    """Every version of one rule, newest first. One query."""
    return list(Rule.objects.filter(flow=flow, key=key).order_by("-version"))


def _hits(flow: Flow) -> dict[str, int]:
    since = timezone.now() - timedelta(days=HIT_DAYS)
    found = (
        Entry.objects.filter(flow=flow, created_at__gte=since, decisions__rule__rule__isnull=False)
        .values_list(KeyTextTransform("rule", KeyTransform("rule", "decisions")))
        .annotate(n=Count("id"))
        .order_by()
    )
    return {name: number for name, number in found if name}
