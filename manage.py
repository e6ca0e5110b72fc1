"""Django's commands. `./run manage CMD` starts what a command needs; this file expects the environment to be complete."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run one command; a wrong environment is one line and exit code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.commands import execute

    return execute(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
