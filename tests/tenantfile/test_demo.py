"""The demo company: connected by a real consent, set up once, with a sign-in that works."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from django.conf import settings

from sandbox.app import Sandbox
from sync.models import AccountMapping, Flow, Rule
from sync.tenantfile.demo import demo_ensure
from tenants.models import Membership, Role, User
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_by_slug


def note() -> Path:
    return Path(settings.ENV.data_dir) / "demo.json"


def test_the_demo_company_is_connected_mapped_and_has_an_owner(world: Sandbox) -> None:
    login = demo_ensure()
    assert json.loads(note().read_text()) == {"email": login.email, "password": login.password}
    assert stat.S_IMODE(note().stat().st_mode) == 0o600
    assert User.objects.get(email=login.email).check_password(login.password)
    tenant = tenant_by_slug("demo")
    with tenant_scope(tenant.pk):
        assert Membership.objects.get().role == Role.OWNER
        flow = Flow.objects.get()
        assert flow.source is not None
        assert flow.source.is_usable
        assert flow.destination is not None
        assert flow.destination.name == "Muster Handels AG"
        mapped = AccountMapping.objects.filter(ignored=False).exclude(destination_account_id="")
        assert set(mapped.values_list("source_account_id", flat=True)) == {"1", "2", "3", "4", "6", "7", "8"}
        assert Rule.objects.count() == 13


def test_the_second_time_changes_nothing(world: Sandbox) -> None:
    login = demo_ensure()
    with tenant_scope(tenant_by_slug("demo").pk):
        Flow.objects.update(frequency_minutes=30)  # a visitor's own choice
    before = len(world.xero.log())
    assert demo_ensure() == login
    assert len(world.xero.log()) == before
    with tenant_scope(tenant_by_slug("demo").pk):
        assert Flow.objects.get().frequency_minutes == 30


def test_a_lost_note_gets_a_new_password(world: Sandbox) -> None:
    first = demo_ensure()
    note().unlink()
    second = demo_ensure()
    assert second.password != first.password
    assert User.objects.get(email=second.email).check_password(second.password)
