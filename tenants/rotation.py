"""Brings every stored secret under the newest key, so that an old key can be dropped.

Rows that are under the newest key already are left alone, so a run that was cut short simply starts again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import transaction
from django.db.models import Model

from tenants.encryption import EncryptedText, decrypt, encrypt, is_current, raw
from tenants.models import TenantModel
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_ids

BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How many secrets were looked at, and how many of them were not yet under the newest key."""

    seen: int = 0
    rotated: int = 0

    def __add__(self, other: Rotation) -> Rotation:
        return Rotation(seen=self.seen + other.seen, rotated=self.rotated + other.rotated)


def rotate_keys(*, batch: int = BATCH) -> Rotation:
    """Re-encrypt what is not under the newest key: all encrypted fields of all models, and the second factors.

    Each batch commits by itself with its rows locked. Raises DecryptionFailed where no configured key fits; what was
    done before stays done.
    """
    total = _second_factors(batch)
    for model, fields in _models_with_secrets():
        for tenant_id in tenant_ids() if issubclass(model, TenantModel) else [None]:
            total += _rotate_model(model, fields, tenant_id=tenant_id, batch=batch)
    return total


def _models_with_secrets() -> Iterator[tuple[type[Model], list[str]]]:
    for model in apps.get_models():
        fields = [field.name for field in model._meta.local_fields if isinstance(field, EncryptedText)]
        if fields and model._meta.managed and not model._meta.proxy:
            yield model, fields


def _rotate_model(model: type[Model], fields: list[str], *, tenant_id: int | None, batch: int) -> Rotation:
    total, last = Rotation(), 0
    while True:
        with _transaction(tenant_id):
            rows = _stored(model, fields, after=last, limit=batch)
            total += _write(model, fields, rows)
        if len(rows) < batch:
            return total
        last = rows[-1]["pk"]


def _transaction(tenant_id: int | None) -> AbstractContextManager[Any]:
    return transaction.atomic() if tenant_id is None else tenant_scope(tenant_id, actor="rotate_keys")


def _stored(model: type[Model], fields: list[str], *, after: int, limit: int) -> list[dict[str, Any]]:
    ciphertexts = {f"stored_{name}": raw(name) for name in fields}
    rows = model._default_manager.select_for_update().filter(pk__gt=after).order_by("pk")
    return list(rows.annotate(**ciphertexts).values("pk", *ciphertexts)[:limit])


def _write(model: type[Model], fields: list[str], rows: list[dict[str, Any]]) -> Rotation:
    seen = rotated = 0
    for row in rows:
        held = {name: row[f"stored_{name}"] for name in fields if row[f"stored_{name}"] is not None}
        old = {
            name: decrypt(text, where=f"{model.__name__} {row['pk']}")
            for name, text in held.items()
            if not is_current(text)
        }
        if old:
            model._default_manager.filter(pk=row["pk"]).update(**old)
        seen, rotated = seen + len(held), rotated + len(old)
    return Rotation(seen=seen, rotated=rotated)


def _second_factors(batch: int) -> Rotation:
    """allauth keeps its secrets inside a JSON column, under the keys `secret` (app) and `seed` (recovery codes)."""
    total, last = Rotation(), 0
    while True:
        with transaction.atomic():
            rows = list(Authenticator.objects.select_for_update().filter(pk__gt=last).order_by("pk")[:batch])
            for row in rows:
                total += _rotate_authenticator(row)
        if len(rows) < batch:
            return total
        last = rows[-1].pk


def _rotate_authenticator(row: Authenticator) -> Rotation:
    held = [key for key in ("secret", "seed") if isinstance(row.data.get(key), str)]
    old = [key for key in held if not is_current(row.data[key])]
    for key in old:
        row.data[key] = encrypt(decrypt(row.data[key], where=f"second factor {row.pk}"))
    if old:
        row.save(update_fields=["data"])
    return Rotation(seen=len(held), rotated=len(old))
