"""Which tracking options a movement's lines carry, one per category: rule, returned movement, cost centre, remembered. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract.records import Movement, TrackingChoice
from sync.domain.coding_case import Case, DecidedBy, Notes
from sync.domain.references import ACTIVE, fold, tracking_choice, tracking_option

MAX_TRACKING = 2

Choices = tuple[TrackingChoice, ...]


def choose_tracking(case: Case, notes: Notes) -> Choices:
    """One option per category; what stands earlier in the precedence wins the category."""
    if case.movement is Movement.FX:
        return ()
    sources = (
        (options_named(case.then.tracking, case, notes), DecidedBy.RULE, case.rule_words),
        (options_named(case.returned.tracking, case, notes), DecidedBy.ORIGIN, case.returned.why),
        (_cost_centre(case, notes), DecidedBy.CATEGORY, f"cost centre “{case.transaction.cost_centre}” at Amnis"),
        (options_named(case.memory.tracking, case, notes), DecidedBy.CONTACT, case.memory.why),
    )
    chosen: dict[str, TrackingChoice] = {}
    for choices, by, why in sources:
        for choice in choices:
            if choice.category_id not in chosen:
                chosen[choice.category_id] = choice
                notes.decide("tracking", choice.label, by, why)
    return _at_most_two(tuple(chosen.values()), notes)


def overlaid(under: Choices, over: Choices, notes: Notes) -> Choices:
    """The choices of a whole document with those of one line on top."""
    together = tuple({choice.category_id: choice for choice in (*under, *over)}.values())
    return _at_most_two(together, notes) if len(together) > len(under) else together


def options_named(wanted: Mapping[str, str], case: Case, notes: Notes) -> Choices:
    """The options of these names, by category; every objection becomes a finding."""
    found = (_option(category, option, case, notes) for category, option in wanted.items())
    return tuple(choice for choice in found if choice)


def _option(category_name: str, option_name: str, case: Case, notes: Notes) -> TrackingChoice | None:
    wanted = f"{category_name}: {option_name}"
    category = case.chart.tracking_category(category_name)
    option = tracking_option(category, option_name) if category else None
    if category is None or option is None:
        notes.review("tracking_missing", f"Tracking {wanted} does not exist in Xero.", detail=wanted)
        return None
    if category.status != ACTIVE or option.status != ACTIVE:
        notes.review("tracking_archived", f"Tracking {wanted} is archived in Xero.", detail=wanted)
    return tracking_choice(category, option)


def _cost_centre(case: Case, notes: Notes) -> Choices:
    """The active option that is called like the cost centre; none where the name is unknown or ambiguous."""
    name = case.transaction.cost_centre
    options = case.chart.options_named(name)
    if len(options) == 1:
        return options
    if fold(name):
        reason = "stands in several tracking categories" if options else "is no active tracking option"
        notes.note("cost_centre_unmapped", f"Cost centre “{name}” {reason} in Xero, so it was left out.", detail=name)
    return ()


def _at_most_two(choices: Choices, notes: Notes) -> Choices:
    if len(choices) > MAX_TRACKING:
        labels = ", ".join(choice.label for choice in choices)
        notes.review("tracking_too_many", f"Xero allows two tracking categories on a line, not {labels}. Choose two.")
    return choices
