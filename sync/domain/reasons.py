"""How reasons begin that one place writes on a movement and another finds it by. Pure.

They stand in rows that are kept for years: add one, never change one.
"""

from __future__ import annotations

WALLET_LEFT_OUT = "its wallet is left out"
BEFORE_CUTOFF = "booked before the cut-off"
BY_HAND = "handled by hand"
