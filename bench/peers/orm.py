"""Peer (b): the common open-source way. Django's ORM row by row: a row for each expense, a status row for each export, a
document with its lines, one call each inside the transaction that stores them; what did not end is exported again.

A port of the algorithm of a published Xero exporter, without its pauses between calls.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import django
import httpx
from django.conf import settings


def _configure() -> None:
    parts = urlsplit(os.environ["DATABASE_ADMIN_URL"])
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username,
        "PASSWORD": parts.password,
        "HOST": unquote(parts.query.removeprefix("host=")),
        "CONN_MAX_AGE": None,
    }
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[], USE_TZ=True)
    django.setup()


_configure()

from django.db import connection, models, transaction

from bench.peers.source import Patient, document, rows, xero_headers


class Expense(models.Model):
    objects: ClassVar[models.Manager[Any]] = models.Manager()

    source_id = models.CharField(max_length=100, unique=True)
    payload = models.JSONField()
    exported = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "peer"


class TaskLog(models.Model):
    objects: ClassVar[models.Manager[Any]] = models.Manager()

    expense = models.OneToOneField(Expense, on_delete=models.CASCADE)
    status = models.CharField(max_length=20)
    detail = models.JSONField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "peer"


class Document(models.Model):
    objects: ClassVar[models.Manager[Any]] = models.Manager()

    expense = models.OneToOneField(Expense, on_delete=models.CASCADE)
    kind = models.CharField(max_length=20)
    date = models.DateField()
    reference = models.CharField(max_length=200)
    export_id = models.CharField(max_length=100, null=True)

    class Meta:
        app_label = "peer"


class DocumentLine(models.Model):
    objects: ClassVar[models.Manager[Any]] = models.Manager()

    document = models.ForeignKey(Document, on_delete=models.CASCADE)
    amount = models.DecimalField(max_digits=20, decimal_places=2)
    account_code = models.CharField(max_length=20)
    description = models.TextField()

    class Meta:
        app_label = "peer"


TABLES = (Expense, TaskLog, Document, DocumentLine)


def main() -> int:
    _make_tables()
    for row in rows():
        Expense.objects.update_or_create(source_id=str(row["id"]), defaults={"payload": row})
    accounts = json.loads(os.environ["BENCH_ACCOUNTS"])
    client = httpx.Client(
        base_url=os.environ["XERO_API_URL"], headers=xero_headers(), timeout=60.0, transport=Patient()
    )
    for expense in Expense.objects.filter(exported=False).order_by("id").iterator(chunk_size=500):
        made = document(expense.payload, accounts)
        if made is not None:
            _export(client, expense, made)
    return 0


def _make_tables() -> None:
    known = connection.introspection.table_names()
    with connection.schema_editor() as editor:
        for model in TABLES:
            if model._meta.db_table not in known:
                editor.create_model(model)


def _export(client: httpx.Client, expense: Expense, made: dict[str, Any]) -> None:
    log, _ = TaskLog.objects.update_or_create(expense=expense, defaults={"status": "IN_PROGRESS"})
    try:
        with transaction.atomic():
            stored, _ = Document.objects.update_or_create(
                expense=expense, defaults={"kind": made["Type"], "date": made["Date"], "reference": made["Reference"]}
            )
            for line in made["LineItems"]:
                DocumentLine.objects.update_or_create(
                    document=stored, description=line["Description"],
                    defaults={"amount": line["UnitAmount"], "account_code": line["AccountCode"]},
                )  # fmt: skip
            answer = client.put("/api.xro/2.0/BankTransactions", json={"BankTransactions": [made]}).raise_for_status()
            stored.export_id = answer.json()["BankTransactions"][0]["BankTransactionID"]
            stored.save()
            expense.exported = True
            expense.save()
            log.status, log.detail = "COMPLETE", {"id": stored.export_id}
            log.save()
    except httpx.HTTPError as error:
        TaskLog.objects.filter(pk=log.pk).update(status="FAILED", detail={"error": str(error)})


if __name__ == "__main__":
    sys.exit(main())
