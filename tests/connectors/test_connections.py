"""Connecting, choosing, renewing, testing and disconnecting, through the vendors' own pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection as database

from connectors import credentials, providers, selectors, services, tasks
from connectors.contract.errors import ActionRequired, RetryLater
from connectors.contract.records import Cursor
from connectors.models import Call, Connection, Grant, OAuthState, Reference
from connectors.services import ConsentRefused, Finished
from sandbox.app import Sandbox
from tenants.models import AuditEvent, Tenant
from tenants.scoping import tenant_scope
from tests.connectors.conftest import AMNIS_KEY, AMNIS_SECRET, XERO_URL

pytestmark = pytest.mark.django_db
OWNER = "alice@alice.example"
USER, SESSION = 7, "session-of-alice"


def start(tenant: Tenant, kind: str = "xero", connection: Connection | None = None) -> str:
    return services.connection_start(
        kind=kind, tenant_id=tenant.pk, user_id=USER, session_key=SESSION,
        connection_id=connection.pk if connection else None,
    )  # fmt: skip


def finish(answer: dict[str, str], kind: str = "xero", *, user_id: int = USER, session_key: str = SESSION) -> Finished:
    return services.connection_finish(
        kind=kind,
        state=answer.get("state", ""),
        code=answer.get("code", ""),
        error=answer.get("error", ""),
        user_id=user_id,
        session_key=session_key,
        actor=OWNER,
    )


def consent(address: str, **answer: str | list[str]) -> dict[str, str]:
    """Answer the vendor's page as a person does; the callback's parameters."""
    transport = providers.transport(f"{urlsplit(address).scheme}://{urlsplit(address).netloc}")
    with httpx.Client(transport=transport) as browser:
        page = browser.get(address)
        assert page.status_code == 200, page.text
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        form = {name: unescape(value) for name, value in hidden} | answer
        back = browser.post(address.split("?")[0], data=form)
    return {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}


def xero_consent(world: Sandbox, address: str, *names: str) -> dict[str, str]:
    chosen = [o["OrganisationID"] for o in world.xero.organisations() if not names or o["Name"] in names]
    user = re.search(r'name="user" value="([^"]+)"', page_of(address))
    assert user is not None
    return consent(address, user=user.group(1), organisation=chosen if names else chosen[:1], decision="allow")


def page_of(address: str) -> str:
    with httpx.Client(transport=providers.transport(XERO_URL)) as browser:
        return browser.get(address).text


@contextmanager
def inside(tenant: Tenant) -> Iterator[None]:
    with tenant_scope(tenant.pk):
        yield


def audited(tenant: Tenant) -> list[str]:
    with inside(tenant):
        return list(AuditEvent.objects.order_by("position").values_list("action", flat=True))


# ----------------------------------------------------------------------- consent


def test_xero_is_connected_in_the_browser(world: Sandbox, alice: Tenant) -> None:
    finished = finish(xero_consent(world, start(alice)))
    (found,) = finished.connections
    assert finished.tenant_id == alice.pk
    assert (found.kind, found.status, found.is_usable) == ("xero", "active", True)
    with inside(alice):
        assert len(selectors.chart(found).accounts) > 10
        assert selectors.chart(found).organisation.base_currency == "CHF"
    assert audited(alice) == ["connection_connected"]


def test_amnis_is_connected_in_the_browser_where_it_has_a_consent_page(world: Sandbox, alice: Tenant) -> None:
    answer = consent(start(alice, "amnis"), company=AMNIS_KEY, decision="approve")
    (found,) = finish(answer, "amnis").connections
    assert (found.kind, found.name, found.is_usable) == ("amnis", "Muster Handels AG", True)
    world.amnis.company().pay_in(amount="12.00")
    assert len(services.open_source(found).read(Cursor(since=None), pages=1).records) == 1


def test_two_amnis_companies_under_one_application_are_two_grants(
    world: Sandbox, alice: Tenant, charlie: Tenant
) -> None:
    for tenant, company in ((alice, "ck_1"), (charlie, "ck_2")):
        finish(consent(start(tenant, "amnis"), company=company, decision="approve"), "amnis")
    assert Grant.objects.filter(provider="amnis").count() == 2


def test_the_consent_address_carries_state_and_a_hashed_verifier(world: Sandbox, alice: Tenant) -> None:
    asked = parse_qs(urlsplit(start(alice)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) >= 22  # 128 bits in base64
    assert asked["redirect_uri"] == [f"{settings.ENV.public_url}/oauth/xero/callback"]
    kept = OAuthState.objects.get()
    assert asked["state"][0].encode() not in bytes(kept.state_hash)
    with database.cursor() as cursor:
        cursor.execute("SELECT code_verifier FROM oauth_state")
        assert kept.code_verifier not in cursor.fetchone()[0]


def test_a_state_works_once(world: Sandbox, alice: Tenant) -> None:
    answer = xero_consent(world, start(alice))
    finish(answer)
    with pytest.raises(ConsentRefused):
        finish(answer)


@pytest.mark.parametrize("stranger", [{"user_id": 8}, {"session_key": "another"}, {"kind": "amnis"}])
def test_a_state_works_for_its_person_session_and_vendor_only(
    world: Sandbox, alice: Tenant, stranger: dict[str, Any]
) -> None:
    answer = xero_consent(world, start(alice))
    with pytest.raises(ConsentRefused):
        finish(answer, **stranger)
    with pytest.raises(ConsentRefused):  # and it is used up by the attempt
        finish(answer)
    assert not Grant.objects.exists()


def test_a_state_ends_after_ten_minutes(world: Sandbox, alice: Tenant) -> None:
    answer = xero_consent(world, start(alice))
    with database.cursor() as cursor:
        cursor.execute("UPDATE oauth_state SET expires_at = expires_at - interval '10 minutes 1 second'")
    with pytest.raises(ConsentRefused):
        finish(answer)


def test_a_consent_that_is_denied_connects_nothing(world: Sandbox, alice: Tenant) -> None:
    answer = consent(start(alice), decision="cancel")
    assert answer["error"] == "access_denied"
    with pytest.raises(ConsentRefused):
        finish(answer)
    with inside(alice):
        assert not Connection.objects.exists()


def test_of_several_organisations_one_is_chosen(world: Sandbox, alice: Tenant) -> None:
    names = [organisation["Name"] for organisation in world.xero.organisations()][:2]
    assert len(names) == 2
    finished = finish(xero_consent(world, start(alice), *names))
    assert finished.has_choice
    assert {found.status for found in finished.connections} == {"pending"}
    wanted = finished.connections[1]
    chosen = services.connection_choose(tenant_id=alice.pk, connection_id=wanted.pk, actor=OWNER)
    with inside(alice):
        assert [found.pk for found in Connection.objects.all()] == [chosen.pk]
    assert chosen.is_usable


def test_renewing_keeps_the_connection_and_its_reference(world: Sandbox, alice: Tenant) -> None:
    (first,) = finish(xero_consent(world, start(alice))).connections
    services.connection_lost(connection=first, message="Please reconnect.")
    (again,) = finish(xero_consent(world, start(alice, connection=first))).connections
    assert (again.pk, again.status) == (first.pk, "active")
    assert audited(alice) == ["connection_connected", "connection_lost", "connection_reconnected"]


def test_renewing_with_another_organisation_is_refused(world: Sandbox, alice: Tenant) -> None:
    names = [organisation["Name"] for organisation in world.xero.organisations()]
    (first,) = finish(xero_consent(world, start(alice), names[0])).connections
    with inside(alice):
        Connection.objects.filter(pk=first.pk).update(external_id="00000000-0000-0000-0000-000000000000")
    with pytest.raises(ConsentRefused):
        finish(xero_consent(world, start(alice, connection=first), names[0]))


def test_a_vendor_without_an_application_cannot_be_connected_in_the_browser(
    world: Sandbox, alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.providers.has_consent", lambda kind: False)
    with pytest.raises(ConsentRefused):
        start(alice)


def test_no_vendor_is_called_inside_a_transaction(world: Sandbox, alice: Tenant, amnis_connection: Connection) -> None:
    with inside(alice), pytest.raises(RuntimeError):
        services.refresh_reference(amnis_connection)


# --------------------------------------------------------------------------- key


def test_a_key_is_tried_before_it_is_stored(world: Sandbox, alice: Tenant) -> None:
    with pytest.raises(ActionRequired):
        services.connection_with_key(tenant_id=alice.pk, client_id=AMNIS_KEY, client_secret="wrong", actor=OWNER)
    assert not Grant.objects.exists()


def test_a_stranger_with_a_wrong_secret_does_not_harm_the_key_of_another(
    world: Sandbox, amnis_connection: Connection, charlie: Tenant
) -> None:
    with pytest.raises(ActionRequired):
        services.connection_with_key(tenant_id=charlie.pk, client_id=AMNIS_KEY, client_secret="guess", actor="c")
    assert services.connection_test(connection=amnis_connection).reachable


def test_the_same_key_again_changes_nothing(world: Sandbox, alice: Tenant, amnis_connection: Connection) -> None:
    again = services.connection_with_key(
        tenant_id=alice.pk, client_id=AMNIS_KEY, client_secret=AMNIS_SECRET, actor=OWNER
    )
    assert again.pk == amnis_connection.pk
    assert audited(alice) == ["connection_connected"]


# --------------------------------------------------------------------- reference


def test_what_is_gone_at_the_vendor_is_marked_and_what_comes_back_lives_again(
    world: Sandbox, alice: Tenant, amnis_connection: Connection
) -> None:
    with inside(alice):
        Reference.objects.create(
            connection=amnis_connection, kind="source_account", external_id="99", name="closed wallet"
        )
    services.refresh_reference(amnis_connection)
    with inside(alice):
        assert Reference.objects.get(external_id="99", kind="source_account").status == "GONE"
        assert "99" not in {account.account_id for account in selectors.source_accounts(amnis_connection)}
        Reference.objects.filter(external_id="1", kind="source_account").update(status="GONE")
    services.refresh_reference(amnis_connection)
    with inside(alice):
        assert Reference.objects.get(external_id="1", kind="source_account").status == "ACTIVE"


def test_the_chart_that_is_kept_is_the_chart_that_was_read(xero_connection: Connection, alice: Tenant) -> None:
    read = services.open_destination(xero_connection).chart()
    services.refresh_reference(xero_connection)
    with inside(alice):
        kept = selectors.chart(xero_connection)
    assert set(kept.accounts) == set(read.accounts)
    assert set(kept.tax_rates) == set(read.tax_rates)
    assert set(kept.tracking) == set(read.tracking)
    assert (kept.organisation, kept.currencies) == (read.organisation, read.currencies)


def test_a_refresh_that_fails_leaves_the_old_reference(
    world: Sandbox, alice: Tenant, xero_connection: Connection
) -> None:
    services.refresh_reference(xero_connection)
    world.xero.faults.offline(path="/TaxRates", times=9)
    with pytest.raises(RetryLater):
        services.refresh_reference(xero_connection)
    with inside(alice):
        assert len(selectors.chart(xero_connection).tax_rates) > 0


# -------------------------------------------------------------------- call log


def test_calls_are_kept_in_one_statement_and_only_once(
    world: Sandbox, alice: Tenant, amnis_connection: Connection
) -> None:
    source = services.open_source(amnis_connection)
    source.accounts()
    calls = services.take_calls(source)
    assert services.take_calls(source) == []
    services.store_calls(alice.pk, calls, run_id=5)
    with inside(alice):
        kept = Call.objects.get(run_id=5)
    assert (kept.method, kept.path.split("?")[0], kept.status) == ("GET", "/api/accounts", 200)


def test_the_call_log_of_connecting_holds_no_secret(
    world: Sandbox, alice: Tenant, amnis_connection: Connection
) -> None:
    services.open_source(amnis_connection)
    with inside(alice):
        text = repr(list(Call.objects.values()))
    grant = Grant.objects.get()
    assert grant.access_token not in text
    assert AMNIS_SECRET not in text


# ------------------------------------------------------------------------ health


def test_a_test_of_the_connection_tells_and_remembers(
    world: Sandbox, amnis_connection: Connection, alice: Tenant
) -> None:
    assert services.connection_test(connection=amnis_connection).name == "Muster Handels AG"
    world.amnis.faults.offline(times=9)
    assert not services.connection_test(connection=amnis_connection).reachable
    with inside(alice):
        kept = Connection.objects.get(pk=amnis_connection.pk)
    assert "Amnis" in kept.last_error
    assert kept.last_ok_at is not None


def test_an_organisation_that_left_in_xero_is_found_although_the_token_still_works(
    world: Sandbox, xero_connection: Connection, alice: Tenant
) -> None:
    assert services.connection_check(connection=xero_connection)
    world.xero.people().disconnect()
    assert not services.connection_check(connection=xero_connection)
    with inside(alice):
        assert Connection.objects.get(pk=xero_connection.pk).status == "needs_reconnect"
    assert audited(alice)[-1] == "connection_lost"


def test_an_organisation_that_refuses_us_in_the_middle_of_work_needs_a_person(
    world: Sandbox, xero_connection: Connection, alice: Tenant
) -> None:
    destination = services.open_destination(xero_connection)
    world.xero.people().disconnect()
    with pytest.raises(ActionRequired):
        destination.organisation()
    assert services.take_calls(destination)
    with inside(alice):
        assert Connection.objects.get(pk=xero_connection.pk).status == "needs_reconnect"


def test_a_chain_that_died_marks_the_connection_by_itself(
    world: Sandbox, alice: Tenant, amnis_connection: Connection
) -> None:
    world.amnis.tokens.change_secret(AMNIS_KEY, "another")
    world.amnis.tokens.expire()
    with pytest.raises(ActionRequired):
        services.open_source(amnis_connection).accounts()
    with inside(alice):
        assert Connection.objects.get(pk=amnis_connection.pk).status == "needs_reconnect"


def test_a_vendor_that_is_down_does_not_mark_anything(
    world: Sandbox, xero_connection: Connection, alice: Tenant
) -> None:
    world.xero.faults.offline(path="/connections", times=9)
    with pytest.raises(RetryLater):
        services.connection_check(connection=xero_connection)
    with inside(alice):
        assert Connection.objects.get(pk=xero_connection.pk).status == "active"


def test_keep_alive_uses_chains_that_nobody_used_for_a_week(world: Sandbox, xero_connection: Connection) -> None:
    before = Grant.objects.get(provider="xero")
    tasks.refresh_grant(before.pk)
    used = Grant.objects.get(provider="xero")
    assert used.refresh_token != before.refresh_token
    with database.cursor() as cursor:
        cursor.execute("UPDATE grant_chain SET refreshed_at = now() - interval '8 days'")
    assert credentials.grants_to_keep_alive(older_than=tasks.UNUSED_FOR) == [before.pk]


# -------------------------------------------------------------------- disconnect


def test_disconnecting_the_last_connection_ends_the_chain_and_forgets_its_secrets(
    world: Sandbox, xero_connection: Connection, alice: Tenant
) -> None:
    services.connection_disconnect(connection=xero_connection, actor=OWNER)
    grant = Grant.objects.get()
    assert (grant.status, grant.refresh_token, grant.access_token) == ("revoked", "", "")
    assert audited(alice)[-1] == "connection_disconnected"
    with pytest.raises(ActionRequired):
        services.open_destination(xero_connection).organisation()


def test_disconnecting_one_organisation_leaves_the_other_tenants_of_that_user_alone(
    world: Sandbox, alice: Tenant, charlie: Tenant
) -> None:
    names = [organisation["Name"] for organisation in world.xero.organisations()][:2]
    (mine,) = finish(xero_consent(world, start(alice), names[0])).connections
    (theirs,) = finish(xero_consent(world, start(charlie), names[1])).connections
    assert mine.grant_id == theirs.grant_id
    services.connection_disconnect(connection=mine, actor=OWNER)
    assert services.connection_check(connection=theirs)
    assert services.open_destination(theirs).health().name == names[1]
    with inside(alice):
        assert Connection.objects.get(pk=mine.pk).status == "disconnected"


def test_a_disconnect_that_does_not_reach_the_vendor_changes_nothing(
    world: Sandbox, xero_connection: Connection, alice: Tenant
) -> None:
    world.xero.faults.offline(path="/connect/revocation", times=1, methods=frozenset())
    with pytest.raises(RetryLater):
        services.connection_disconnect(connection=xero_connection, actor=OWNER)
    with inside(alice):
        assert Connection.objects.get(pk=xero_connection.pk).status == "active"
