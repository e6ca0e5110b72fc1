"""How allauth behaves here: nobody signs up by themselves, and second factors are stored encrypted."""

from __future__ import annotations

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from qrcode.image.svg import SvgPathFillImage

from tenants.encryption import decrypt, encrypt
from tenants.middleware import second_factor_required
from tenants.models import Role, User
from tenants.selectors import tenants_of


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """People come by invitation only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets under our field keys; who needs a second factor cannot take the authenticator away."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text, where="a second factor")

    def build_totp_svg(self, url: str) -> str:
        """The code on a white ground, so that a phone reads it in dark mode as well."""
        svg: bytes = qrcode.make(url, image_factory=SvgPathFillImage).to_string()
        return svg.decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        user: User = authenticator.user
        owner = any(found.role == Role.OWNER for found in tenants_of(user))
        needed = second_factor_required(user, role=Role.OWNER if owner else None)
        return not (needed and authenticator.type == Authenticator.Type.TOTP)
