"""Lists as CSV that a spreadsheet opens safely."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain

from django.http import HttpResponse

from connectors.contract.money import MINOR_UNITS
from sync.domain.printable import clean_text, csv_cell
from tenants import audit
from tenants.middleware import TenantRequest


class _Line:
    """What csv.writer writes to: keeps the last line."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text = text


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The header and one line per row, every cell neutralised."""
    line = _Line()
    writer = csv.writer(line)
    for row in chain((columns,), rows):
        writer.writerow([csv_cell(cell) for cell in row])
        yield line.text


def csv_response(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A download. Built inside the request, because the rows are only visible in the tenant's transaction."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\ufeff")  # tells spreadsheets that this is UTF-8
    response.writelines(csv_lines(columns, rows))
    return response


def write_down(request: TenantRequest, what: str) -> None:
    """An export is an act that an auditor may ask about. Inside the tenant's scope, after everything else."""
    shown = {name: clean_text(request.GET.get(name, ""))[:200] for name in request.GET}
    audit.record("export", target=what, actor=request.user.email, after=shown or None)


def amount(value: Decimal | None, currency: str) -> str:
    """Plain decimal text with the currency's digits, more only where the amount has more."""
    if value is None:
        return ""
    digits = max(MINOR_UNITS.get(currency, 2), -int(value.normalize().as_tuple().exponent))
    return f"{value:.{digits}f}"
