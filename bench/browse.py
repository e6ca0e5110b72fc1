"""The pages an operator opens, rendered as for a signed-in member, in a process of its own.

`python -m bench.browse SLUG ROUNDS`: prints one JSON object, milliseconds of each page in each round. A page is what the
whole application makes of a request (middleware, queries, template), without the network.
"""

from __future__ import annotations

import json
import os
import sys
import time
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.test import Client  # noqa: E402

from sync.models import Entry, Record  # noqa: E402
from tenants.models import Role, Tenant  # noqa: E402
from tenants.scoping import tenant_scope  # noqa: E402
from tenants.selectors import tenant_by_slug  # noqa: E402
from tenants.services import membership_add, user_create  # noqa: E402

READER = "reader@bench.example"


def main() -> int:
    slug, rounds = sys.argv[1], int(sys.argv[2])
    tenant = tenant_by_slug(slug)
    client, pages = _member(tenant), _pages(tenant)
    found: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(rounds + 1):
        for name, path in pages.items():
            found[name].append(_milliseconds(client, f"/t/{tenant.public_id}/{path}"))
    print(json.dumps({name: seen[1:] for name, seen in found.items()}))  # the first round loads templates
    return 0


def _member(tenant: Tenant) -> Client:
    with tenant_scope(tenant.pk, actor=READER):
        user = user_create(email=READER, actor=READER)
        membership_add(user=user, role=Role.OWNER, actor=READER)
    client = Client(HTTP_HOST=urlsplit(settings.ENV.public_url).netloc)
    client.force_login(user)
    return client


def _pages(tenant: Tenant) -> dict[str, str]:
    with tenant_scope(tenant.pk):
        middle = Record.objects.order_by("booking_date", "id").exclude(booking_date=None)[Record.objects.count() // 2]
        marker = Entry.objects.order_by("-id").values_list("marker", flat=True)[0]
    day = middle.booking_date
    return {
        "overview": "",
        "overview, refreshed": "live/",
        "transactions": "transactions/",
        "transactions from a day": f"transactions/?from={day}&until={day}",
        "transactions after a day": f"transactions/?after={day}.{middle.pk}",
        "transactions in review": "transactions/?state=review",
        "transactions by a marker": f"transactions/?q={marker}",
        "transactions by a name": "transactions/?q=Kessler",
        "one transaction": f"transactions/{middle.pk}/",
        "review": "review/",
        "runs": "runs/",
        "proof": "proof/",
        "contacts": "contacts/",
        "audit": "audit/",
    }


def _milliseconds(client: Client, path: str) -> float:
    began = time.monotonic()
    answer = client.get(path)
    took = (time.monotonic() - began) * 1000
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}")
    return round(took, 1)


if __name__ == "__main__":
    sys.exit(main())
