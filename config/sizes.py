"""How much a request may carry. Django bounds fields, not files: without this anybody could fill the disk, signed in or not."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase


class BodySizeMiddleware:
    """413 for a body that says it is larger than LARGEST_BODY. (One in chunks has a length by now: see `config.webserver`.)"""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        said = request.META.get("CONTENT_LENGTH") or "0"
        if said.isdigit() and int(said[:20]) <= settings.LARGEST_BODY:
            return self.get_response(request)
        return HttpResponse("This is more than can be sent here at once.\n", status=413, content_type="text/plain")
