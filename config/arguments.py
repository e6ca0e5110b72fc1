"""What people type behind a command of ours, read strictly."""

from __future__ import annotations

import argparse


def count(text: str) -> int:
    """A whole number from 1 on. Raises ArgumentTypeError in the person's words."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
