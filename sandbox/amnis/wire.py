"""The outside shape of what the books hold: ids, signs, envelopes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.amnis.switches import Envelope, Switches

Body = dict[str, Any]

JSON = "application/json"
LD_JSON = "application/ld+json"
_ID_FIELDS = frozenset({"id", "account", "transactionDetailId", "contact", "senderAccount", "receiverAccount"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a collection; `size` is 0 where paging was switched off."""

    items: Sequence[Body]
    number: int
    size: int
    total: int

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size)) if self.size else 1


def transaction(body: Body, switches: Switches, *, detail: Body | None = None) -> Body:
    """A ledger row; `detail` is added under `transactionDetail` (A23)."""
    shown = dict(body)
    if not switches.signed_amounts and isinstance(shown.get("amount"), str):
        shown["amount"] = shown["amount"].lstrip("-")
    if detail is not None:
        shown["transactionDetail"] = detail
    return resource(shown, switches)


def resource(body: Body, switches: Switches) -> Body:
    """Any other object: its amounts carry no sign already (A13)."""
    return _with_text_ids(body) if switches.ids_as_strings else body


def account(body: Body, switches: Switches) -> Body:
    """Balances are typed as numbers and shown as strings in the documents, so both exist."""
    shown = dict(body)
    if switches.balances_as_numbers:
        for field in ("availableBalance", "baseCurrencyBalance", "forecastedBalance"):
            shown[field] = Decimal(shown[field])  # becomes a JSON number
    return resource(shown, switches)


def _with_text_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _text_id(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_ids(item) for item in value]
    return value


def _text_id(key: str, value: Any) -> Any:
    if key in _ID_FIELDS and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _with_text_ids(value)


def wants_plain_json(accept: str | None) -> bool:
    """Only a client that names `application/json` gets it; everyone else gets the framework's first format (A7)."""
    return any(part.split(";")[0].strip().lower() == JSON for part in (accept or "").split(","))


def envelope_for(accept: str | None, switches: Switches) -> Envelope:
    return switches.collection_envelope if wants_plain_json(accept) else Envelope.HYDRA


def collection(page: Page, envelope: Envelope, *, path: str) -> Body | list[Body]:
    match envelope:
        case Envelope.ARRAY:
            return list(page.items)
        case Envelope.DATA:
            return {"data": list(page.items), "pagination": _pagination(page)}
        case Envelope.HYDRA:
            return _hydra(page, path)


def _pagination(page: Page) -> Body:
    return {
        "totalItems": page.total,
        "totalPages": page.last,
        "currentPage": page.number,
        "itemsPerPage": page.size or page.total,
    }


def _hydra(page: Page, path: str) -> Body:
    body: Body = {
        "@context": f"/api/contexts/{path.rsplit('/', 1)[-1]}",
        "@id": path,
        "@type": "hydra:Collection",
        "hydra:member": [{"@id": f"{path}/{item['id']}", "@type": "public_api", **item} for item in page.items],
        "hydra:totalItems": page.total,
    }
    if page.last > 1:
        body["hydra:view"] = _hydra_view(page, path)
    return body


def _hydra_view(page: Page, path: str) -> Body:
    def link(number: int) -> str:
        return f"{path}?page={number}"

    view = {"@id": link(page.number), "@type": "hydra:PartialCollectionView", "hydra:first": link(1)}
    view["hydra:last"] = link(page.last)
    if page.number > 1:
        view["hydra:previous"] = link(page.number - 1)
    if page.number < page.last:
        view["hydra:next"] = link(page.number + 1)
    return view
