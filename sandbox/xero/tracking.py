"""Tracking categories and their options.

https://developer.xero.com/documentation/api/accounting/trackingcategories
"""

from sandbox.store import Json
from sandbox.web import Response
from sandbox.xero.books import TRACKING, Books
from sandbox.xero.call import Call
from sandbox.xero.chart import refused, single
from sandbox.xero.problems import NotFound, ValidationFailed
from sandbox.xero.wire import new_id

_MOST_OPTIONS = 100


def list_tracking(call: Call) -> Response:
    """GET: archived categories and options only on request."""
    with_archived = call.flag("includeArchived", default=False)
    categories = [_visible(category, with_archived) for category in call.books.small_list(TRACKING).values()]
    return call.answer(
        "TrackingCategories", [found for found in categories if with_archived or found["Status"] == "ACTIVE"]
    )


def get_tracking(call: Call, category: str) -> Response:
    return call.answer("TrackingCategories", [_category(call.books, category)])


def _visible(category: Json, with_archived: bool) -> Json:
    options = [option for option in category["Options"] if with_archived or option["Status"] == "ACTIVE"]
    return category | {"Options": options}


def _category(books: Books, category: str) -> Json:
    found = books.small_list(TRACKING).get(category.lower())
    if found is None:
        raise NotFound
    return found


def put_tracking(call: Call) -> Response:
    """PUT: a new category; two active and four in all are the most."""
    element = single(call, "TrackingCategories")
    name = str(element.get("Name") or "").strip()
    categories = call.books.small_list(TRACKING).values()
    active = [category for category in categories if category["Status"] == "ACTIVE"]
    messages = _name_messages(name, [category["Name"] for category in categories])
    if len(active) >= 2 or len(categories) >= 4:
        messages.append("Maximum 2 active and 4 total tracking categories allowed.")
    category: Json = {"Name": name, "Status": "ACTIVE", "TrackingCategoryID": new_id(), "Options": []}
    if messages:
        raise ValidationFailed([refused(category, "TrackingCategoryID", messages)])
    call.books.save(TRACKING, category)
    return call.answer("TrackingCategories", [category])


def put_options(call: Call, category: str) -> Response:
    """PUT: new options of a category, all or none; the answer's key is Options."""
    found = _category(call.books, category)
    options = list(found["Options"])
    added: list[Json] = []
    for element in call.elements("Options"):
        name = str(element.get("Name") or "").strip()
        messages = _name_messages(name, [option["Name"] for option in options])
        if len(options) >= _MOST_OPTIONS:
            messages.append(f"Maximum {_MOST_OPTIONS} options per tracking category allowed.")
        option = {"TrackingOptionID": new_id(), "Name": name, "Status": "ACTIVE"}
        if messages:
            raise ValidationFailed([refused(option, "TrackingOptionID", messages)])
        options.append(option)
        added.append(option)
    call.books.save(TRACKING, found | {"Options": options})
    return call.answer("Options", added)


def post_option(call: Call, category: str, option: str) -> Response:
    """POST: rename an option, archive it or make it active again."""
    found = _category(call.books, category)
    element = call.elements("Options")[0]
    changed = {key: element[key] for key in ("Name", "Status") if element.get(key)}
    options = [o | changed if o["TrackingOptionID"] == option.lower() else o for o in found["Options"]]
    if options == found["Options"] and changed:
        raise NotFound
    call.books.save(TRACKING, found | {"Options": options})
    return call.answer("Options", [o for o in options if o["TrackingOptionID"] == option.lower()])


def _name_messages(name: str, taken: list[str]) -> list[str]:
    if not name or len(name) > 100:
        return ["The name must have 1 to 100 characters."]
    if name.casefold() in {other.casefold() for other in taken}:
        return ["Please enter a unique Name."]
    return []
