"""The consent page of the browser flow (only the sandbox is known to have one; A2)."""

import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sandbox.amnis.setup import COMPANIES, NAMES
from sandbox.amnis.tokens import Consent, Tokens, app_id
from sandbox.web import Markup, Request, Response, page, redirect

_FORM = Markup(
    "<p><strong>{app}</strong> asks to read accounts, transactions and expense data of one of your companies.</p>"
    '<form method="post"><input type="hidden" name="request" value="{request}">{companies}'
    '<button name="decision" value="approve">Allow access</button>'
    '<button class="quiet" name="decision" value="cancel">Cancel</button></form>'
)
_COMPANY = Markup('<label><input type="radio" name="company" value="{key}"{checked}> {name}</label>')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    client_id: str
    redirect_uri: str
    state: str
    challenge: str | None


class ConsentPages:
    """GET shows the question, POST takes the answer; a question can be answered once."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._open: dict[str, _Asked] = {}

    def ask(self, request: Request) -> Response:
        client_id, target = request.args.get("client_id", ""), request.args.get("redirect_uri", "")
        if client_id not in NAMES and client_id != app_id():
            return page("Unknown application", Markup("<p>No application has this client_id.</p>"), status=400)
        if urlsplit(target).scheme not in {"http", "https"} or urlsplit(target).fragment:
            return page("Wrong address", Markup("<p>redirect_uri is missing or not a web address.</p>"), status=400)
        asked = _Asked(
            client_id=client_id,
            redirect_uri=target,
            state=request.args.get("state", ""),
            challenge=request.args.get("code_challenge"),
        )
        refused = _wrong_request(request)
        return _back(asked, error=refused) if refused else self._question(asked)

    def _question(self, asked: _Asked) -> Response:
        number = secrets.token_urlsafe(16)
        self._open[number] = asked
        offered = [asked.client_id] if asked.client_id in NAMES else [spec.client_id for spec in COMPANIES]
        companies = Markup("").join(
            _COMPANY.format(key=key, name=NAMES[key], checked=Markup(" checked") if key == offered[0] else "")
            for key in offered
        )
        return page("Amnis sandbox", _FORM.format(app=asked.client_id, request=number, companies=companies))

    def decide(self, request: Request) -> Response:
        asked = self._open.pop(request.form.get("request", ""), None)
        if asked is None:
            return page("Too late", Markup("<p>This question was answered already. Start again.</p>"), status=400)
        company = request.form.get("company", "")
        if request.form.get("decision") != "approve" or company not in NAMES:
            return _back(asked, error="access_denied")
        consent = Consent(
            client_id=asked.client_id, company=company, redirect_uri=asked.redirect_uri, challenge=asked.challenge
        )
        return _back(asked, code=self._tokens.issue_code(consent))


def _wrong_request(request: Request) -> str | None:
    if request.args.get("response_type") != "code":
        return "unsupported_response_type"
    if request.args.get("code_challenge") and request.args.get("code_challenge_method", "plain") != "S256":
        return "invalid_request"
    return None


def _back(asked: _Asked, **answer: str) -> Response:
    joint = "&" if urlsplit(asked.redirect_uri).query else "?"
    state = {"state": asked.state} if asked.state else {}
    return redirect(asked.redirect_uri + joint + urlencode({**answer, **state}))
