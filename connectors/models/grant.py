from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from tenants.encryption import EncryptedText


class Grant(models.Model):
    """One chain of tokens at one vendor. A platform row: a Xero user's chain may serve several tenants.

    Only `connectors.credentials` reads or writes the secrets.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        NEEDS_RECONNECT = "needs_reconnect"
        REVOKED = "revoked"

    provider = models.CharField(max_length=20)
    subject = models.CharField(max_length=200)  # Xero: the user's id; Amnis: the client id
    client_id = models.CharField(max_length=200, default="", blank=True)
    client_secret = EncryptedText(default="", blank=True)
    access_token = EncryptedText(default="", blank=True)
    refresh_token = EncryptedText(default="", blank=True)
    previous_refresh_token = EncryptedText(default="", blank=True)
    candidate_refresh_token = EncryptedText(default="", blank=True)  # from a refresher that came back too late
    access_expires_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    rotated_at = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    scopes = models.JSONField(default=list)
    imported_hashes = models.JSONField(default=list)  # SHA-256 of every refresh token that came from a file
    last_error = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "grant_chain"  # GRANT is a word of SQL
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "needs_reconnect", "revoked"]), name="grant_status"
            ),
            models.UniqueConstraint(fields=["provider", "subject"], name="grant_once_per_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} grant {self.pk}"
