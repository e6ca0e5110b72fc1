"""What the two vendors say while a file is imported: who lets us in, and what its lines may point at.

Everything here calls the network, so it runs before the import's one transaction. Of what it learns only the grants are
stored, because a rotated token must be on disk before anything else happens; they belong to nobody yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeGuard, cast

from connectors import consent, credentials, oauth, opening, providers, registry, selectors, services
from connectors.consent import Company
from connectors.contract.errors import ActionRequired, ConnectorError
from connectors.contract.ports import Destination, Source
from connectors.contract.records import Chart, SourceAccount
from connectors.models import Connection, Grant
from sync.domain.references import fold
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.spec import AmnisSection, XeroSection
from tenants.scoping import tenant_scope


class Unreachable(Exception):
    """A vendor cannot be asked now; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmnisSide:
    """The company at Amnis and its wallets. `grant` is None where the standing connection simply goes on."""

    grant: Grant | None
    company: Company
    accounts: tuple[SourceAccount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class XeroSide:
    """The organisation at Xero and its chart. `grant` as above."""

    grant: Grant | None
    company: Company
    chart: Chart


def reach_amnis(section: AmnisSection, *, secret: str, timezone: str, standing: Connection | None) -> AmnisSide:
    """Try the key and read the wallets. Raises FileFault for a key that is refused, Unreachable."""
    with _told_as_fault(section.client_secret.line):
        known = _grant_of_key(section.client_id, secret)
        if known is not None and _goes_on(standing, known) and standing.external_id == section.client_id:
            return standing_amnis(standing)
        grant = known or _new_grant(section.client_id, secret)
        name = consent.companies_of(grant, providers.AMNIS)[0].name
        company = Company(external_id=section.client_id, name=name)
        source = cast(Source, _open(providers.AMNIS, grant, company, timezone))
        return AmnisSide(grant=grant, company=company, accounts=source.accounts())


def reach_xero(section: XeroSection, *, token: str, timezone: str, standing: Connection | None) -> XeroSide:
    """Exchange the token (once), find the organisation, read its chart. Raises FileFault, Unreachable."""
    line = section.refresh_token.line if section.refresh_token else section.line
    with _told_as_fault(line):
        grant = credentials.grant_import(kind=providers.XERO, refresh_token=token)
        if _goes_on(standing, grant) and is_meant(_company(standing), section):
            return standing_xero(standing)
        company = _meant(consent.companies_of(grant, providers.XERO), section)
        destination = cast(Destination, _open(providers.XERO, grant, company, timezone))
        return XeroSide(grant=grant, company=company, chart=destination.chart())


def standing_amnis(connection: Connection, *, afresh: bool = False) -> AmnisSide:
    """The company that is connected, with its wallets as they were last read (or read now). Raises Unreachable."""
    _read(connection, afresh=afresh)
    with tenant_scope(connection.tenant_id):
        accounts = tuple(selectors.source_accounts(connection))
    return AmnisSide(grant=None, company=_company(connection), accounts=accounts)


def standing_xero(connection: Connection, *, afresh: bool = False) -> XeroSide:
    """The organisation that is connected, with its chart as it was last read (or read now). Raises Unreachable."""
    _read(connection, afresh=afresh)
    with tenant_scope(connection.tenant_id):
        chart = selectors.chart(connection)
    return XeroSide(grant=None, company=_company(connection), chart=chart)


def _read(connection: Connection, *, afresh: bool) -> None:
    if not afresh and connection.reference_at is not None:
        return
    try:
        services.refresh_reference(connection)
    except ConnectorError as error:
        raise Unreachable(error.message) from error


def _goes_on(standing: Connection | None, grant: Grant) -> TypeGuard[Connection]:
    """Does a connection that works stand under this very grant?"""
    return standing is not None and standing.is_usable and standing.grant_id == grant.pk


def _company(connection: Connection) -> Company:
    return Company(external_id=connection.external_id, name=connection.name, remote_id=connection.remote_id)


def _grant_of_key(client_id: str, secret: str) -> Grant | None:
    """The grant that already works with exactly this key."""
    known = Grant.objects.filter(provider=providers.AMNIS, subject=client_id, status=Grant.Status.ACTIVE).first()
    return known if known is not None and known.client_secret == secret else None


def _new_grant(client_id: str, secret: str) -> Grant:
    """A key is tried before it is stored."""
    provider = providers.provider(providers.AMNIS, client_id=client_id, client_secret=secret)
    tokens = oauth.client_credentials(provider)
    return credentials.grant_store(provider=provider, subject=client_id, tokens=tokens, own_key=True)


def is_meant(company: Company, section: XeroSection) -> bool:
    """Is it the organisation that the file names? A file that names none means whichever there is."""
    if section.organisation_id:
        return company.external_id.lower() == section.organisation_id.lower()
    return not section.organisation or fold(company.name) == fold(section.organisation)


def _meant(companies: list[Company], section: XeroSection) -> Company:
    meant = [company for company in companies if is_meant(company, section)]
    if len(meant) == 1:
        return meant[0]
    wanted = section.organisation_id or section.organisation
    opened = ", ".join(sorted(company.name for company in companies)) or "none"
    if not meant:
        raise FileFault(f"the Xero token opens no organisation {wanted!r}; it opens: {opened}", line=section.line)
    which = f"organisations called {wanted!r}" if wanted else "organisations"
    raise FileFault(
        f"the Xero token opens several {which}: name one by organisation_id ({_ids(meant)})", line=section.line
    )


def _ids(companies: list[Company]) -> str:
    return ", ".join(sorted(company.external_id for company in companies))


def _open(kind: str, grant: Grant, company: Company, timezone: str) -> object:
    """An adapter for a company that has no connection yet."""
    nobody = Connection(tenant_id=0, kind=kind, role=consent.ROLES[kind], external_id=company.external_id)
    return registry.spec(kind).open(
        opening.wiring(
            nobody,
            grant_id=grant.pk,
            recorder=lambda record: None,
            timezone=timezone,
            limits=providers.limits(kind),
        )
    )


@contextmanager
def _told_as_fault(line: int) -> Iterator[None]:
    """What only the person can mend is a fault of the file at this line; everything else passes by itself."""
    try:
        yield
    except ActionRequired as error:
        raise FileFault(error.message, line=line) from error
    except ConnectorError as error:
        raise Unreachable(error.message) from error
