"""Xero in the registry's words. The permissions are what the person reads before giving consent."""

from __future__ import annotations

from connectors.contract.spec import ConnectorSpec, Role
from connectors.xero.destination import XeroDestination

PERMISSIONS = {
    "openid": "Recognise you as the same Xero user when you come back.",
    "profile": "Show your name next to the connection, so that your colleagues see who made it.",
    "email": "Show your e-mail address next to the connection and tell you when it needs you.",
    "offline_access": "Keep working while you are away, without asking you to sign in every half hour.",
    "accounting.banktransactions": (
        "Post spend money, receive money and transfers on the bank accounts you map, and read them back to prove "
        "that each one stands in your books exactly once."
    ),
    "accounting.payments": "Read payments on your bank accounts, so that a movement already booked is not booked again.",
    "accounting.invoices.read": "Read invoices and bills to suggest which one a payment belongs to. None is changed.",
    "accounting.contacts": "Find the contact of each payer and payee, and create one only where you have none.",
    "accounting.settings": (
        "Read your chart of accounts, tax rates, tracking categories, currencies and lock dates, so that nothing is "
        "posted where it may not stand. Accounts and tracking options are created only when you ask for it."
    ),
}

SPEC = ConnectorSpec(kind="xero", title="Xero", role=Role.DESTINATION, open=XeroDestination, permissions=PERMISSIONS)
