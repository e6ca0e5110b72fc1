"""Secrets with a telling shape, planted where real ones live, and everything the program lets anybody see of itself."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client

from config.commands import guarded
from connectors.models import Grant
from sync.models import ContactLink, Entry, Flow, Proof, Record, Rule, Run
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tests.pages.routes import ROUTES
from tests.pages.test_access import taken_back
from tests.security.rows import OWN_TABLES, PLATFORM

IBAN, PAN = "CH93 0076 2011 6238 5295 7", "4111 1111 1111 1111"
MAGIC = "https://app.amnis.example/expenses-public/5ec2e7aa-0000-4000-8000-canary000000"
SIGNED = "https://files.amnis.example/beleg.pdf?signature=canary-of-a-signed-link"
COMMANDS = (
    ["status", "muster", "--json"], ["sync", "muster", "--json"], ["sync", "muster", "--dry-run", "--json"],
    ["review", "muster", "--json"], ["proof", "muster", "--json"], ["entries", "muster", "--csv"],
    ["tenant_export", "muster"], ["verify_audit", "--json"], ["rotate_keys", "--json"], ["retry", "muster"],
    ["undo", "muster", "--day", "2026-03-02", "--dry-run", "--json"],
)  # fmt: skip


class Mirror(httpx.BaseTransport):
    """A vendor that is broken in the worst way: now and then its answer repeats what it was asked, headers and all."""

    def __init__(self, inner: httpx.BaseTransport, statuses: list[int]) -> None:
        self.inner = inner
        self.statuses = statuses
        self.repeated = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        if not self.statuses:
            return self.inner.handle_request(request)
        self.repeated += 1
        said = f"You sent {dict(request.headers)} to {request.url} with {body.decode('utf-8', 'replace')}"
        error = {"error": "server_error", "error_description": said, "Message": said, "Detail": said, "detail": said}
        return httpx.Response(self.statuses.pop(0), json=error, request=request)


def tokens_of(grants: Iterator[Grant] | list[Grant]) -> set[str]:
    """Every secret in the rows."""
    names = ("client_secret", "access_token", "refresh_token", "previous_refresh_token", "candidate_refresh_token")
    return {value for grant in grants for name in names if (value := getattr(grant, name))}


def dump(tenant: Tenant) -> str:
    """Every row that the database holds of this company and of the platform, as stored."""
    texts = []
    with tenant_scope(tenant.pk), connection.cursor() as cursor:
        cursor.execute(OWN_TABLES)
        names = [name for (name,) in cursor.fetchall()] + ["grant_chain", *PLATFORM, "django_session"]
        for name in names:
            cursor.execute(f"SELECT string_agg(t::text, '\n') FROM {name} t")
            texts.append(f"{name}: {cursor.fetchone()[0]}")
    return "\n".join(texts)


def pages(client: Client, tenant: Tenant) -> dict[str, str]:
    """Every page, part, file and answer of the company, by name."""
    world: Any = _numbers(tenant)
    found = {}
    for name, route in ROUTES.items():
        method = "get" if route.reads else "post"
        if name in ("connections-disconnect", "connections-key"):
            continue  # what they get is typed by the person
        with taken_back():
            answer = getattr(client, method)(route.address(name, world), dict(route.data))
        found[name] = answer.getvalue().decode("utf-8", "replace") + str(answer.headers)
    return found


def details(client: Client, tenant: Tenant) -> dict[str, str]:
    """The page of every movement and of every run."""
    with tenant_scope(tenant.pk):
        rows = [f"transactions/{pk}/" for pk in Record.objects.values_list("pk", flat=True)]
        rows += [f"runs/{pk}/" for pk in Run.objects.values_list("pk", flat=True)]
    return {path: client.get(f"/t/{tenant.public_id}/{path}").content.decode() for path in rows}


def printed() -> str:
    """What the commands write, on both streams."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        for line in COMMANDS:
            code = guarded(partial(_called, line))
            out.write(f"{code} {line}\n")
    return out.getvalue()


def _called(line: list[str]) -> int:
    call_command(*line)
    return 0


def mails() -> str:
    return "\n".join(letter.message().as_string() for letter in mail.outbox)


def _numbers(tenant: Tenant) -> Any:
    """What the addresses of `ROUTES` need, from whatever the pass has left behind."""
    with tenant_scope(tenant.pk):
        first = Record.objects.order_by("id").first()
        none = SimpleNamespace(pk=0, key=uuid.uuid4())
        return SimpleNamespace(
            tenant=tenant,
            records={"rent": first},
            entries={"rent": Entry.objects.first()},
            run=Run.objects.last(),
            batch=uuid.uuid4(),
            proof=Proof.objects.last() or none,
            rule=Rule.objects.first() or none,
            contact=ContactLink.objects.first() or none,
            flow=Flow.objects.get(),
        )
