"""The watchdog (who sleeps?), the sweeper (are there twins?), and the second look at the source. Each finding is an incident."""

from __future__ import annotations

from datetime import datetime, timedelta

from sync import incidents, store, store_amend, store_figures, store_mirror
from sync.models import Entry, EntryState, Flow, Incident
from sync.pipeline.findings import NOT_DECIDED
from tenants.scoping import tenant_scope

FURTHER_BACK = timedelta(days=14)
WEEKLY = timedelta(days=35)
TWO_LOOKS = timedelta(hours=2)


def look_for_sleepers(*, tenant_id: int, flow_id: int, grace: timedelta) -> int:
    """Entries that are neither at rest nor due to wake up, and changes of posted documents likewise. Must be none."""
    with tenant_scope(tenant_id):
        flow = Flow.objects.get(pk=flow_id)
        entries = [row for row in store_figures.sleepers(grace=grace) if row["flow_id"] == flow_id]
        changes = store_amend.sleepers(flow_id=flow_id, grace=grace)
        _tell(
            flow,
            cause="sleepers",
            number=len(entries),
            title=f"{len(entries)} movements are not moving on",
            body="They are neither posted nor held for a person, and nothing is due to wake them. Tell the operators.",
        )
        _tell(
            flow,
            cause="sleeping_changes",
            number=len(changes),
            title=f"{len(changes)} changes of posted documents are not moving on",
            body="They were asked for, are neither done nor refused, and nothing is due to wake them. Look at the documents in "
            "Xero before you change them by hand, and tell the operators.",
        )
        return len(entries) + len(changes)


def _tell(flow: Flow, *, cause: str, number: int, title: str, body: str) -> None:
    """An incident while there are any of them; closed when there are none."""
    if not number:
        incidents.close_causes(
            tenant_id=flow.tenant_id, flow=flow, prefixes=(cause,), resolution="All of them moved on."
        )
        return
    incidents.open(
        tenant_id=flow.tenant_id,
        flow=flow,
        cause=cause,
        severity="critical",
        error_class="system",
        title=title,
        body=body,
        action="transactions",
    )


def look_for_undecided(*, tenant_id: int, flow_id: int) -> bool:
    """Is there a movement still over which the program failed? Its incident is closed when there is none."""
    with tenant_scope(tenant_id):
        flow = Flow.objects.get(pk=flow_id)
        held = Entry.objects.filter(flow=flow, state=EntryState.REVIEW, findings__contains=[{"code": NOT_DECIDED}])
        if held.exists():
            return True
        resolution = "What was held for it was decided, or is left out."
        incidents.close_causes(tenant_id=tenant_id, flow=flow, prefixes=("undecided:",), resolution=resolution)
        return False


def look_for_twins(*, tenant_id: int, flow_id: int) -> int:
    """Two live documents with one marker: a request that arrived too late. A person decides which one stays."""
    with tenant_scope(tenant_id):
        flow = Flow.objects.get(pk=flow_id)
        twins = store_figures.twins(connection_id=flow.destination_id) if flow.destination_id else []
        gone = Incident.objects.filter(flow=flow, closed_at=None, cause__startswith="twin:").exclude(
            cause__in=[f"twin:{row['marker']}" for row in twins]
        )
        gone.update(closed_at=store.now(), resolution="Only one of the documents is left.")
        for row in twins:
            incidents.open(
                tenant_id=tenant_id,
                flow=flow,
                cause=f"twin:{row['marker']}",
                severity="critical",
                error_class="data",
                title="A movement stands in Xero more often than it should",
                body=f"Documents {', '.join(row['documents'])} carry the marker {row['marker']}; linked here is "
                f"{row['linked'] or 'none of them'}. Delete what is too much, or retry the movement to link it.",
                action="transactions",
            )
        return len(twins)


def look_for_strays(*, tenant_id: int, flow_id: int) -> int:
    """Of what was read since the last look: documents whose entry took another marker while they were being read."""
    with tenant_scope(tenant_id):
        connection_id = Flow.objects.get(pk=flow_id).destination_id
        return store_mirror.let_go_of_strays(connection_id=connection_id, within=TWO_LOOKS) if connection_id else 0


def read_further_back(*, tenant_id: int, flow_id: int) -> bool:
    """Once a night 14 days, once a week 35 days of changes are read again: late and changed rows are found then."""
    with tenant_scope(tenant_id):
        now = store.now()
        flow = Flow.objects.select_for_update().get(pk=flow_id)
        cursor = flow.cursor
        last = cursor.get("read_back_at")
        if (
            not cursor.get("since")
            or cursor.get("page", 1) != 1
            or (last and now - datetime.fromisoformat(last) < timedelta(hours=23))
        ):
            return False
        span = WEEKLY if now.weekday() == 6 else FURTHER_BACK
        since = min(datetime.fromisoformat(cursor["since"]), now - span)
        Flow.objects.filter(pk=flow_id).update(
            cursor={**cursor, "since": since.isoformat(), "read_back_at": now.isoformat()}
        )
        return True
