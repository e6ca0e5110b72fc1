"""`./run clean`: remove what this program made, except the virtual environment."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping

from config.supervisor.environment import checked
from config.supervisor.home import Home
from config.supervisor.postgres import closed_folder_home


def clean(environ: Mapping[str, str]) -> int:
    """Remove the data folder's content and root's database folder. Raises StartError while somebody uses it."""
    home = Home(checked(environ).data_dir)
    if home.path.is_dir():
        home.create()
        home.take("./run clean")
    outside = closed_folder_home(home.path)
    shutil.rmtree(outside, ignore_errors=True)
    with contextlib.suppress(OSError):
        outside.parent.rmdir()
    if home.path.is_dir():
        home.erase()
    return 0
