"""Django's commands. `./run manage CMD` starts what a command needs; this file expects a complete environment."""

from __future__ import annotations

import os
import sys

from config.commands import execute

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(execute(sys.argv))
