"""Which tracking options a movement's lines carry, one per category: rule, returned movement, cost centre, remembered. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract.records import Movement, TrackingCategory, TrackingChoice
from sync.domain.coding_case import Case, DecidedBy, Notes
from sync.domain.printable import visible
from sync.domain.references import ACTIVE, fold, tracking_choice, tracking_option

MAX_TRACKING = 2
LONGEST_NAME = 100  # of a tracking option in Xero

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
    if category is not None and option is None and (coming := _to_be_created(category, option_name, case, notes)):
        return coming
    if category is None or option is None:
        notes.review("tracking_missing", f"Tracking {wanted} does not exist in Xero.", detail=wanted)
        return None
    if category.status != ACTIVE or option.status != ACTIVE:
        notes.review("tracking_archived", f"Tracking {wanted} is archived in Xero.", detail=wanted)
    return tracking_choice(category, option)


def _cost_centre(case: Case, notes: Notes) -> Choices:
    """The active option that is called like the cost centre, by policy a new one; none where the name is ambiguous."""
    name = case.transaction.cost_centre
    options = case.chart.options_named(name)
    if len(options) == 1:
        return options
    if fold(name) and not options and (coming := _new_cost_centre(name, case, notes)):
        return coming
    if fold(name):
        reason = "stands in several tracking categories" if options else "is no active tracking option"
        notes.note("cost_centre_unmapped", f"Cost centre “{name}” {reason} in Xero, so it was left out.", detail=name)
    return ()


def _new_cost_centre(name: str, case: Case, notes: Notes) -> Choices:
    """The option to be created for it; an archived one is not made again, a person restores or replaces it."""
    category = _category_of_cost_centres(case) if case.creates_options else None
    if category is None:
        return ()
    old = tracking_option(category, name)
    if old is None:
        coming = _to_be_created(category, name, case, notes)
        return (coming,) if coming else ()
    label = f"{category.name}: {old.name}"
    message = (
        f"The cost centre is the tracking option {label}, which is archived in Xero. Restore it there, then try again."
    )
    notes.review("tracking_archived", message, detail=label)
    return (tracking_choice(category, old),)


def _category_of_cost_centres(case: Case) -> TrackingCategory | None:
    """The only active category, else the one that the owner named; None where nobody has decided."""
    active = [category for category in case.chart.chart.tracking if category.status == ACTIVE]
    if len(active) == 1:
        return active[0]
    named = case.chart.tracking_category(case.defaults.tracking_category)
    return named if named in active else None


def _to_be_created(category: TrackingCategory, name: str, case: Case, notes: Notes) -> TrackingChoice | None:
    """A choice without an id yet, where the owner lets options be created and the name can be one."""
    new = visible(name)
    if not case.creates_options or category.status != ACTIVE or not 0 < len(new) <= LONGEST_NAME:
        return None
    label = f"{category.name}: {new}"
    notes.note(
        "tracking_created", f"Tracking {label} is new and is created in Xero before this is posted.", detail=label
    )
    return TrackingChoice(category_id=category.category_id, option_id="", label=label, new=new)


def _at_most_two(choices: Choices, notes: Notes) -> Choices:
    if len(choices) > MAX_TRACKING:
        labels = ", ".join(choice.label for choice in choices)
        notes.review("tracking_too_many", f"Xero allows two tracking categories on a line, not {labels}. Choose two.")
    return choices
