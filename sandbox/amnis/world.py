"""The demo world of Amnis: an invented trading company's year."""

from sandbox.amnis.app import AmnisSandbox


def build(amnis: AmnisSandbox) -> None:
    """Fill the three companies."""
