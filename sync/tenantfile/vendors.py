"""What the two vendors say while a file is imported: who lets us in, and what its lines may point at.

Everything here calls the network, so it runs before the import's one transaction. Of what it learns only the grants are
stored, because a rotated token must be on disk before anything else happens; they belong to nobody yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from connectors import consent, credentials, oauth, opening, providers, registry
from connectors.consent import Company
from connectors.contract.errors import ActionRequired, ConnectorError
from connectors.contract.ports import Destination, Source
from connectors.contract.records import Chart, SourceAccount
from connectors.models import Connection, Grant
from sync.domain.references import fold
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.spec import AmnisSection, XeroSection


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


def reach_amnis(section: AmnisSection, *, secret: str, timezone: str) -> AmnisSide:
    """Try the key and read the wallets. Raises FileFault for a key that is refused, Unreachable."""
    with _told_as_fault(section.client_secret.line):
        grant = _grant_of_key(section.client_id, secret)
        name = consent.companies_of(grant, providers.AMNIS)[0].name
        company = Company(external_id=section.client_id, name=name)
        source = cast(Source, _open(providers.AMNIS, grant, company, timezone))
        return AmnisSide(grant=grant, company=company, accounts=source.accounts())


def reach_xero(section: XeroSection, *, token: str, timezone: str) -> XeroSide:
    """Exchange the token (once), find the organisation, read its chart. Raises FileFault, Unreachable."""
    assert section.refresh_token is not None
    with _told_as_fault(section.refresh_token.line):
        grant = credentials.grant_import(kind=providers.XERO, refresh_token=token)
        company = _meant(consent.companies_of(grant, providers.XERO), section)
        destination = cast(Destination, _open(providers.XERO, grant, company, timezone))
        return XeroSide(grant=grant, company=company, chart=destination.chart())


def _grant_of_key(client_id: str, secret: str) -> Grant:
    """The grant that works with exactly this key; a new key is tried before it is stored."""
    known = Grant.objects.filter(provider=providers.AMNIS, subject=client_id, status=Grant.Status.ACTIVE).first()
    if known is not None and known.client_secret == secret:
        return known
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
