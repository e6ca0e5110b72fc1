"""Where the program may go: a short list of doors, none of which a company's text can turn.

What a webhook may look like is in tests/notifications/test_channels.py; here nothing arrives, and no door is added unseen.
"""

from __future__ import annotations

import ast
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from connectors.contract.errors import ConnectorError
from connectors.contract.spec import Wiring
from connectors.http import ApiClient
from notifications.channels.base import Refused
from notifications.channels.slack import Slack
from notifications.models import ChannelSetting
from tenants.models import Role
from tenants.scoping import tenant_scope
from tests.connectors.conftest import make_tenant
from tests.connectors.test_http import OpenThrottle, Tokens
from tests.notifications.servers import PATH
from tests.pages.world import make_person

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("connectors", "sync", "tenants", "notifications", "dashboard", "config")
OPENING = re.compile(
    r"\b(httpx\.(?:Client|AsyncClient|HTTPTransport|get|post|request|stream)|OAuth2Client|build_opener|urlopen|WebhookClient"
    r"|smtplib\.SMTP|create_connection|requests\.\w+)\b(?=\()"
)
# Every place that opens a connection, and whose word decides where to.
DOORS = {
    "connectors/http.py": "the platform's base addresses of the vendors",
    "connectors/exchange.py": "the same, as a pool of connections",
    "connectors/oauth.py": "the platform's sign-in addresses of the vendors",
    "sync/tenantfile/demo.py": "the sandbox, for the demo company",
    "notifications/channels/slack.py": "Slack, or the platform's stand-in on this machine",
    "config/supervisor/watch.py": "the operators' own webhook and mail server",
    "config/supervisor/valkey.py": "the embedded broker",
    "config/supervisor/servers.py": "the embedded servers",
}
NAMES_OF_THIS_MACHINE = (
    "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1",
    "127.0.0.1.nip.io", "hooks.slack.com@127.0.0.1", "127.0.0.1#hooks.slack.com", "127.0.0.1?hooks.slack.com",
    "hooks.slack.com\\@127.0.0.1", "①②⑦.⓪.⓪.①", "localhost.", "LOCALHOST",
)  # fmt: skip
ELSEWHERE = (
    "169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "10.0.0.1", "192.168.0.1", "100.100.100.200",
    "hooks.slack.com.evil.example", "h\u043e\u043eks.slack.com", "hooks。slack。com", "hooks.slack.com%00.evil.example",
    "hooks.slack.com:80", "hooks.slack.com\t.evil.example", "slack.com", "evil.example/hooks.slack.com",
)  # fmt: skip


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A machine that takes every connection; what arrived, in order."""
    arrived: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def take() -> None:
            while not over.is_set():
                try:
                    peer, _ = server.accept()
                except TimeoutError:
                    continue
                arrived.append(peer.recv(400).decode("latin-1"))
                peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
                peer.close()

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1], arrived
        over.set()
        thread.join()


def test_every_place_that_opens_a_connection_is_known() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if OPENING.search(path.read_text())
    }
    assert found == set(DOORS)


def test_no_client_follows_a_redirect_or_the_environments_proxy() -> None:
    """httpx follows none by itself, and reads HTTP_PROXY unless told: each client of ours says both."""
    calls = 0
    for path in ("connectors/http.py", "connectors/oauth.py", "sync/tenantfile/demo.py"):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("httpx.Client", "OAuth2Client"):
                said = {word.arg: ast.unparse(word.value) for word in node.keywords}
                calls += 1
                assert said.get("trust_env") == "False", path
                assert said.get("follow_redirects", "False") == "False", path
    assert calls == 4


@pytest.mark.parametrize("name", [*NAMES_OF_THIS_MACHINE, *ELSEWHERE])
def test_no_webhook_leads_to_this_machine_or_into_its_network(listener: tuple[int, list[str]], name: str) -> None:
    port, arrived = listener
    for scheme in ("http", "https"):
        for address in (f"{scheme}://{name}:{port}{PATH}", f"{scheme}://{name}{PATH}"):
            with pytest.raises(Refused):
                Slack(address, base_url="https://hooks.slack.com")
    assert arrived == []


def test_the_page_takes_none_of_them(db: None, listener: tuple[int, list[str]]) -> None:
    port, arrived = listener
    tenant = make_tenant(951, "muster")
    client = Client()
    client.force_login(make_person("alice@muster.example", tenant, Role.OWNER))
    for name in (*NAMES_OF_THIS_MACHINE, *ELSEWHERE):
        client.post(
            f"/t/{tenant.public_id}/alerts/settings/", {"slack_webhook": f"http://{name}:{port}{PATH}", "owners": "on"}
        )
        with tenant_scope(tenant.pk):
            assert not ChannelSetting.objects.exclude(slack_last_four="").exists(), name
    assert arrived == []


def test_a_vendor_that_redirects_takes_our_token_nowhere(listener: tuple[int, list[str]]) -> None:
    """The answer of the first machine names another one; nobody goes there."""
    port, arrived = listener
    wiring = Wiring(
        base_url=f"http://127.0.0.1:{port}", tokens=Tokens(), throttle=OpenThrottle(), record_call=lambda record: None,
        timeout_seconds=5,
    )  # fmt: skip
    with pytest.raises(ConnectorError):
        ApiClient(wiring, vendor="Xero", sleep=lambda seconds: None).get_json("/x")
    assert len(arrived) == 1
