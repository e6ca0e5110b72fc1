"""What people type behind a command of ours, read strictly."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

MOST = 1_000_000


def count(text: str) -> int:
    """A whole number from 1 to a million. Raises ArgumentTypeError in the person's words."""
    return counted_to(MOST)(text)


def counted_to(most: int) -> Callable[[str], int]:
    """Reads a whole number from 1 to `most`: of more, nobody would see the end."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text[:30]!r} is not a whole number from 1 to {most}")
        return int(text)

    return read


def factor(text: str) -> float:
    """So many times something: above 0, at most 100. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found <= 100:  # no number compares as one
        raise argparse.ArgumentTypeError(f"{text[:30]!r} is not a number above 0 and up to 100")
    return found
