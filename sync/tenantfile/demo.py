"""The demo tenant beside the sandbox: imported from its file, connected by a consent like anybody's, with one owner."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from django.conf import settings

from connectors import oauth, providers
from sync.models import Flow
from sync.tenantfile.importer import tenant_import
from sync.tenantfile.secrets import SecretStore
from sync.tenantfile.vendors import Unreachable
from tenants import services as tenant_services
from tenants.models import Membership, Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_by_slug

SLUG = "demo"
ORGANISATION = "Muster Handels AG"
EMAIL = "admin@muster.example"
ACTOR = "demo set-up"
FILE = Path(__file__).with_name("demo.yaml")
CONSENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLogin:
    email: str
    password: str


def demo_ensure() -> DemoLogin:
    """The demo tenant and its owner, made if they are not there; what a visitor changed meanwhile stays.

    Raises Unreachable where the sandbox does not answer. Calls the vendors: outside of every scope.
    """
    tenant = _tenant()
    if tenant is None or not _has_flow(tenant):
        variables = {"DEMO_AMNIS_SECRET": settings.ENV.amnis_client_secret, "DEMO_XERO_TOKEN": consented_token()}
        store = SecretStore(environ=variables, folder=FILE.parent)
        tenant_import(FILE.read_text(encoding="utf-8"), secrets=store, actor=ACTOR)
        tenant = tenant_by_slug(SLUG)
    return _owner(tenant)


def consented_token() -> str:
    """A refresh token of the sandbox's Xero, got as any person gets one: the consent page, a choice, the code."""
    provider = providers.provider(providers.XERO)
    state, verifier = oauth.new_secret(), oauth.new_secret()
    page = oauth.consent_url(provider, state=state, verifier=verifier)
    try:
        code = _allow(page)
    except httpx.HTTPError as error:
        raise Unreachable(f"The sandbox's Xero does not answer ({type(error).__name__}).") from error
    return oauth.exchange(provider, code=code, verifier=verifier).refresh_token


def _allow(url: str) -> str:
    """Fill the consent page in for the demo organisation and return the code of the redirect."""
    transport = providers.transport(settings.ENV.xero_login_url)
    with httpx.Client(transport=transport, timeout=CONSENT_SECONDS, trust_env=False) as client:
        form = _ConsentForm.read(client.get(url).raise_for_status().text)
        answer = client.post(urljoin(url, form.action), data=form.choosing(ORGANISATION))
    query = parse_qs(urlsplit(answer.headers.get("location", "")).query)
    if "code" not in query:
        raise Unreachable("The sandbox's Xero did not take the consent.")
    return str(query["code"][0])


class _ConsentForm(HTMLParser):
    """The hidden fields and the choices of the sandbox's consent page."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.labels: dict[str, str] = {}  # an organisation's name -> its value
        self._value = ""

    @classmethod
    def read(cls, html: str) -> _ConsentForm:
        form = cls()
        form.feed(html)
        return form

    def choosing(self, organisation: str) -> Mapping[str, str]:
        chosen = self.labels.get(organisation)
        if chosen is None:
            raise Unreachable(f"The sandbox's Xero has no organisation {organisation!r}.")
        return {**self.fields, "organisation": chosen, "decision": "allow"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self._value = ""
        if tag == "form":
            self.action = said.get("action", "")
        elif tag == "input" and said.get("name") == "organisation":
            self._value = said.get("value", "")
        elif tag == "input" and said.get("name"):
            self.fields.setdefault(said["name"], said.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._value and data.strip():
            self.labels.setdefault(data.strip(), self._value)


def _tenant() -> Tenant | None:
    try:
        return tenant_by_slug(SLUG)
    except Tenant.DoesNotExist:
        return None


def _has_flow(tenant: Tenant) -> bool:
    with tenant_scope(tenant.pk):
        return Flow.objects.exists()


def _owner(tenant: Tenant) -> DemoLogin:
    """The owner with the password of the note; a lost note gets a new password."""
    note = settings.ENV.data_dir / "demo.json"
    user = User.objects.filter(email=EMAIL).first()
    password = _noted_password(note)
    if user is None or not password or not user.check_password(password):
        password = secrets.token_urlsafe(12)
        user = _with_password(user, password)
    with tenant_scope(tenant.pk, actor=ACTOR):
        if not Membership.objects.filter(user=user).exists():
            tenant_services.membership_add(user=user, role=Role.OWNER, actor=ACTOR)
    login = DemoLogin(email=EMAIL, password=password)
    _write_note(note, login)
    return login


def _with_password(user: User | None, password: str) -> User:
    if user is None:
        return tenant_services.user_create(email=EMAIL, actor=ACTOR, name="Alice Muster", password=password)
    user.set_password(password)
    user.save(update_fields=["password"])
    return user


def _noted_password(note: Path) -> str:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("password", "")) if isinstance(found, dict) else ""


def _write_note(note: Path, login: DemoLogin) -> None:
    """For nobody else to read, and whole or not at all."""
    note.parent.mkdir(parents=True, exist_ok=True)
    fresh = note.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"email": login.email, "password": login.password}, file)
    fresh.replace(note)
