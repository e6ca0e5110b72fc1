"""Encrypted columns that never answer with ciphertext, and the rotation of their keys.

The keys are `settings.FIELD_ENCRYPTION_KEY`, newest first: the first encrypts, every one decrypts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Lookup, Model, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

if TYPE_CHECKING:  # the package has no types
    EncryptedTextField = TextField[str | Combinable, str]
else:
    from encrypted_model_fields.fields import EncryptedTextField


class DecryptionFailed(RuntimeError):
    """A stored secret cannot be read with any of the configured keys."""


class EncryptedText(EncryptedTextField):
    """Text that is stored encrypted. A wrong key raises DecryptionFailed; it never returns or stores ciphertext.

    Only `__isnull` may be asked of it, and only values may be written, never an expression over other columns.
    """

    def to_python(self, value: Any) -> str | None:
        return None if value is None else str(value)

    def from_db_value(self, value: str | None, *_args: object) -> str | None:
        return None if value is None else decrypt(value, where=str(self))

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if value is None:
            return None
        if hasattr(value, "as_sql"):
            return self._of_values_only(value)
        return encrypt(str(value))

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        if lookup_name != "isnull":
            raise FieldError(f"{self} is encrypted: it cannot be searched by {lookup_name!r}")
        found: type[Lookup[Any]] | None = super().get_lookup(lookup_name)
        return found

    def value_to_string(self, obj: Model) -> str:
        raise FieldError(f"{self} is a secret: it is not serialised")

    def _of_values_only(self, expression: Any) -> Any:
        """bulk_update hands over CASE … THEN value: each value is encrypted by itself when it is compiled."""
        inner = expression.get_source_expressions()[0] if isinstance(expression, Cast) else expression
        if isinstance(inner, Value):
            results: list[Any] = [inner]
        elif isinstance(inner, Case):
            results = [case.result for case in inner.cases]
        else:
            results = []
        if not results or not all(isinstance(result, Value) for result in results):
            raise FieldError(f"{self} is encrypted: only values can be written to it, not {expression!r}")
        return expression


def encrypt(text: str) -> str:
    """The text under the newest key."""
    return _crypter(_keys()).encrypt(text.encode()).decode("ascii")


def decrypt(stored: str, *, where: str = "a stored secret") -> str:
    """The text again. Raises DecryptionFailed when no key fits; the message never contains what was stored."""
    try:
        return _crypter(_keys()).decrypt(stored.encode()).decode()
    except (InvalidToken, ValueError):
        raise DecryptionFailed(
            f"{where} cannot be read: FIELD_ENCRYPTION_KEY lacks the key it was stored under"
        ) from None


def is_current(stored: str) -> bool:
    """Whether the newest key was used. False for any other key, known or not."""
    try:
        Fernet(_keys()[0]).decrypt(stored.encode())
    except (InvalidToken, ValueError):
        return False
    return True


def raw(field: str) -> Cast:
    """The stored ciphertext of a field, for an annotation: `qs.annotate(stored=raw("token"))`."""
    return Cast(field, TextField())


def _keys() -> tuple[str, ...]:
    configured: str | Sequence[str] = settings.FIELD_ENCRYPTION_KEY
    return (configured,) if isinstance(configured, str) else tuple(configured)


@lru_cache(maxsize=8)
def _crypter(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
