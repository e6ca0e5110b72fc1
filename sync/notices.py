"""What a destination tells unasked: that something changed in a company's books. It is believed in nothing but that it is time
to look, so no more of it is kept than the time of the newest change (docs/decisions/0041-a-mark-instead-of-an-inbox.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest, Least, Now

from connectors.models import Connection
from sync.models import Flow
from sync.pipeline import contact_changes
from tenants.scoping import platform_scope, tenant_scope

GAP = timedelta(seconds=15)  # a company whose books change all the time is not read all the time


def notices_take(newest: Mapping[str, datetime]) -> int:
    """By organisation at Xero the newest change that it tells of: flows into those that are connected look soon. Returns how
    many connections learnt something new; what was told before, or is older than that, changes nothing."""
    with platform_scope():
        connected = Connection.platform.filter(kind=Connection.Kind.XERO, status=Connection.Status.ACTIVE)
        found = list(connected.filter(external_id__in=newest).values_list("tenant_id", "id", "external_id"))
    return sum(_take(tenant_id, pk, newest[organisation]) for tenant_id, pk, organisation in found)


def _take(tenant_id: int, connection_id: int, newest: datetime) -> bool:
    """The mark and what it brings about, in one commit. A time in the future counts as now, so that it shuts nothing out."""
    with tenant_scope(tenant_id):
        unheard = Connection.objects.filter(Q(told_until=None) | Q(told_until__lt=newest), pk=connection_id)
        if not unheard.update(told_until=Least(Value(newest), Now())):
            return False
        flows = Flow.objects.filter(destination_id=connection_id, state=Flow.State.ACTIVE)
        flows.update(next_at=_soon())
        contact_changes.have_read(flows)
        return True


def _soon() -> Case:
    """Now, or when the last look is a moment old. A slice under way may have read already what changed since: once more after
    it. A flow that is due already stays so."""
    return Case(
        When(lease_until__gt=Now(), then=Now() + Value(GAP)),
        default=Least("next_at", Greatest(Now(), F("fetched_at") + Value(GAP))),
    )
