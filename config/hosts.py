"""One public host name: Xero refuses 127.0.0.1 as a redirect address, so people are sent to the name it accepts."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

OTHER_NAMES = frozenset({"127.0.0.1", "[::1]"})


class PublicHostMiddleware:
    """Redirect a request that names this machine by number to PUBLIC_URL; method and body are kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        public = settings.ENV.public_url
        host, _, _ = request.META.get("HTTP_HOST", "").rpartition(":")
        named = host or request.META.get("HTTP_HOST", "")
        if named in OTHER_NAMES and urlsplit(public).hostname != named.strip("[]"):
            return HttpResponse(status=307, headers={"Location": public + request.get_full_path()})
        return self.get_response(request)
