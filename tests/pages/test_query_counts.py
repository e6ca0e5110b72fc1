"""Lists cost the same number of queries for ten rows and for many."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants.scoping import tenant_scope
from tests.pages.routes import PAGES, ROUTES
from tests.pages.world import World, add_movement, finding

MOST = 30  # of one page, the session, the member and the navigation included


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        client.get(address)
    return len(caught)


def test_more_rows_are_no_more_queries(as_alice: Client, world: World) -> None:
    addresses = {name: ROUTES[name].address(name, world) for name in PAGES}
    as_alice.get(addresses["overview"])
    few = {name: queries_of(as_alice, address) for name, address in addresses.items()}
    with tenant_scope(world.tenant.pk):
        for number in range(12):
            held = number % 3 == 0
            found = [finding("account_missing", "No such account.", detail=str(number))] if held else []
            add_movement(world, f"more{number}", state="review" if held else "confirmed", findings=found)
    assert {name: queries_of(as_alice, address) for name, address in addresses.items()} == few
    assert max(few.values()) <= MOST
