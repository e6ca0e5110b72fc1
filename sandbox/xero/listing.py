"""GET lists: paging, If-Modified-Since, where and order, straight from the store's indexes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sandbox.store import Json, from_json, to_json
from sandbox.web import Response
from sandbox.xero.call import Call
from sandbox.xero.problems import BadCondition, HighVolume
from sandbox.xero.where import compile_order, compile_where
from sandbox.xero.wire import cents, pagination

Condition = tuple[str, list[object]]
LARGEST_PAGE, USUAL_PAGE, HIGH_VOLUME = 1000, 100, 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How one kind is listed. `fields`: Xero's name -> column (see `where`)."""

    kind: str
    plural: str
    id_field: str
    type_name: str
    fields: dict[str, str]
    paged: bool
    default_order: str = "updated, id"
    optimised: frozenset[str] = field(default_factory=frozenset)
    dropped_unpaged: frozenset[str] = field(default_factory=frozenset)


def answer_list(
    call: Call, listing: Listing, conditions: Sequence[Condition] = (), *, drop: set[str] | frozenset[str] = frozenset()
) -> Response:
    """The page that the query asks for; without `page` the whole list, documents then without their lines."""
    where, parameters = _where(call, listing, conditions)
    order = compile_order(call.request.args.get("order"), listing.fields, listing.type_name) or listing.default_order
    store, org = call.books.store, call.books.org
    if not listing.paged or "page" not in call.request.args:
        texts = store.find_text(listing.kind, org, where=where, parameters=parameters, order=order)
        if not texts and _nothing_modified(call):
            return Response("", status=304)
        return call.answer_texts(listing.plural, _shown(call, texts, drop | listing.dropped_unpaged))
    page, size = _page(call)
    places = store.places(listing.kind, org, where=where, parameters=parameters, order=order)
    if not places and _nothing_modified(call):
        return Response("", status=304)
    texts = store.texts_at(places[(page - 1) * size : page * size])
    info = pagination(page=page, page_size=size, items=len(places))
    return call.answer_texts(listing.plural, _shown(call, texts, drop), pagination=info)


def _nothing_modified(call: Call) -> bool:
    return call.switches.nothing_modified_is_304 and "If-Modified-Since" in call.request.headers


def _where(call: Call, listing: Listing, conditions: Sequence[Condition]) -> tuple[str, list[object]]:
    parts = list(conditions)
    if text := call.request.args.get("where"):
        _check_volume(call, listing, text)
        parts.append(compile_where(text, listing.fields, listing.type_name))
    if since := modified_since(call):
        parts.append(("updated>?", [since]))
    if lag := call.switches.reading_lag_seconds:
        parts.append(("updated<=?", [call.now - round(lag * 1000)]))
    sql = " AND ".join(f"({part})" for part, _ in parts) or "1"
    return sql, [value for _, values in parts for value in values]


def _check_volume(call: Call, listing: Listing, text: str) -> None:
    """A filter that no index of Xero's serves is refused where there are too many documents."""
    slow = [name for name in listing.fields if name in text and name not in listing.optimised]
    if slow and listing.optimised and call.books.store.count(listing.kind, call.books.org) > HIGH_VOLUME:
        raise HighVolume("The filter is not optimised and the organisation holds too many documents for it.")


def modified_since(call: Call) -> int | None:
    """Milliseconds of If-Modified-Since, which may be ISO (UTC) or an HTTP date."""
    text = call.request.headers.get("If-Modified-Since")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            raise BadCondition from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000


def _page(call: Call) -> tuple[int, int]:
    page = call.request.args.get("page", type=int) or 1
    size = call.request.args.get("pageSize", type=int) or USUAL_PAGE
    return max(page, 1), min(max(size, 1), LARGEST_PAGE)


def _shown(call: Call, texts: list[str], drop: set[str] | frozenset[str]) -> list[str]:
    """Stored text is the answer already, unless a field has to go or a fine unit amount has to be rounded."""
    if call.switches.omit_rate_in_lists:
        drop = drop | {"CurrencyRate"}
    return [text if not drop and '"_' not in text else to_json(shown(call, from_json(text), drop)) for text in texts]


def shown(call: Call, body: Json, drop: set[str] | frozenset[str] = frozenset()) -> Json:
    """One document as this call may see it: four decimals only on request, nothing that only the sandbox knows."""
    if body.get("_fine") and not call.four_decimals:
        lines = [line | {"UnitAmount": cents(line["UnitAmount"])} for line in body["LineItems"]]
        body = body | {"LineItems": lines}
    return {key: value for key, value in body.items() if key not in drop and not key.startswith("_")}
