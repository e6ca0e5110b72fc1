from __future__ import annotations

import pytest
from django.test import Client

from tests.pages.world import World

PAGES = [
    "",
    "live/",
    "transactions/",
    "review/",
    "runs/",
    "accounts/",
    "alerts/",
    "audit/",
    "team/",
    "connections/",
    "rules/",
    "rules/new/",
    "settings/",
    "transactions/export.csv",
    "audit/export.csv",
]


@pytest.mark.parametrize("page", PAGES)
def test_page(as_alice: Client, world: World, page: str) -> None:
    r = as_alice.get(f"/t/{world.tenant.public_id}/{page}")
    assert r.status_code == 200


def test_details(as_alice: Client, world: World) -> None:
    for rec in world.records.values():
        r = as_alice.get(f"/t/{world.tenant.public_id}/transactions/{rec.pk}/")
        assert r.status_code == 200
    r = as_alice.get(f"/t/{world.tenant.public_id}/runs/{world.run.pk}/")
    assert r.status_code == 200
    r = as_alice.get(f"/t/{world.tenant.public_id}/rules/{world.rule.key}/")
    assert r.status_code == 200
