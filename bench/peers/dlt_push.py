"""Peer (c): dlt loads the rows into Postgres, then dlt pushes the table to Xero through a destination function, 50 a call."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import dlt
import httpx
from dlt.destinations import postgres

from bench.peers.source import Patient, document, rows, xero_headers

BATCH = 50
SCHEMA = "peer_dlt"


@dlt.resource(name="movement", write_disposition="merge", primary_key="id")  # type: ignore[untyped-decorator]
def movement() -> Iterator[dict[str, Any]]:
    for row in rows():
        yield {"id": row["id"], "body": json.dumps(row)}


@dlt.destination(batch_size=BATCH, loader_file_format="typed-jsonl", name="xero", naming_convention="direct")  # type: ignore[untyped-decorator]
def xero(items: Any, table: Any) -> None:
    made = [json.loads(item["body"]) for item in items]
    address = os.environ["XERO_API_URL"]
    with httpx.Client(base_url=address, headers=xero_headers(), timeout=60.0, transport=Patient()) as to:
        to.put(
            "/api.xro/2.0/BankTransactions?summarizeErrors=false", json={"BankTransactions": made}
        ).raise_for_status()


def main() -> int:
    database = postgres(credentials=_credentials())
    loaded = dlt.pipeline("amnis", destination=database, dataset_name=SCHEMA, pipelines_dir=os.environ["BENCH_FOLDER"])
    loaded.run(movement())
    accounts = json.loads(os.environ["BENCH_ACCOUNTS"])

    @dlt.resource(name="document")  # type: ignore[untyped-decorator]
    def waiting() -> Iterator[list[dict[str, Any]]]:
        with loaded.sql_client() as client, client.execute_query("SELECT id, body FROM movement ORDER BY id") as cursor:
            while part := cursor.fetchmany(1000):
                found = [(number, document(json.loads(body), accounts)) for number, body in part]
                yield [{"id": number, "body": json.dumps(made)} for number, made in found if made is not None]

    pushed = dlt.pipeline("push", destination=xero(), pipelines_dir=os.environ["BENCH_FOLDER"])
    pushed.run(waiting())
    return 0


def _credentials() -> str:
    """dlt wants a host in its usual place; libpq takes the one of the query, which is the socket's folder."""
    parts = urlsplit(os.environ["DATABASE_ADMIN_URL"])
    host = unquote(parts.query.removeprefix("host="))
    return f"postgresql://{parts.username}:{parts.password}@localhost/{parts.path.lstrip('/')}?host={host}"


if __name__ == "__main__":
    sys.exit(main())
