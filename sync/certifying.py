"""Certificates: made once from a kept proof, the same bytes for ten years, and recognised again."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.conf import settings

from sync import store
from sync.domain import certificate
from sync.models import Certificate, Proof
from sync.services import NotPossible
from tenants import audit
from tenants.models import Tenant
from tenants.scoping import tenant_scope

SOFTWARE = f"Millrace {settings.VERSION}"
YEARS = 10


def certificate_make(*, tenant_id: int, proof_id: int, actor: str) -> Certificate:
    """The certificate of this proof; made now if it is asked for the first time, else the one that was made."""
    with tenant_scope(tenant_id, actor=actor):
        proof = Proof.objects.select_related("flow__destination", "flow__source").filter(pk=proof_id).first()
        if proof is None:
            raise NotPossible("There is no such proof.")
        known = Certificate.objects.filter(proof=proof).first()
        if known is not None:
            return known
        made = _made(proof, actor)
        said = {"number": made.number, "sha256": made.sha256}
        audit.record("proof.certificate", target=f"proof:{proof_id}", actor=actor, after=said)
        return made


def certificate_check(*, tenant_id: int, given: bytes) -> Certificate | None:
    """The certificate that this file is, or whose printed hash this text is; None for anything else or anything altered."""
    text = given.strip().lower() if len(given) < 200 else b""
    printed = text.decode("ascii", "ignore")
    found = certificate.digest(given)
    with tenant_scope(tenant_id):
        for column, value in (("pdf_sha256", found), ("csv_sha256", found), ("sha256", found), ("sha256", printed)):
            known = Certificate.objects.filter(**{column: value}).first()
            if known is not None:
                return known
    return None


def _made(proof: Proof, actor: str) -> Certificate:
    tenant, now = Tenant.objects.get(), store.now()
    local = now.astimezone(ZoneInfo(tenant.timezone))
    keep_until = _in_ten_years(local.date())
    number = f"MR-{local:%Y}-{proof.pk:06d}"
    destination = proof.flow.destination
    begin, end = (day.isoformat() if day else "" for day in (proof.since, proof.until))
    head = {
        "number": number,
        "company": tenant.name,
        "organisation": destination.name if destination else "",
        "organisation_id": destination.external_id if destination else "",
        "source": "Amnis",
        "period": f"{begin or 'the beginning'} to {end or 'the day of reading'}",
        "read_at": proof.made_at.astimezone(ZoneInfo(tenant.timezone)).isoformat(timespec="seconds"),
        "made_at": local.isoformat(timespec="seconds"),
        "made_by": actor,
        "software": SOFTWARE,
        "keep_until": keep_until.isoformat(),
    }
    from sync.domain import certificate_pdf  # a library of ten megabytes, for the few processes that make one

    text = certificate.content(head=head, result=proof.result)
    sha256 = certificate.digest(text)
    pdf = certificate_pdf.as_pdf(head=head, result=proof.result, sha256=sha256)
    csv = certificate.as_csv(head=head, result=proof.result, sha256=sha256)
    return Certificate.objects.create(
        tenant_id=proof.tenant_id, proof=proof, number=number, content=text, sha256=sha256, pdf=pdf,
        pdf_sha256=certificate.digest(pdf), csv=csv, csv_sha256=certificate.digest(csv), version=SOFTWARE, made_by=actor,
        keep_until=keep_until,
    )  # fmt: skip


def _in_ten_years(day: date) -> date:
    """From the end of the year, as the law counts."""
    return date(day.year + YEARS, 12, 31)
