"""Messages name pages by path, because workers do not load the pages: here both are compared."""

from __future__ import annotations

import pytest
from django.urls import reverse
from pytest_django import Settings

from notifications.pages import PAGES, full_address, overview_path, page_path
from tenants.models import Tenant

TENANT = Tenant(public_id="abc")


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_page_exists(page: str) -> None:
    assert page_path(TENANT, page) == reverse(f"dashboard:{page}", args=["abc"])


def test_the_overview_exists() -> None:
    assert overview_path(TENANT) == reverse("dashboard:overview", args=["abc"])


@pytest.mark.parametrize("page", ["", "nothing", "../admin", "//evil.example"])
def test_an_unknown_page_becomes_the_list_of_alerts(page: str) -> None:
    assert page_path(TENANT, page) == reverse("dashboard:alerts", args=["abc"])


def test_no_path_has_no_address(settings: Settings) -> None:
    assert full_address("") == ""
    assert full_address("/t/abc/") == f"{settings.ENV.public_url}/t/abc/"
