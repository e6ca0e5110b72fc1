"""The verbs of `./run`, after the shell has made the virtual environment."""

from __future__ import annotations

import os
import sys

from config.supervisor.check import check
from config.supervisor.clean import clean
from config.supervisor.failure import StartError
from config.supervisor.lone import manage
from config.supervisor.up import up


def main(arguments: list[str]) -> int:
    """Run one verb. A start that cannot succeed is one line and exit code 2."""
    os.umask(0o077)
    verb, *rest = arguments or ["up"]
    try:
        match verb:
            case "up" if not rest:
                return up(os.environ)
            case "manage":
                return manage(rest, os.environ)
            case "clean" if not rest:
                return clean(os.environ)
            case "check" if not rest:
                return check(os.environ)
        raise StartError("use ./run [test|check|manage CMD|clean|bench|chaos]")
    except StartError as error:
        sys.stderr.write(f"millrace: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
