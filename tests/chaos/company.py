"""A company of the campaigns: who it is at both vendors, and its tenant file. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

_WALLETS = {"1": "090", "2": "EUR Amnis", "3": "092", "4": "093", "6": "094", "7": "095", "8": "096"}
_COLLATERAL = 5
SECRET_VARIABLE, TOKEN_VARIABLE = "CHAOS_AMNIS_SECRET", "CHAOS_XERO_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The sandbox's first company, or (from number 1) one of the copies of it."""

    number: int = 0

    @property
    def slug(self) -> str:
        return f"chaos-{self.number}" if self.number else "chaos"

    @property
    def client_id(self) -> str:
        return f"ck_{1000 + self.number}" if self.number else "ck_1"

    @property
    def organisation(self) -> str:
        return f"Muster Filiale {self.number} AG" if self.number else "Muster Handels AG"

    @property
    def wallets(self) -> dict[str, str]:
        """Amnis account -> code or name of the bank account in Xero."""
        return {str(self.account(int(wallet))): name for wallet, name in _WALLETS.items()}

    def account(self, number: int) -> int:
        """The id of the company's account that the first company calls `number`."""
        return self.number * 1000 + number

    def file(self, *, policies: dict[str, str] | None = None) -> dict[str, Any]:
        """The tenant file's content; both secrets come from the environment."""
        return {
            "tenant": {"slug": self.slug, "name": f"Chaos {self.number} AG", "timezone": "Europe/Zurich"},
            "connections": {
                "amnis": {"client_id": self.client_id, "client_secret_env": SECRET_VARIABLE},
                "xero": {"organisation": self.organisation, "refresh_token_env": TOKEN_VARIABLE},
            },
            "flow": {
                "source": "amnis",
                "destination": "xero",
                "cutoff": date(2026, 1, 1),
                "frequency_minutes": 5,
                "accounts": [
                    *({"source": wallet, "xero": name} for wallet, name in self.wallets.items()),
                    {"source": str(self.account(_COLLATERAL)), "ignore": "collateral"},
                ],
                "policies": policies or {"match_invoices": "auto", "tracking_options": "create"},
                "defaults": {
                    "income": "200",
                    "expense": "400",
                    "fee": "404",
                    "fx_clearing": "850",
                    "suspense": "880",
                    "tax_income": "NONE",
                    "tax_expense": "NONE",
                    "tracking_category": "Region",
                },
            },
        }
