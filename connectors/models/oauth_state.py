from __future__ import annotations

from django.db import models

from tenants.encryption import EncryptedText


class OAuthState(models.Model):
    """A consent that has been started: single use, ten minutes, bound to tenant, person, session and vendor.

    Only the hash of the state is kept, so that the table alone finishes nothing.
    """

    state_hash = models.BinaryField(max_length=32, unique=True)
    provider = models.CharField(max_length=20)
    tenant_id = models.BigIntegerField()
    connection_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField()
    session_hash = models.BinaryField(max_length=32)
    code_verifier = EncryptedText()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "oauth_state"

    def __str__(self) -> str:
        return f"{self.provider} consent {self.pk}"
