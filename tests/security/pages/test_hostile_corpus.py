"""Every hostile text, in every field that a stranger or a colleague can fill, through every page, file, mail and Slack message.

What single texts become is in tests/pages/test_hostile_text.py and tests/notifications/test_messages.py.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from connectors.models import Connection
from notifications.channels.base import Letter
from notifications.channels.email import Email
from notifications.channels.slack import Slack
from notifications.messages import _message
from sync.models import ContactLink, Incident, Proof, Rule, Run
from tenants import audit
from tenants.models import Tenant, User
from tenants.scoping import tenant_scope
from tests.notifications.conftest import mail, slack
from tests.notifications.servers import FakeMail, FakeSlack
from tests.pages.routes import ROUTES
from tests.pages.test_access import taken_back
from tests.pages.world import World, add_movement, finding
from tests.security.hostile import CORPUS, HIDDEN, SCRIPTS, wrong_with
from tests.security.pages.test_exports import FILES

__all__ = ["mail", "slack"]
CONSENT_PAGES = (settings.ENV.xero_login_url, "https://go.xero.com/")
FORMULA = ("=", "+", "-", "@", "\uff1d", "\t", "\r")


@pytest.fixture
def marked(world: World) -> World:
    """The company after every text has arrived wherever somebody else's words may stand."""
    every = " ".join(CORPUS).replace("\x00", "")
    with tenant_scope(world.tenant.pk):
        for number, text in enumerate(CORPUS):
            add_movement(
                world, f"hostile{number}", state="review" if number % 2 else "confirmed", counterparty=text[:140], text=text,
                findings=[finding("contact_missing", f"Who is {text}?", detail=text)],
            )  # fmt: skip
            ContactLink.objects.create(
                flow=world.flow, key=f"k{number}", name=text[:200], marker=f"MR-H{number:012d}", state="review",
                findings=[finding("contact_similar", text, detail=text)],
                proposals=[{"contact_id": f"c{number}", "name": text, "score": 94}],
            )  # fmt: skip
        Run.objects.filter(pk=world.run.pk).update(error=every, actor=SCRIPTS[0])
        Rule.objects.filter(pk=world.rule.pk).update(name=SCRIPTS[1], created_by=SCRIPTS[2])
        Incident.objects.update(title=SCRIPTS[3], body=every)
        Connection.objects.update(name=SCRIPTS[4], last_error=every[:300])
        Tenant.objects.update(name=SCRIPTS[5])
        result = dict(Proof.objects.get(pk=world.proof.pk).result)
        audit.record("settings_changed", target=SCRIPTS[6], actor=SCRIPTS[7], before={"x": every}, after={SCRIPTS[8]: every},
                     reason=every)  # fmt: skip
        world.proof = Proof.objects.create(
            flow=world.flow, balanced=False,
            result={**result, "unexpected": [{
                "type": "RECEIVE", "title": text, "told": text, "number": text, "action": text, "reference": text,
                "amount": "1.00", "date": "2026-03-02", "currency": "CHF", "account": "1", "id": "x",
            } for text in CORPUS]},
        )  # fmt: skip
    User.objects.filter(email="alice@muster.example").update(name=SCRIPTS[9])
    return world


def answer_of(client: Client, world: World, name: str) -> Any:
    route = ROUTES[name]
    with taken_back():
        return getattr(client, "get" if route.reads else "post")(route.address(name, world), dict(route.data))


def test_no_answer_runs_loads_or_sends_anything_of_a_stranger(as_alice: Client, marked: World) -> None:
    """Pages, files, redirects and refusals: what they say, and the policy that they carry without exceptions."""
    seen = 0
    for name in ROUTES:
        answer = answer_of(as_alice, marked, name)
        html = answer.getvalue().decode("utf-8", "replace")
        if answer.headers["Content-Type"].startswith("text/html") and html:
            seen += 1
            assert (name, wrong_with(html, ours=CONSENT_PAGES)) == (name, [])
        policy = answer.headers["Content-Security-Policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert "unsafe-" not in policy, name
        assert (rules["default-src"], rules["script-src"], rules["style-src"]) == ("'none'", "'self'", "'self'"), name
        assert (rules["base-uri"], rules["frame-ancestors"]) == ("'none'", "'none'"), name
    assert seen > 25
    for path in ("/nowhere/", "/t/nobody/", "/accounts/login/"):
        assert "default-src 'none'" in as_alice.get(path).headers["Content-Security-Policy"], path


def test_the_page_of_each_hostile_movement_is_ours(as_alice: Client, marked: World) -> None:
    for number, text in enumerate(CORPUS):
        record = marked.records[f"hostile{number}"]
        html = as_alice.get(f"/t/{marked.tenant.public_id}/transactions/{record.pk}/").content.decode()
        assert (text, wrong_with(html, ours=CONSENT_PAGES)) == (text, [])


def test_no_file_runs_in_a_spreadsheet_of_any_country(as_alice: Client, marked: World) -> None:
    """A Swiss spreadsheet splits at semicolons, whatever we meant: no cell may begin as a formula there either."""
    files = files_of(as_alice, marked)
    for name, text in files.items():
        cells = [cell for by in ",;\t" for row in csv.reader(io.StringIO(text), delimiter=by) for cell in row]
        running = [cell for cell in cells if cell.lstrip(" \"'\t")[:1] in FORMULA and "'" not in cell[:3]]
        assert (name, [cell for cell in running if not _is_number(cell)]) == (name, [])
        assert (name, [sign for sign in HIDDEN if sign in text]) == (name, [])
    reached = {name for name, text in files.items() if "C calc" in text}
    assert reached >= {"transactions-export", "contacts-export", "proof-certificate", "accounts-statements-file"}


def files_of(client: Client, world: World) -> dict[str, str]:
    """Every CSV that leaves: also the certificate's, beside its PDF, and the statement of the month that has documents."""
    answers = {name: answer_of(client, world, name) for name, target in FILES.items() if target}
    paper = ROUTES["proof-certificate"].address("proof-certificate", world)
    answers["proof-certificate"] = client.post(paper.replace(".pdf", ".csv"))
    month = {"wallet": "1", "month": f"{timezone.localdate():%Y-%m}"}
    answers["accounts-statements-file"] = client.post(
        ROUTES["accounts-statements-file"].address("accounts-statements-file", world), month
    )
    assert {it.headers["Content-Type"].split(";")[0] for it in answers.values()} == {"text/csv"}
    return {name: answer.getvalue().decode("utf-8-sig") for name, answer in answers.items()}


def test_the_certificate_shows_text_and_does_nothing(as_alice: Client, marked: World) -> None:
    content = answer_of(as_alice, marked, "proof-certificate").getvalue()
    reader = PdfReader(io.BytesIO(content))
    said = "\n".join(page.extract_text() for page in reader.pages)
    assert "evil.example" not in str(reader.trailer["/Root"].get_object())
    objects = re.sub(
        rb"\bstream\r?\n.*?\bendstream\b", b"", content, flags=re.DOTALL
    )  # packed bytes may spell anything
    assert b"/ObjStm" not in objects, "no object is packed away"
    for door in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/OpenAction", b"/EmbeddedFile", b"/SubmitForm"):
        assert door not in objects
    assert [sign for sign in HIDDEN if sign in said] == []


def letters() -> list[Letter]:
    return [
        Letter(message=_message(text, [text, f"Who is {text}?"], link="alerts"), url="http://localhost:8000/t/x/alerts/",
               reference=f"delivery-{number}.x@localhost")
        for number, text in enumerate(CORPUS)
    ]  # fmt: skip


def test_slack_shows_it_as_text_and_calls_nobody(slack: FakeSlack) -> None:
    for letter in letters():
        Slack(slack.webhook, base_url=slack.url).send(letter)
    assert len(slack.posts) == len(CORPUS)
    for _, body in slack.posts:
        text = body["text"].replace("<http://localhost:8000/t/x/alerts/|Open in Millrace>", "")
        assert "<" not in text
        assert ">" not in text
        assert not any(f"@{word}" in text for word in ("channel", "here", "everyone"))
        assert [sign for sign in HIDDEN if sign in text] == []


def test_a_mail_has_one_recipient_one_subject_and_nothing_to_load(mail: FakeMail) -> None:
    for letter in letters():
        Email("cfo@muster.example").send(letter)
    assert len(mail.mails) == len(CORPUS)
    for sent in mail.mails:
        assert set(map(str.lower, sent.keys())) <= {
            "content-type", "mime-version", "subject", "from", "to", "date", "message-id", "auto-submitted",
            "x-auto-response-suppress",
        }  # fmt: skip
        assert sent["To"] == "cfo@muster.example"
        assert "\n" not in sent["Subject"]
        html = next(part for part in sent.walk() if part.get_content_type() == "text/html").get_content()
        wrong = [it for it in wrong_with(html, ours=("http://localhost:8000/",)) if not it.startswith("style=")]
        assert (sent["Subject"], wrong) == (sent["Subject"], [])
        assert len(sent["Subject"]) <= 160


def _is_number(cell: str) -> bool:
    return cell.strip().lstrip("-").replace(".", "", 1).isdigit()
