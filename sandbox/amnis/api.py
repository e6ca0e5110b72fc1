"""The read endpoints: what a company with a valid token sees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.amnis import balances, wire
from sandbox.amnis.company import Company
from sandbox.amnis.filters import Selection, selection
from sandbox.amnis.ledger import DETAIL_KINDS, Ledger
from sandbox.amnis.problems import Problem
from sandbox.amnis.switches import BetweenPages, Envelope, Switches
from sandbox.amnis.values import integer_of
from sandbox.amnis.wire import Body, Page
from sandbox.web import Request

EXPENSE_KINDS = ("expense_categories", "expense_cost_centers", "expense_vats")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request."""

    request: Request
    company: Company
    ledger: Ledger
    switches: Switches

    @property
    def client_id(self) -> str:
        return self.company.client_id

    @property
    def accept(self) -> str | None:
        return self.request.headers.get("Accept")


Answer = Body | list[Body] | str  # a str is JSON already
Read = Callable[..., Answer]


def info(call: Call) -> Answer:
    hidden = {"name", "baseCurrency"}  # what the SDK's type does not know
    shown = {k: v for k, v in balances.profile(call.ledger, call.client_id).items() if k not in hidden}
    return {**shown, "availableBalance": balances.overall(call.ledger, call.client_id)}


def overall_balance(call: Call) -> Answer:
    return balances.overall(call.ledger, call.client_id)


def account_list(call: Call) -> Answer:
    wanted = selection("accounts", call.request.args)
    found = balances.accounts(call.ledger, call.client_id, kind=call.request.args.get("type"))
    if wanted.order.startswith("id DESC"):
        found.reverse()
    return _collection(call, _cut([wire.account(item, call.switches) for item in found], wanted))


def account(call: Call, number: str) -> Answer:
    found = balances.accounts(call.ledger, call.client_id, account_id=_id(number))
    return _one(call, wire.account(_known(found[0] if found else None), call.switches))


def transaction_list(call: Call) -> Answer:
    wanted = selection("transactions", call.request.args)
    if _are_shown_as_stored(call):
        texts = call.ledger.page_texts(call.client_id, wanted, with_details=_with_details(call))
        return f"[{','.join(texts)}]"
    page = call.ledger.page("amnis_transaction", call.client_id, wanted, counted=_counted(call))
    shown = Page(items=_shown(call, page.items), number=page.number, size=page.size, total=page.total)
    _between_pages(call, page)
    return _collection(call, shown)


def transaction(call: Call, number: str) -> Answer:
    row = call.ledger.row(_id(number), company=call.client_id)
    return _one(call, wire.transaction(_known(row.body if row else None), call.switches))


def detail_list(call: Call, kind: str) -> Answer:
    wanted = selection(kind, call.request.args)
    page = call.ledger.page("amnis_detail", call.client_id, wanted, kind=kind, counted=_counted(call))
    items = [wire.resource(item, call.switches) for item in page.items]
    return _collection(call, Page(items=items, number=page.number, size=page.size, total=page.total))


def detail(call: Call, kind: str, number: str) -> Answer:
    found = call.ledger.detail(kind, _id(number), company=call.client_id)
    return _one(call, wire.resource(_known(found), call.switches))


def resource_list(call: Call, kind: str) -> Answer:
    _need_scope(call, kind)
    wanted = selection(kind, call.request.args)
    page = call.ledger.page("amnis_resource", call.client_id, wanted, kind=kind, counted=_counted(call))
    items = [wire.resource(item, call.switches) for item in page.items]
    return _collection(call, Page(items=items, number=page.number, size=page.size, total=page.total))


def resource(call: Call, kind: str, number: str) -> Answer:
    _need_scope(call, kind)
    found = call.ledger.resource(kind, _id(number), company=call.client_id)
    return _one(call, wire.resource(_known(found), call.switches))


def routes() -> list[tuple[str, Read, dict[str, Any]]]:
    """(path, read, fixed arguments) of every GET endpoint."""
    found: list[tuple[str, Read, dict[str, Any]]] = [
        ("/api/info", info, {}),
        ("/api/overall-balance", overall_balance, {}),
        ("/api/accounts", account_list, {}),
        ("/api/accounts/<number>", account, {}),
        ("/api/transactions", transaction_list, {}),
        ("/api/transactions/<number>", transaction, {}),
    ]
    for kind in DETAIL_KINDS.values():
        found += [(f"/api/{kind}", detail_list, {"kind": kind}), (f"/api/{kind}/<number>", detail, {"kind": kind})]
    for kind in ("contacts", *EXPENSE_KINDS):
        found += [(f"/api/{kind}", resource_list, {"kind": kind}), (f"/api/{kind}/<number>", resource, {"kind": kind})]
    return found


def _are_shown_as_stored(call: Call) -> bool:
    """Then no row has to be read to be shown, which is most of what a long list costs."""
    asked = call.switches
    plain = asked.signed_amounts and not asked.ids_as_strings and asked.between_pages is BetweenPages.NOTHING
    return plain and not _with_external(call) and not _counted(call)


def _shown(call: Call, rows: Any) -> list[Body]:
    details = call.ledger.details_of(rows) if _with_details(call) else [None] * len(rows)
    shown = [wire.transaction(body, call.switches, detail=detail) for body, detail in zip(rows, details, strict=True)]
    return [{**item, "externalIntegrations": []} for item in shown] if _with_external(call) else shown


def _with_details(call: Call) -> bool:
    return _is_asked(call, "includeTransactionDetail") and call.switches.embed_details


def _with_external(call: Call) -> bool:
    return _is_asked(call, "includeExternalIntegrations")


def _is_asked(call: Call, name: str) -> bool:
    return call.request.args.get(name, "false").lower() in {"true", "1"}


def _between_pages(call: Call, page: Page) -> None:
    """What the switch says happens to the ledger while a client turns the page."""
    if not page.size or len(page.items) < page.size:
        return
    match call.switches.between_pages:
        case BetweenPages.INSERT:
            call.company.pay_in(amount="12.34", payer="Zwischenseite AG", reference="came between two pages")
        case BetweenPages.TOUCH:
            first = integer_of(page.items[0].get("id"))
            call.company.change(first or 0, tags=["touched"])
        case BetweenPages.NOTHING:
            return


def _counted(call: Call) -> bool:
    return wire.envelope_for(call.accept, call.switches) is not Envelope.ARRAY


def _cut(items: list[Body], wanted: Selection) -> Page:
    return Page(items=wanted.cut(items), number=wanted.number, size=wanted.size, total=len(items))


def _collection(call: Call, page: Page) -> Answer:
    return wire.collection(page, wire.envelope_for(call.accept, call.switches), path=call.request.path)


def _one(call: Call, body: Body) -> Body:
    if wire.wants_plain_json(call.accept):
        return body
    return {"@id": call.request.path, "@type": "public_api", **body}


def _need_scope(call: Call, kind: str) -> None:
    if kind in EXPENSE_KINDS and not call.switches.accounting_scope:
        raise Problem(403, "Access Denied: the scope ACCOUNTING is missing.")


def _id(number: str) -> int:
    found = integer_of(number)
    if found is None:
        raise Problem(404, "Not Found")
    return found


def _known(body: Body | None) -> Body:
    if body is None:
        raise Problem(404, "Not Found")
    return body
