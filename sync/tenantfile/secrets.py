"""The secrets that a tenant file points at: environment variables and files. Never shown, not even in a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sync.tenantfile.nodes import FileFault
from sync.tenantfile.spec import SecretSource

MAX_SECRET = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStore:
    """Where secrets are looked up: variables, and files relative to the tenant file's folder."""

    environ: Mapping[str, str]
    folder: Path

    def require(self, source: SecretSource) -> str:
        """The secret. Raises FileFault, with the line that names it, where there is none."""
        value = self.find(source)
        if value is None:
            what = f"file {source.name} cannot be read or is" if source.is_file else f"variable {source.name} is"
            raise FileFault(f"the {what} empty or not there", line=source.line)
        return value

    def find(self, source: SecretSource | None) -> str | None:
        """The secret, or None where nothing is said or nothing is there. Raises FileFault for one that cannot be right."""
        if source is None:
            return None
        value = (self._file(source) if source.is_file else self.environ.get(source.name, "")).strip()
        if len(value) > MAX_SECRET or any(ord(sign) < 32 for sign in value):
            raise FileFault(f"{source.name} does not hold a secret of one line", line=source.line)
        return value or None

    def _file(self, source: SecretSource) -> str:
        try:
            return (self.folder / source.name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""
