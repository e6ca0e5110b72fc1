"""Who reaches what, over every address of the program; what stands below `/t/` is in the table of the page tests.

An address without a line here, or there, fails the suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tenants.models import Role, User
from tests.pages.routes import ROUTES
from tests.pages.test_access import taken_back
from tests.pages.world import World, make_person

METHODS = ("get", "post", "put", "delete")
SIGN_IN = "/accounts/login/?next="


class For(Enum):
    """Whom an address is for."""

    EVERYBODY = "everybody"
    ONESELF = "oneself"  # whoever is signed in, about their own account
    STAFF = "staff"  # the platform's operators with the right; staff without it are refused
    NOBODY = "nobody"  # not even the platform's administrator


ADDRESSES: dict[str, For] = {
    "account_login": For.EVERYBODY,
    "account_logout": For.EVERYBODY,
    "account_inactive": For.EVERYBODY,
    "account_signup": For.EVERYBODY,  # says that people come by invitation
    "account_email_verification_sent": For.EVERYBODY,
    "account_confirm_email": For.EVERYBODY,  # whoever has the link
    "account_reset_password": For.EVERYBODY,
    "account_reset_password_done": For.EVERYBODY,
    "account_reset_password_from_key": For.EVERYBODY,  # whoever has the link
    "account_reset_password_from_key_done": For.EVERYBODY,
    "account_confirm_login_code": For.EVERYBODY,
    "invitation_accept": For.EVERYBODY,  # whoever has the link
    "invitation_open": For.EVERYBODY,
    "mfa_authenticate": For.EVERYBODY,  # between the password and the second factor
    "dashboard:webhooks-xero": For.EVERYBODY,  # the signature decides: tests/security/pages/test_webhooks.py
    "metrics": For.EVERYBODY,  # of this machine: tests/config/test_web.py
    "admin:login": For.EVERYBODY,
    "account_security": For.ONESELF,
    "sign_out_everywhere": For.ONESELF,
    "account_reauthenticate": For.ONESELF,
    "account_email": For.ONESELF,
    "account_change_password": For.ONESELF,
    "account_set_password": For.ONESELF,
    "mfa_index": For.ONESELF,
    "mfa_reauthenticate": For.ONESELF,
    "mfa_activate_totp": For.ONESELF,
    "mfa_deactivate_totp": For.ONESELF,
    "mfa_view_recovery_codes": For.ONESELF,
    "mfa_generate_recovery_codes": For.ONESELF,
    "mfa_download_recovery_codes": For.ONESELF,
    "dashboard:home": For.ONESELF,
    "dashboard:oauth-callback": For.ONESELF,  # the state decides: tests/security/vendors/test_oauth_attacks.py
    "admin:index": For.STAFF,
    "admin:logout": For.STAFF,
    "admin:password_change": For.STAFF,
    "admin:password_change_done": For.STAFF,
    "admin:autocomplete": For.STAFF,
    "admin:jsi18n": For.STAFF,
    "admin:view_on_site": For.STAFF,
    "admin:app_list": For.STAFF,
    "admin:None": For.STAFF,  # short forms that lead to the others
    "admin:auth_user_password_change": For.NOBODY,  # a person's password is the person's alone
    "admin:tenants_user_changelist": For.STAFF,
    "admin:tenants_user_change": For.STAFF,
    "admin:tenants_user_history": For.STAFF,
    "admin:tenants_user_add": For.NOBODY,  # people come by invitation
    "admin:tenants_user_delete": For.NOBODY,
    "admin:connectors_grant_changelist": For.STAFF,
    "admin:connectors_grant_change": For.STAFF,
    "admin:connectors_grant_history": For.STAFF,
    "admin:connectors_grant_add": For.NOBODY,  # tokens are written by credentials alone
    "admin:connectors_grant_delete": For.NOBODY,
}
PARTS = {"token": "t", "kind": "xero", "key": "abc-def", "uidb36": "1", "app_label": "tenants", "url": "nowhere"}


def addresses() -> Iterator[tuple[str, str]]:
    """Name and path of every address that does not stand below `/t/`."""
    yield from _walk(get_resolver(), "/", "")


def _walk(resolver: URLResolver, before: str, space: str) -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, path, pattern.namespace or space)
        elif isinstance(pattern, URLPattern) and not path.startswith("/t/<"):
            yield f"{space}:{pattern.name}" if space else str(pattern.name), path


def filled(path: str, row: int) -> str:
    """The path with something in the place of each part."""
    plain = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", path).replace("^", "").replace("$", "")
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: PARTS.get(found[1], str(row)), plain)


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    cache.clear()


def test_every_address_says_whom_it_is_for() -> None:
    assert {name for name, _ in addresses()} == set(ADDRESSES)


def browser_of(person: User | None) -> Client:
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def visit(client: Client, method: str, path: str) -> HttpResponseBase:
    """One visit, and nothing of it stays."""
    with taken_back():
        answer: HttpResponseBase = getattr(client, method)(path)
    return answer


def _sends_away(answer: HttpResponseBase) -> bool:
    """To the sign-in, or (the admin's log-out) to the admin's own door, which leads there."""
    place = answer.headers.get("Location", "")
    return answer.status_code == 302 and (place == "/admin/" or place.startswith((SIGN_IN, "/admin/login/")))


def test_nobody_sees_what_is_for_people_or_staff(world: World) -> None:
    browser = browser_of(None)
    for name, path in addresses():
        if ADDRESSES[name] is For.EVERYBODY:
            continue
        for method in METHODS:
            answer = visit(browser, method, filled(path, 1))
            assert _sends_away(answer) or answer.status_code == 405, (name, method, answer.status_code)


@pytest.mark.parametrize("role", [*Role, "stranger"])
def test_no_member_of_a_company_sees_what_is_for_staff(world: World, charlie: User, role: str) -> None:
    person = charlie if role == "stranger" else make_person(f"{role}@muster.example", world.tenant, Role(role))
    browser = browser_of(person)
    for name, path in addresses():
        if ADDRESSES[name] in (For.STAFF, For.NOBODY):
            for method in ("get", "post"):
                answer = visit(browser, method, filled(path, person.pk))
                assert _sends_away(answer), (name, method, answer.status_code)


def test_staff_without_a_right_see_no_rows(otto: User, world: World) -> None:
    """`is_staff` opens the door of the admin; each kind of row needs a right of its own."""
    browser = browser_of(otto)
    for name, path in addresses():
        if re.match(r"admin:(tenants|connectors)_", name):
            assert visit(browser, "get", filled(path, row_of(name, otto, world))).status_code == 403, name


def row_of(name: str, person: User, world: World) -> int:
    """A row that is there, of the kind that the address is about."""
    grant = world.sides[1].grant_id
    return grant if "grant" in name and grant else person.pk


def test_the_administrator_cannot_do_what_is_for_nobody(ada: User, world: World, alice: User) -> None:
    browser = browser_of(ada)
    for name, path in addresses():
        if ADDRESSES[name] is For.NOBODY:
            for method in ("get", "post"):
                answer = visit(browser, method, filled(path, row_of(name, alice, world)))
                assert answer.status_code in (403, 404), (name, method, answer.status_code)
    assert visit(browser, "get", f"/admin/tenants/user/{alice.pk}/change/").status_code == 200


def test_the_administrator_meets_no_company(ada: User, world: World) -> None:
    """Staff of every rank are strangers below `/t/`."""
    browser = browser_of(ada)
    for name, route in ROUTES.items():
        assert visit(browser, "get", route.address(name, world)).status_code == 404, name


def test_staff_raise_nobody_not_even_themselves(otto: User, alice: User) -> None:
    """Whoever may change people must not be able to make an administrator."""
    otto.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(otto)
    for person in (otto, alice):
        raised = {"name": "x", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
        assert client.post(f"/admin/tenants/user/{person.pk}/change/", raised).status_code == 302
    assert not User.objects.filter(is_superuser=True).exists()
    assert not User.objects.get(pk=alice.pk).is_staff


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options", "trace"])
def test_a_page_knows_get_and_post_alone(as_alice: Client, world: World, method: str) -> None:
    answers = {
        name: getattr(as_alice, method)(route.address(name, world)).status_code for name, route in ROUTES.items()
    }
    assert answers == dict.fromkeys(ROUTES, 405)
