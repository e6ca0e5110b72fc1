"""The hand-written statements that ask what there is to do, and keep what is known of requests whose outcome is not: push,
confirm and reconcile beside the claim and the settling (`store_intents`). As in `store`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sync import store, store_returns


def waits_to_confirm(*, flow_id: int, since: timedelta) -> bool:
    """Does an entry that should be read back wait so long for it already? The first ones tell: thousands may wait."""
    [found] = store.rows(
        """SELECT coalesce(bool_or(changed_at <= clock_timestamp() - %(since)s), false) AS overdue
             FROM (SELECT changed_at FROM entry
                    WHERE flow_id = %(flow)s AND state = 'unconfirmed' AND destination_id IS NOT NULL
                      AND not_before <= clock_timestamp() ORDER BY id LIMIT 100) AS first""",
        {"flow": flow_id, "since": since},
    )
    return bool(found["overdue"])


def what_is_left(*, flow_id: int) -> frozenset[str]:
    """What there is that a step could take up, now or later: records, made, waiting, ready, sent, amendments, intents. One
    statement, from the indexes of what is not at rest.

    Where there is nothing, no step has to ask for itself: that is what nearly every look of nearly every company is. (A
    transfer of one side is looked at with the records: another one may have stopped being its rival.)
    """
    [found] = store.rows(
        f"""SELECT EXISTS (SELECT FROM record WHERE flow_id = %(flow)s AND state = 'fetched')
               OR EXISTS (SELECT FROM entry WHERE flow_id = %(flow)s AND state IN ('waiting', 'review')
                             AND destination_id IS NULL AND movement IN ('own_transfer', 'collateral')) AS records,
                  EXISTS (SELECT FROM entry WHERE flow_id = %(flow)s AND state = 'fetched') AS made,
                  EXISTS (SELECT FROM entry WHERE flow_id = %(flow)s AND state = 'waiting')
               OR EXISTS ({store_returns.RELEASED}) AS waiting,
                  EXISTS (SELECT FROM entry WHERE flow_id = %(flow)s AND state = 'ready') AS ready,
                  EXISTS (SELECT FROM entry WHERE flow_id = %(flow)s AND state IN ('in_flight', 'unconfirmed')) AS sent,
                  EXISTS (SELECT FROM amendment WHERE flow_id = %(flow)s
                             AND state IN ('asked', 'in_flight', 'unconfirmed')) AS amendments,
                  EXISTS (SELECT FROM push_intent WHERE flow_id = %(flow)s AND state = 'open') AS intents""",
        {"flow": flow_id},
    )
    return frozenset(name for name, there in found.items() if there)


def pause_organisation(connection_id: int, *, until: datetime) -> None:
    """Every flow into it waits."""
    store.run_sql("UPDATE connection SET paused_until = %s WHERE id = %s", [until, connection_id])
    store.run_sql("UPDATE flow SET held_until = %s WHERE destination_id = %s", [until, connection_id])


def open_items(intent_ids: Sequence[int]) -> list[dict[str, Any]]:
    """What these intents still speak for."""
    return store.rows(
        """SELECT id, intent_id, entry_id, contact_id, option_id, marker FROM push_intent_item
            WHERE intent_id = ANY(%s) AND open ORDER BY id""",
        [list(intent_ids)],
    )


def still_open(intent_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Those that nobody has settled or adopted meanwhile."""
    return store.rows(
        """SELECT id, last_send, probes, absences, absent_seen_at FROM push_intent
            WHERE id = ANY(%s) AND state = 'open' AND unknown ORDER BY id FOR UPDATE""",
        [list(intent_ids)],
    )


def keep_weighed(intents: Sequence[Mapping[str, Any]]) -> None:
    """Keep what a look has shown. Keys: id, state, probes, absences, absent_seen_at, next_probe (null once it is closed)."""
    if intents:
        store.run_sql(
            """UPDATE push_intent SET state = x.state, probes = x.probes, absences = x.absences,
                      absent_seen_at = x.absent_seen_at, next_probe = x.next_probe, unknown = x.state = 'open',
                      closed_at = CASE WHEN x.state = 'open' THEN NULL ELSE clock_timestamp() END
                 FROM jsonb_to_recordset(%s::jsonb) AS x(id bigint, state text, probes int, absences int,
                      absent_seen_at timestamptz, next_probe timestamptz)
                WHERE push_intent.id = x.id""",
            [store.as_json(list(intents))],
        )


def attempts_of(entry_ids: Sequence[int]) -> dict[int, int]:
    found = store.rows("SELECT id, attempts FROM entry WHERE id = ANY(%s) ORDER BY id", [list(entry_ids)])
    return {row["id"]: row["attempts"] for row in found}


def move_links_left_behind(links: Sequence[Mapping[str, Any]]) -> None:
    """Contacts and options whose sender is gone. Keys: contact or option (the other is null), state."""
    if not links:
        return
    listed = store.as_json(list(links))
    for table, name in (("contact_link", "contact"), ("tracking_link", "option")):
        store.run_sql(
            f"""UPDATE {table} SET state = x.state
                 FROM jsonb_to_recordset(%s::jsonb) AS x({name} bigint, state text)
                WHERE {table}.id = x.{name} AND {table}.state = 'in_flight'""",
            [listed],
        )


def adopt_contact(item: Mapping[str, Any], *, contact_id: str) -> None:
    """The contact that an unknown request was to create stands in the books."""
    store.run_sql(
        """UPDATE contact_link SET state = 'linked', contact_id = %s, created_by_us = true, how = 'created' WHERE id = %s""",
        [contact_id, item["contact_id"]],
    )
    store.run_sql("UPDATE push_intent_item SET open = false, outcome = 'found' WHERE id = %s", [item["id"]])


def make_contacts_ready(contact_ids: Sequence[int]) -> None:
    """They surely do not exist: each is due for a new request."""
    store.run_sql(
        "UPDATE contact_link SET state = 'ready', not_before = clock_timestamp() WHERE id = ANY(%s)",
        [list(contact_ids)],
    )
