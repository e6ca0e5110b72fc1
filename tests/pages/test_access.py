"""Who reaches what: every address, both methods, six kinds of visitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.test import Client

from tenants.models import Role, User
from tests.pages.routes import NAMES, ROUTES
from tests.pages.world import World, make_person

METHODS = ("get", "post")
VISITS = [(name, method) for name in ROUTES for method in METHODS]


def test_every_address_says_who_may_come_in() -> None:
    assert sorted(NAMES) == sorted(ROUTES)


def test_nobody_and_strangers_stay_outside(client: Client, world: World, charlie: User, otto: User) -> None:
    for name, route in ROUTES.items():
        for method in METHODS:
            answer = getattr(client, method)(route.address(name, world))
            assert (name, answer.status_code) == (name, 302)
            assert answer["Location"].startswith("/accounts/login/?next=")
    for stranger in (charlie, otto):
        client.force_login(stranger)
        seen = {it: getattr(client, it[1])(ROUTES[it[0]].address(it[0], world)).status_code for it in VISITS}
        assert seen == dict.fromkeys(VISITS, 404)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_gets_what_the_table_says(client: Client, world: World, role: Role) -> None:
    client.force_login(make_person(f"{role}@muster.example", world.tenant, role))
    for name, method in VISITS:
        route = ROUTES[name]
        with taken_back():
            answer = getattr(client, method)(route.address(name, world), dict(route.data))
        roles = route.reads if method == "get" else route.writes
        expected = {405} if roles is None else {200, 302, 422} if role in roles else {403}
        assert (name, method, answer.status_code) in {(name, method, status) for status in expected}


def test_an_address_of_a_button_that_is_typed_says_so(client: Client, world: World, alice: User) -> None:
    client.force_login(alice)
    answer = client.get(ROUTES["undo-preview"].address("undo-preview", world))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "This address belongs to a button" in answer.content.decode()


@contextmanager
def taken_back() -> Iterator[None]:
    """What one visit changed does not stand in the way of the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_a_form_without_its_token_is_refused(world: World, alice: User) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(alice)
    assert careful.post(ROUTES["flow-pause"].address("flow-pause", world)).status_code == 403


def test_the_rows_of_another_company_are_not_found(client: Client, world: World, charlie: User) -> None:
    """Charlie's own address with the number of a row that belongs to somebody else."""
    client.force_login(charlie)
    own = client.get("/")["Location"]
    for path in (f"transactions/{world.records['rent'].pk}/", f"runs/{world.run.pk}/", f"rules/{world.rule.key}/"):
        assert client.get(own + path).status_code == 404


def test_books_are_kept_out_of_caches(as_alice: Client, world: World) -> None:
    assert "no-store" in as_alice.get(ROUTES["transactions"].address("transactions", world))["Cache-Control"]


def test_the_door_to_one_company_is_found_after_signing_in(as_alice: Client, world: World) -> None:
    assert as_alice.get("/")["Location"] == f"/t/{world.tenant.public_id}/"


def test_a_person_without_a_company_is_told_what_to_do(client: Client, otto: User) -> None:
    client.force_login(otto)
    assert b"Ask an owner to invite you" in client.get("/").content
