"""What the owners of a storm's companies do with the operator's commands: connect them, and print what they were told.

`python -m tests.chaos.office connect|tell FOLDER COMPANIES`; with `tell` each company leaves SLUG.csv (`entries --csv`) and
SLUG.proof.json (`proof --json`) in the folder. Exit 1 where a command was refused.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import yaml

from tests.chaos import worker
from tests.chaos.company import SECRET_VARIABLE, TOKEN_VARIABLE, Company
from tests.chaos.control import Control

POLICIES = {"match_invoices": "off", "tracking_options": "create", "duplicate_days": "0"}


def main() -> int:
    act, folder, companies = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    for number in range(1, companies + 1):
        company = Company(number=number)
        told = _connect(company, folder) if act == "connect" else _tell(company, folder)
        if told:
            sys.stderr.write(f"{company.slug}: {told}\n")
            return 1
    return 0


def _connect(company: Company, folder: Path) -> str:
    """The complaint, "" where the company is connected."""
    control = Control(os.environ["CHAOS_CONTROL"], company=company.client_id, organisation=company.organisation)
    file = folder / f"{company.slug}.yaml"
    file.write_text(yaml.safe_dump(company.file(policies=POLICIES), allow_unicode=True), encoding="utf-8")
    os.environ |= {SECRET_VARIABLE: "cs_demo", TOKEN_VARIABLE: control.refresh_token()}
    code, printed = worker.command("tenant_import", str(file))
    return printed if code != 0 else ""


def _tell(company: Company, folder: Path) -> str:
    code, entries = worker.command("entries", company.slug, "--csv")
    _, proof = worker.command("proof", company.slug, "--json")
    (folder / f"{company.slug}.csv").write_text(entries, encoding="utf-8")
    last = (proof.strip().splitlines() or [""])[-1]
    try:
        json.loads(last)
    except ValueError:
        return f"no proof was made: {proof}"
    (folder / f"{company.slug}.proof.json").write_text(last, encoding="utf-8")
    return "" if code == 0 else "no entries were told"


if __name__ == "__main__":
    sys.exit(main())
