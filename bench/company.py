"""The company of the benchmark: the demo company's tenant file with twenty rules, imported as its owner would."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from bench.stage import BenchError, Stage, Vendors, tail
from config.supervisor.environment import ROOT

SLUG, COMPANY, ORGANISATION = "demo", "ck_1", "Muster Handels AG"
SMALL, SMALL_ORGANISATION = "ck_2", "Muster Immobilien AG"
DEMO = ROOT / "sync" / "tenantfile" / "demo.yaml"
DAYS = 90
MORE_RULES = [
    ("Telephone", "card", "Telefon", "489"),
    ("Trains and taxis", "card", "Bahn", "493"),
    ("Coffee and bread", "card", "Bäckerei", "420"),
    ("Hotels abroad", "card", "Hotel", "493"),
    ("Post and parcels", "card", "Post", "429"),
    ("Suppliers in Bohemia", "payout", "Novák", "400"),
    ("Suppliers in Denmark", "payout", "Ørsted", "400"),
]


def first_day() -> str:
    """Of the movements; the cut-off is this day, so that every one of them counts."""
    return (datetime.now(UTC).date() - timedelta(days=DAYS)).isoformat()


def tenant_file(*, slug: str = SLUG) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    found["tenant"]["slug"] = slug
    found["connections"]["amnis"]["client_secret_env"] = "BENCH_AMNIS_SECRET"
    found["connections"]["xero"]["refresh_token_env"] = "BENCH_XERO_TOKEN"
    found["flow"]["cutoff"] = datetime.fromisoformat(first_day()).date()
    found["flow"]["rules"] += [_rule(*rule) for rule in MORE_RULES]
    assert len(found["flow"]["rules"]) == 20
    return found


def _rule(name: str, kind: str, word: str, account: str) -> dict[str, Any]:
    wanted = [
        {"field": "type", "op": "is", "value": kind},
        {"field": "counterparty", "op": "contains", "value": word},
    ]
    return {"name": name, "when": {"all": wanted}, "then": {"account": account, "tax": "NONE"}}


def small_file() -> dict[str, Any]:
    """A second, small company: one wallet, the same rules."""
    found = tenant_file(slug="small")
    found["tenant"]["name"] = found["connections"]["xero"]["organisation"] = SMALL_ORGANISATION
    found["connections"]["amnis"]["client_id"] = SMALL
    found["flow"]["accounts"] = [{"source": "21", "xero": "090"}, {"source": "22", "ignore": "no account"}]
    return found


def import_company(made: Stage, vendors: Vendors, environ: Mapping[str, str], *, small: bool = False) -> None:
    file = made.folder / f"tenant-{made.made}-{small}.yaml"
    content = small_file() if small else tenant_file()
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    organisation = SMALL_ORGANISATION if small else ORGANISATION
    secrets = {
        "BENCH_AMNIS_SECRET": "cs_demo",
        "BENCH_XERO_TOKEN": str(vendors.tokens(organisation)["refresh_token"]),
    }
    code, said = manage(made, {**environ, **secrets}, "tenant_import", str(file))
    if code != 0:
        raise BenchError(f"the company could not be imported ({code}): {said}")


def manage(made: Stage, environ: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """One of the operator's commands: exit code, and what it printed."""
    log: Path = made.folder / "manage.log"
    with log.open("ab") as errors:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=dict(environ),
            stdout=subprocess.PIPE,
            stderr=errors,
            check=False,
        )
    return done.returncode, done.stdout.decode() or tail(log)
