"""The demo world: both vendors filled with an invented company's year."""

from typing import TYPE_CHECKING

from sandbox.amnis import world

if TYPE_CHECKING:
    from sandbox.app import Sandbox


def seed(sandbox: "Sandbox") -> None:
    """Fill an empty world, the same one for the same day."""
    world.build(sandbox.amnis)
