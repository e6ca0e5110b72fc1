"""Tracking options that the owner lets us create: each once, before the entries that wait for it. Goes through intents.

An option has no field for a marker of ours, but its name is unique within its category. So presence is found by reading
the categories, and "the name exists" means: read, and take that one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract.records import BankTransaction, LineItem, TrackingCategory, TrackingChoice, TrackingOption
from connectors.models import Reference
from sync import store
from sync.domain.fingerprint import option_marker
from sync.domain.plan import Outcome, Planned
from sync.domain.references import ACTIVE, fold, tracking_option
from sync.models import Entry, EntryState, PushIntentItem, TrackingLink
from sync.pipeline import findings
from sync.pipeline.context import Context

NAME_TAKEN = "name_not_unique"
State = TrackingLink.State


# ------------------------------------------------------------------- asked for


def choices_of(document: object) -> list[TrackingChoice]:
    """The options on a document's lines that do not exist yet."""
    if not isinstance(document, BankTransaction):
        return []
    return [choice for line in document.lines for choice in line.tracking if choice.new]


def link_key(choice: TrackingChoice) -> str:
    """As `store_intents.due_entries` tells it."""
    return f"{choice.category_id}:{fold(choice.new)}"


def with_options(ctx: Context, outcomes: Sequence[Outcome]) -> tuple[list[Outcome], dict[str, TrackingLink]]:
    """The outcomes with the ids of options that exist by now, and the links of those that do not, by `link_key`.

    Inside `commit`; no statement where nothing new is asked for.
    """
    planned = [outcome for outcome in outcomes if isinstance(outcome, Planned)]
    wanted: dict[str, TrackingChoice] = {}
    for choice in (choice for outcome in planned for choice in choices_of(outcome.document)):
        wanted.setdefault(link_key(choice), choice)  # the first spelling becomes the option's name
    if not wanted:
        return list(outcomes), {}
    links = _links(ctx, wanted)
    ids = {key: link.option_id for key, link in links.items() if link.state == State.LINKED}
    return [_resolved(outcome, ids) for outcome in outcomes], links


def with_ids(document: BankTransaction, ids: Mapping[str, str]) -> BankTransaction:
    """The document with the ids of options that were created for it."""
    return replace(document, lines=tuple(_line(line, ids) for line in document.lines)) if ids else document


def _line(line: LineItem, ids: Mapping[str, str]) -> LineItem:
    return replace(line, tracking=tuple(_choice(choice, ids) for choice in line.tracking))


def _choice(choice: TrackingChoice, ids: Mapping[str, str]) -> TrackingChoice:
    found = ids.get(link_key(choice)) if choice.new else None
    return replace(choice, option_id=found, new="") if found else choice


def _resolved(outcome: Outcome, ids: Mapping[str, str]) -> Outcome:
    if isinstance(outcome, Planned) and isinstance(outcome.document, BankTransaction):
        return replace(outcome, document=with_ids(outcome.document, ids))
    return outcome


def _links(ctx: Context, wanted: Mapping[str, TrackingChoice]) -> dict[str, TrackingLink]:
    """A link for each option. One that failed, or that the books have lost since, is asked for anew."""
    categories = {choice.category_id for choice in wanted.values()}
    keys = {fold(choice.new) for choice in wanted.values()}
    known = TrackingLink.objects.filter(flow=ctx.flow, category_id__in=categories, key__in=keys)
    links = {f"{link.category_id}:{link.key}": link for link in known}
    links = {key: link for key, link in links.items() if key in wanted}
    _ask_anew([link for link in links.values() if _failed_or_lost(ctx, link)], ctx)
    made = {key: _link(ctx, choice) for key, choice in wanted.items() if key not in links}
    TrackingLink.objects.bulk_create(made.values())
    return links | made


def _failed_or_lost(ctx: Context, link: TrackingLink) -> bool:
    """Lost: the chart was read after it was linked and shows no such option any more, else nobody would ask for it."""
    read_at = ctx.flow.reference_read_at
    lost = link.state == State.LINKED and read_at is not None and read_at > link.updated_at
    return link.state == State.REVIEW or lost


def _ask_anew(links: Sequence[TrackingLink], ctx: Context) -> None:
    for link in links:
        link.state, link.option_id, link.findings = State.READY, "", []
        link.attempts, link.name_taken, link.not_before = 0, False, ctx.now()
    columns = ["state", "option_id", "findings", "attempts", "name_taken", "not_before"]
    if links:
        TrackingLink.objects.bulk_update(links, columns)


def _link(ctx: Context, choice: TrackingChoice) -> TrackingLink:
    key = fold(choice.new)
    return TrackingLink(
        tenant_id=ctx.tenant_id,
        flow=ctx.flow,
        category_id=choice.category_id,
        key=key,
        name=choice.new,
        label=choice.label[:210],
        marker=option_marker(choice.category_id, key, organisation_id=ctx.connection.external_id),
    )


# ------------------------------------------------------------------- answered


def link_move(move: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of an option that was sent: linked, to be looked for, due again, or for a person."""
    if "destination_id" in move:
        return {"id": move["id"], "state": State.LINKED, "option_id": move["destination_id"]}
    if move["state"] == EntryState.UNCONFIRMED:
        return {"id": move["id"], "state": State.UNCONFIRMED}
    if move["state"] == EntryState.READY:
        kept = {name: move[name] for name in ("wait", "attempts") if name in move}
        return {"id": move["id"], "state": State.READY, **kept}
    if any(finding["code"] == NAME_TAKEN for finding in move["findings"]):
        return {"id": move["id"], "state": State.READY, "name_taken": True, "wait": 0}
    return {"id": move["id"], "state": State.REVIEW, "findings": move["findings"]}


def settled(ctx: Context, intents: Collection[int], moves: Sequence[Mapping[str, Any]]) -> None:
    """What was created stands in our list too; entries whose option went to a person go with it. Inside `commit`.

    `intents`: those that were still ours to settle.
    """
    ours = [move for move in moves if move["intent"] in intents]
    linked = [move["id"] for move in ours if move["state"] == State.LINKED]
    for link in TrackingLink.objects.filter(pk__in=linked):
        _keep_one(ctx, link)
    for move in ours:
        if move["state"] == State.REVIEW:
            _hold_entries(ctx, move["id"], move["findings"])


def find_taken(ctx: Context) -> None:
    """Options whose name the books have already: they are read, and that option is taken. No call where there is none."""
    with ctx.commit():
        found = TrackingLink.objects.filter(flow=ctx.flow, state=State.READY, name_taken=True)
        links = list(found.order_by("id"))
    if not links:
        return
    categories = ctx.destination.tracking()
    with ctx.commit():
        keep(ctx, categories)
        for link in links:
            if not adopt(ctx, link, categories):
                message = (
                    f"Xero says that tracking {link.label} exists, but does not show it. Look there, then try again."
                )
                hold(ctx, link, findings.review("tracking_missing", message, detail=link.label))


def look(ctx: Context, intent_ids: Sequence[int]) -> None:
    """Read the categories for requests whose outcome is unknown. An option that is there is proof."""
    if not intent_ids:
        return
    with ctx.commit():
        open_items = PushIntentItem.objects.filter(intent__in=intent_ids, open=True).select_related("option")
        wanted = {item.pk: item.option for item in open_items if item.option is not None}
    categories = ctx.destination.tracking()
    with ctx.commit():
        keep(ctx, categories)
        found = [pk for pk, link in wanted.items() if adopt(ctx, link, categories)]
        PushIntentItem.objects.filter(pk__in=found).update(open=False, outcome="found")


def adopt(ctx: Context, link: TrackingLink, categories: Iterable[TrackingCategory]) -> bool:
    """Take the option of this name, whoever made it; an archived one holds what waits for it. False: there is none."""
    category = next((it for it in categories if it.category_id == link.category_id), None)
    option = tracking_option(category, link.name) if category else None
    if option is None:
        return False
    if option.status != ACTIVE:
        message = f"Tracking {link.label} is archived in Xero. Restore it there, then try again."
        hold(ctx, link, findings.review("tracking_archived", message, detail=link.label))
    else:
        TrackingLink.objects.filter(pk=link.pk).update(
            state=State.LINKED, option_id=option.option_id, name_taken=False, updated_at=store.now()
        )
    return True


def absent(ctx: Context, link_ids: Collection[int]) -> None:
    """Surely not created: asked for again with a new intent, or for a person after the last attempt. Inside `commit`."""
    if not link_ids:
        return
    for link in TrackingLink.objects.filter(pk__in=link_ids):
        if link.attempts >= len(ctx.timing.schedule):
            message = f"Tracking {link.label} could not be created in Xero. Create it there, then try again."
            hold(ctx, link, findings.review("tracking_not_created", message, detail=link.label))
            continue
        TrackingLink.objects.filter(pk=link.pk).update(
            state=State.READY, attempts=link.attempts + 1, not_before=store.now()
        )


def hold_all(ctx: Context) -> None:
    """The owner no longer lets options be created: what waits for one is held, and nothing is created."""
    with ctx.commit():
        for link in TrackingLink.objects.filter(flow=ctx.flow, state=State.READY).order_by("id"):
            message = (
                f"Tracking {link.label} does not exist in Xero, and new options are not created by policy. Create it "
                "there, then try again."
            )
            hold(ctx, link, findings.review("tracking_missing", message, detail=link.label))


def hold(ctx: Context, link: TrackingLink, problem: list[dict[str, Any]]) -> None:
    """An option that a person must look at holds every entry that waits for it. Inside `commit`."""
    TrackingLink.objects.filter(pk=link.pk).update(
        state=State.REVIEW, findings=problem, name_taken=False, updated_at=store.now()
    )
    _hold_entries(ctx, link.pk, problem)


def _hold_entries(ctx: Context, link_id: int, problem: list[dict[str, Any]]) -> None:
    waiting = Entry.objects.filter(flow=ctx.flow, state=EntryState.READY, option_ids__contains=[link_id])
    note = {"step": "push", "tracking": "held"}
    moves = [
        {"id": entry_id, "state": EntryState.REVIEW, "findings": problem, "note": note}
        for entry_id in waiting.values_list("id", flat=True)
    ]
    store.move_entries(moves, run_id=ctx.run_id)


# ------------------------------------------------------------------- our list


def keep(ctx: Context, categories: Iterable[TrackingCategory]) -> None:
    """What was read of categories that we know. What a reading does not show is no news of a deletion."""
    for category in categories:
        options = [_as_json(option) for option in category.options]
        _update(ctx, category.category_id, status=category.status, options=options)


def _keep_one(ctx: Context, link: TrackingLink) -> None:
    for row in _rows(ctx, link.category_id):
        option = _as_json(TrackingOption(option_id=link.option_id, name=link.name))
        _update(ctx, link.category_id, options=[*row.payload.get("options", []), option])


def _update(ctx: Context, category_id: str, **said: Any) -> None:
    for row in _rows(ctx, category_id):
        row.payload = {**row.payload, **said}
        row.save(update_fields=["payload"])


def _rows(ctx: Context, category_id: str) -> Iterable[Reference]:
    kind = Reference.Kind.TRACKING_CATEGORY
    return Reference.objects.filter(connection=ctx.connection, kind=kind, external_id=category_id)


def _as_json(option: TrackingOption) -> dict[str, str]:
    return {"option_id": option.option_id, "name": option.name, "status": option.status}
