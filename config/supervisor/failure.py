"""How a start fails: one line for the person at the terminal."""

from __future__ import annotations


class StartError(Exception):
    """The start cannot go on. The text is one clear line; the exit code is 2."""
