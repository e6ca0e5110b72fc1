"""The door for Xero's webhooks: no session, no cookie, no page. Who knows the key may knock; what they say is only a hint."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from connectors.xero import webhooks
from sync.notices import notices_take

logger = structlog.get_logger(__name__)


@csrf_exempt
def xero(request: HttpRequest) -> HttpResponse:
    """200 for whatever Xero signed, also where nothing can be done with it; 401 for everything else."""
    key = settings.ENV.xero_webhook_key
    if not key:
        raise Http404
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if int(request.META.get("CONTENT_LENGTH") or 0) > webhooks.LARGEST_BODY:
        return HttpResponse(status=413)  # before a byte of it is read
    if not webhooks.is_signed(request.body, request.headers.get("x-xero-signature", ""), key=key):
        return HttpResponse(status=401)
    _take(request.body)
    return HttpResponse()


def _take(body: bytes) -> None:
    try:
        newest = webhooks.newest_changes(body)
    except ValueError as problem:
        logger.warning("webhook_unreadable", reason=str(problem))
        return
    notices_take(newest)
