"""`python3 -m config.deployment` makes `secrets/` for docker-compose.yml. It needs nothing but Python.

Passwords and keys are made once and never overwritten. What only you can know (mail server, Slack webhook, the vendors'
client secrets) becomes an empty file to be filled; an empty file means "not used".
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

FOLDER = Path("secrets")
YOURS = ("email_url", "ops_slack_webhook", "amnis_client_secret", "xero_client_secret", "xero_webhook_key")
# The containers' own users read the files, so the folder is what keeps other people of the machine out.
FILE_MODE = 0o444
FOLDER_MODE = 0o700


def contents() -> dict[str, str]:
    """Fresh values by file name; addresses and passwords agree with each other."""
    token = secrets.token_urlsafe
    owner, app, broker = token(32), token(32), token(32)
    return {
        "postgres_password": token(32),
        "database_owner_password": owner,
        "database_app_password": app,
        "database_admin_url": f"postgresql://millrace_owner:{owner}@postgres:5432/millrace",
        "database_url": f"postgresql://millrace_app:{app}@postgres:5432/millrace",
        "valkey_password": broker,
        "redis_url": f"redis://:{broker}@valkey:6379/0",
        "secret_key": token(48),
        "field_encryption_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        **dict.fromkeys(YOURS, ""),
    }


def main(folder: Path = FOLDER) -> int:
    """0 when the folder was made, 2 when it is there already: half new secrets would lock everybody out."""
    if folder.exists():
        sys.stderr.write(f"{folder} exists already and is left as it is\n")
        return 2
    fresh = folder.with_name(f"{folder.name}.new")
    fresh.mkdir(mode=FOLDER_MODE)
    for name, value in contents().items():
        path = fresh / name
        path.write_text(value, encoding="utf-8")
        path.chmod(FILE_MODE)
    os.rename(fresh, folder)
    sys.stdout.write(f"{folder} made. Fill in where you use them: {', '.join(YOURS)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
