"""Whose rows may be seen: the current tenant, held in Python for the managers and in the transaction for Postgres.

The setting is always local to a transaction (`set_config(…, true)`): a session-level one would survive in the pooled
connection and be read by the next request. Leaving a scope inside an outer transaction takes the setting back as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

DISPATCH_ROLE = "millrace_dispatch"

_tenant: ContextVar[int | None] = ContextVar("tenant", default=None)
_platform: ContextVar[bool] = ContextVar("platform", default=False)


class Unscoped(RuntimeError):
    """A tenant's rows were asked for without saying whose."""


class ScopeConflict(RuntimeError):
    """A second tenant, or the platform's view, was asked for inside an open scope."""


def current_tenant_id() -> int | None:
    """The tenant of the open scope, or None outside of every scope."""
    return _tenant.get()


def in_platform_scope() -> bool:
    """Whether the platform's narrow view across tenants is open."""
    return _platform.get()


def require_tenant_id() -> int:
    """The tenant of the open scope. Raises Unscoped outside of every scope."""
    tenant_id = _tenant.get()
    if tenant_id is None:
        raise Unscoped("no tenant is set: open tenant_scope(tenant_id) around this")
    return tenant_id


@contextmanager
def tenant_scope(tenant_id: int, *, actor: str = "") -> Iterator[None]:
    """One transaction in which only this tenant's rows exist. `actor` is what triggers write down as the author.

    Inside a scope of the same tenant it does nothing at all (the outer transaction and actor stay). Raises ScopeConflict
    inside a scope of another tenant or of the platform.
    """
    if _tenant.get() == tenant_id:
        yield
        return
    _refuse_nesting()
    inside = connection.in_atomic_block
    with transaction.atomic():
        _set_local(str(int(tenant_id)), actor)
        token = _tenant.set(tenant_id)
        try:
            yield
        finally:
            _tenant.reset(token)
        if inside:
            _set_local("", "")


@contextmanager
def platform_scope() -> Iterator[None]:
    """One transaction in the dispatch role, which reads ids, states and times across tenants and writes nothing.

    Nesting does nothing. Raises ScopeConflict inside a tenant's scope.
    """
    if _platform.get():
        yield
        return
    _refuse_nesting()
    inside = connection.in_atomic_block
    with transaction.atomic():
        _run(f"SET LOCAL ROLE {DISPATCH_ROLE}")
        token = _platform.set(True)
        try:
            yield
        finally:
            _platform.reset(token)
        if inside:
            _run("SET LOCAL ROLE NONE")


def forget_scopes() -> None:
    """No scope is open here, whatever the variables say. For the beginning of a thread of work, never within one."""
    _tenant.set(None)
    _platform.set(False)


def _refuse_nesting() -> None:
    if _platform.get() or _tenant.get() is not None:
        raise ScopeConflict("a scope is already open in this transaction: leave it before opening another one")


def _set_local(tenant: str, actor: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', %s, true), set_config('app.actor', %s, true)", [tenant, actor])


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
