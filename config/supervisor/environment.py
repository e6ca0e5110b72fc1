"""What every child finds in its environment: the caller's variables, ours where the caller gave none, and the servers'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from secrets import token_urlsafe

from config.env import SECRETS, Env, EnvError, load
from config.supervisor.failure import StartError
from config.supervisor.home import Home, Secrets

ROOT = Path(__file__).resolve().parent.parent.parent
SANDBOX_AMNIS_APP = "millrace"
SANDBOX_XERO_CLIENT = "sandbox-xero"

# What `load` needs before the servers exist: the shape is checked, the values are never used.
PLACEHOLDERS = {
    "SECRET_KEY": "x" * 32,
    "FIELD_ENCRYPTION_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "DATABASE_URL": "postgresql://x@localhost/x",
    "REDIS_URL": "redis://localhost",
}
NAMES = frozenset({field.name.upper() for field in fields(Env)} | {"FIELD_ENCRYPTION_KEY"})


def has(environ: Mapping[str, str], name: str) -> bool:
    """Whether the caller set a variable, itself or as a file."""
    return bool(environ.get(name, "").strip() or (name in SECRETS and environ.get(f"{name}_FILE", "").strip()))


def checked(environ: Mapping[str, str]) -> Env:
    """The environment as it will be, checked before anything is made. Raises StartError with EnvError's line."""
    filled = {name: value for name, value in PLACEHOLDERS.items() if not has(environ, name)}
    try:
        return load({**environ, **filled})
    except EnvError as error:
        raise StartError(str(error)) from error


def with_secrets(environ: Mapping[str, str], home: Home, secrets: Secrets) -> dict[str, str]:
    """The caller's variables, completed with the installation's own secrets and places."""
    ours = {"SECRET_KEY": secrets.secret_key, "FIELD_ENCRYPTION_KEY": secrets.field_encryption_key}
    missing = {name: value for name, value in ours.items() if not has(environ, name)}
    fixed = {
        "DATA_DIR": str(home.path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
    }
    return {**environ, **missing, **fixed}


def sandbox_variables(urls: Mapping[str, str], secrets: Secrets, *, public_url: str) -> dict[str, str]:
    """The variables that lead the product to the sandbox, and the sandbox to the secrets it accepts."""
    webhook_key = token_urlsafe(32)  # both sides learn it from here, so that each start may have its own
    return {
        "AMNIS_BASE_URL": urls["amnis"],
        "AMNIS_AUTHORIZE_URL": f"{urls['amnis']}/oauth/authorize",
        "AMNIS_CLIENT_ID": SANDBOX_AMNIS_APP,
        "AMNIS_CLIENT_SECRET": secrets.amnis_client_secret,
        "XERO_LOGIN_URL": urls["xero"],
        "XERO_IDENTITY_URL": urls["xero"],
        "XERO_API_URL": urls["xero"],
        "XERO_CLIENT_ID": SANDBOX_XERO_CLIENT,
        "XERO_CLIENT_SECRET": secrets.xero_client_secret,
        "XERO_WEBHOOK_KEY": webhook_key,
        "SANDBOX_AMNIS_APP": SANDBOX_AMNIS_APP,
        "SANDBOX_AMNIS_SECRET": secrets.amnis_client_secret,
        "SANDBOX_XERO_CLIENT_SECRET": secrets.xero_client_secret,
        "SANDBOX_XERO_WEBHOOK_URL": f"{public_url}/webhooks/xero",
        "SANDBOX_XERO_WEBHOOK_KEY": webhook_key,
        "SANDBOX_CONTROL_URL": urls["control"],
    }


def handed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Our variables out of a whole environment: what another command needs to work beside a running stack."""
    ours = NAMES | {f"{name}_FILE" for name in SECRETS}
    return {
        name: value for name, value in environ.items() if name in ours or name.startswith(("SANDBOX_", "MILLRACE_"))
    }
