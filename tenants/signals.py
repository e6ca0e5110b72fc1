"""What happens to a person's account is written into the chain of every tenant they belong to."""

from __future__ import annotations

import time
from typing import Any

import structlog
from allauth.account.signals import email_changed, password_changed, password_reset
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import Signal
from django.http import HttpRequest

from tenants.middleware import SEEN_AT, SIGNED_IN_AT
from tenants.models import User
from tenants.services import record_for_person

log = structlog.get_logger(__name__)

ACCOUNT_EVENTS: dict[str, Signal] = {
    "email_changed": email_changed,
    "password_changed": password_changed,
    "password_reset": password_reset,
    "second_factor_added": authenticator_added,
    "second_factor_removed": authenticator_removed,
    "recovery_codes_renewed": authenticator_reset,
}


def connect() -> None:
    """Listen to Django and allauth. Called once, when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="tenants.signed_in")
    user_login_failed.connect(_refused, dispatch_uid="tenants.refused")
    for action, signal in ACCOUNT_EVENTS.items():
        signal.connect(_recorder(action), weak=False, dispatch_uid=f"tenants.{action}")


def _signed_in(*, request: HttpRequest, user: User, **_kwargs: Any) -> None:
    now = int(time.time())
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = now
    record_for_person("signed_in", user=user, actor=user.email)


def _refused(*, request: HttpRequest | None = None, **_kwargs: Any) -> None:
    """The address that was tried is not logged: people type passwords into the wrong field."""
    log.warning("sign_in_refused", remote=request.META.get("REMOTE_ADDR", "") if request else "")


def _recorder(action: str) -> Any:
    def _record(*, user: User, **_kwargs: Any) -> None:
        record_for_person(action, user=user, actor=user.email)

    return _record
