"""The control page and its JSON twin: who may use them, and that every knob turns something."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sandbox.app import Sandbox
from sandbox.faults import Effect
from sandbox.scenarios import seed
from sandbox.transport import SandboxTransport
from sandbox.xero.seed import TRADING

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass
class Room:
    """A world, a browser and a tool at its control page."""

    sandbox: Sandbox
    browser: httpx.Client

    def form(self, act: str, page: str = "/", /, **fields: str) -> tuple[str, bool]:
        """Load the page, send one of its forms; the note that comes back, and whether it is a refusal."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.browser.get(page).text)
        assert token
        answer = self.browser.post(f"/do/{act}", data={"csrf": token[1], "back": page, **fields})
        assert answer.status_code == 303
        target = urlsplit(answer.headers["Location"])
        assert target.path == page
        query = parse_qs(target.query)
        assert self.browser.get(answer.headers["Location"]).status_code == 200
        return query["note"][0], "wrong" in query

    def tool(self, act: str, /, **body: Any) -> httpx.Response:
        token = self.browser.get("/_sandbox/token").json()["token"]
        return self.browser.post(f"/_sandbox/{act}", json=body, headers={"X-Sandbox-Token": token})

    def result(self, act: str, /, **body: Any) -> Any:
        answer = self.tool(act, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@pytest.fixture
def room() -> Iterator[Room]:
    sandbox = Sandbox(None, clock=lambda: NOW, limits=False)
    with httpx.Client(transport=SandboxTransport(sandbox.control), base_url="http://localhost:9000") as browser:
        yield Room(sandbox=sandbox, browser=browser)
    sandbox.close()


# who may


@pytest.mark.parametrize("path", ["/", "/xero", "/world"])
def test_a_page_carries_a_strict_policy_and_no_script(room: Room, path: str) -> None:
    seed(room.sandbox)
    answer = room.browser.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert "SameSite=Strict" in answer.headers["Set-Cookie"]


def test_foreign_names_are_shown_as_text(room: Room) -> None:
    room.sandbox.amnis.company().pay_in(amount="1.00", payer="<img src=x onerror=alert(1)> \u202eAG\x00")
    shown = room.browser.get("/").text
    assert "&lt;img src=x" in shown
    assert "<img" not in shown
    assert "\u202e" not in shown
    assert "\x00" not in shown


def test_a_form_without_its_token_does_nothing(room: Room) -> None:
    room.browser.get("/")
    for csrf in ("", "0" * 64):
        answer = room.browser.post("/do/amnis/add", data={"kind": "pay_in", "amount": "1.00", "csrf": csrf})
        assert answer.status_code == 403
    assert room.sandbox.amnis.company().rows() == []


def test_a_token_belongs_to_its_cookie(room: Room) -> None:
    token = re.search(r'name="csrf" value="([^"]+)"', room.browser.get("/").text)
    assert token
    room.browser.cookies.clear()
    answer = room.browser.post("/do/clock", data={"days": "1", "csrf": token[1]})
    assert answer.status_code == 403


def test_only_this_machine_under_a_loopback_name_may_enter(room: Room) -> None:
    for address in ("http://sandbox.attacker.example/", "http://192.168.1.5/"):
        assert room.browser.get(address).status_code == 403
    far = httpx.WSGITransport(app=room.sandbox.control, remote_addr="192.168.1.9")
    with httpx.Client(transport=far, base_url="http://localhost") as stranger:
        assert stranger.get("/").status_code == 403


def test_a_tool_needs_its_token(room: Room) -> None:
    assert room.browser.post("/_sandbox/clock", json={"days": 1}).status_code == 403
    wrong = room.browser.post("/_sandbox/clock", json={"days": 1}, headers={"X-Sandbox-Token": "x"})
    assert wrong.status_code == 403
    assert room.sandbox.clock.now() == NOW


def test_a_form_comes_back_to_a_page_of_ours_only(room: Room) -> None:
    token = re.search(r'name="csrf" value="([^"]+)"', room.browser.get("/").text)
    assert token
    fields = {"csrf": token[1], "back": "https://evil.example/", "hours": "1"}
    assert room.browser.post("/do/clock", data=fields).headers["Location"].startswith("/?")


# Amnis


@pytest.mark.parametrize(
    ("fields", "amounts"),
    [
        ({"kind": "pay_in", "name": "Beispiel AG"}, ["50.00"]),
        ({"kind": "payout"}, ["-50.00"]),
        ({"kind": "card"}, ["-50.00"]),
        ({"kind": "fee"}, ["-50.00"]),
        ({"kind": "peer_in"}, ["50.00"]),
        ({"kind": "peer_out"}, ["-50.00"]),
        ({"kind": "own_transfer", "other_account": "8"}, ["-50.00", "50.00"]),
        ({"kind": "fx", "other_account": "2", "other_amount": "52.76"}, ["-50.00", "52.76"]),
    ],
)
def test_every_kind_of_movement_can_be_added(room: Room, fields: dict[str, str], amounts: list[str]) -> None:
    note, wrong = room.form("amnis/add", amount="50.00", account="1", day="2026-10-01", **fields)
    assert not wrong, note
    rows = room.sandbox.amnis.company().rows()
    assert [row["amount"] for row in rows] == amounts
    assert {row["executionDate"][:10] for row in rows} == {"2026-10-01"}


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "much"}, {"amount": ""}, {"amount": "1.00", "account": "99"}, {"amount": "1.00", "day": "soon"},
        {"amount": "1.00", "company": "ck_9"}, {"amount": "1.00", "kind": "theft"}, {"amount": "1.00", "kind": "fx"},
    ],
)  # fmt: skip
def test_a_mistake_in_the_form_is_explained_and_changes_nothing(room: Room, fields: dict[str, str]) -> None:
    token = re.search(r'name="csrf" value="([^"]+)"', room.browser.get("/").text)
    assert token
    answer = room.browser.post("/do/amnis/add", data={"csrf": token[1], "kind": "pay_in", "account": "1", **fields})
    assert "wrong=1" in answer.headers["Location"]
    assert room.sandbox.amnis.company().rows() == []


def test_a_pending_row_can_be_executed_from_the_page(room: Room) -> None:
    company = room.sandbox.amnis.company()
    row = company.payout(amount="9.00", to="X", status="created", executed_on=datetime(2027, 1, 1, tzinfo=UTC))
    other = company.payout(amount="9.00", to="X", status="created", executed_on=datetime(2027, 1, 1, tzinfo=UTC))
    assert 'value="execute"' in room.browser.get("/").text
    room.form("amnis/row", company="ck_1", row=str(row), deed="execute")
    room.form("amnis/row", company="ck_1", row=str(other), deed="cancel")
    assert (company.row(row)["executed"], company.row(other)["executed"]) == (True, False)
    note, wrong = room.form("amnis/row", company="ck_1", row=str(row), deed="execute")
    assert (wrong, "at rest" in note) == (True, True)


def test_an_old_row_is_corrected_from_the_page(room: Room) -> None:
    company = room.sandbox.amnis.company()
    paid, got = company.payout(amount="9.00", to="X"), company.pay_in(amount="7.00", payer="Y")
    assert "new amount" in room.browser.get("/").text
    assert room.form("amnis/amount", company="ck_1", row=str(paid), amount="12.50") == (
        f"Row {paid} reads -12.50 now, not -9.00.",
        False,
    )
    room.form("amnis/amount", company="ck_1", row=str(got), amount="-7.00")
    for wrong in ("much", "", "1e9", "1,50"):
        assert room.form("amnis/amount", company="ck_1", row=str(got), amount=wrong)[1]
    assert room.form("amnis/amount", company="ck_1", row="99", amount="1.00")[1]
    assert [row["amount"] for row in company.rows()] == ["-12.50", "-7.00"]


def test_switches_tokens_and_random_rows(room: Room) -> None:
    room.form("amnis/switches", collection_envelope="hydra", signed_amounts="false")
    assert room.sandbox.amnis.switches.collection_envelope == "hydra"
    assert not room.sandbox.amnis.switches.signed_amounts
    assert room.form("amnis/switches", collection_envelope="soap")[1]
    body = {"grant_type": "client_credentials", "client_id": "ck_1", "client_secret": "cs_demo"}
    room.sandbox.amnis.tokens.answer(body, room.sandbox.amnis.switches)
    assert room.form("amnis/tokens", company="ck_1", deed="expire")[0].startswith("1 access token")
    assert room.form("amnis/random", company="ck_1", count="30")[0] in {"Added 30 rows.", "Added 31 rows."}


# Xero


def test_a_person_works_in_xero(room: Room) -> None:
    ledger = room.sandbox.xero.ledger(TRADING)
    account = ledger.account("090")["AccountID"]
    note, wrong = room.form("xero/typed", "/xero", account=account, amount="12.50", type="SPEND", day="2026-11-02")
    assert not wrong, note
    document = ledger.bank_transactions()[0]["BankTransactionID"]
    assert "12.50" in room.browser.get("/xero").text
    room.form("xero/document", "/xero", document=document, deed="edit", amount="13.00")
    assert ledger.balance("090") == Decimal("-13.00")
    room.form("xero/document", "/xero", document=document, deed="reconcile")
    assert ledger.bank_transactions()[0]["IsReconciled"]
    assert room.form("xero/document", "/xero", document=document, deed="edit", amount="14.00")[1]
    room.form("xero/document", "/xero", document=document, deed="unreconcile")
    room.form("xero/document", "/xero", document=document, deed="delete")
    assert ledger.balance("090") == Decimal(0)


def test_lock_dates_switches_and_disconnecting(room: Room) -> None:
    room.form("xero/lock", "/xero", period="2026-06-30", end_of_year="")
    assert "2026-06-30" in room.browser.get("/xero").text
    assert "PeriodLockDate" in room.sandbox.xero.books(TRADING).organisation
    room.form("xero/switches", "/xero", omit_rate_in_lists="true")
    assert room.sandbox.xero.switches.omit_rate_in_lists
    room.result("xero/tokens", organisations=[TRADING])
    assert room.form("xero/disconnect", "/xero")[0] == "1 connections removed in Xero."


def test_where_webhooks_go(room: Room) -> None:
    address, key = "http://localhost:8000/webhooks/xero", "invented-key"
    assert room.form("xero/webhook", "/xero", url=address, key=key) == ("Webhooks go there from now on.", False)
    shown = room.browser.get("/xero").text
    assert address in shown
    assert key not in shown
    room.sandbox.xero.people(TRADING).type_contact(Name="Kontakt")
    assert room.browser.get("/_sandbox/state").json()["xero"]["webhooks"] == {"active": False, "waiting": 1}
    assert room.form("xero/webhook", "/xero", url="https://books.example/x", key=key)[1]
    assert room.form("xero/webhook", "/xero", url=address)[1]  # nothing to sign with
    assert room.result("xero/webhook") == "No webhooks go out any more."
    assert room.sandbox.xero.webhooks.waiting == 0


# time, faults, reset


def test_the_clock_moves_and_executes(room: Room) -> None:
    row = room.sandbox.amnis.company().fee(
        amount="9.00", executed=False, executed_on=datetime(2026, 11, 21, tzinfo=UTC)
    )
    note, _ = room.form("clock", "/world", days="2")
    assert "1 pending" in note
    assert room.sandbox.amnis.company().row(row)["executed"]
    assert room.form("clock", "/world", days="99999")[1]


def test_faults_are_planned_shown_and_removed(room: Room) -> None:
    room.form("faults/add", "/world", vendor="amnis", effect="offline", path="/api/accounts", times="2")
    (fault, left) = next(iter(room.sandbox.faults.planned().values()))
    assert (fault.effect, fault.path, left) == (Effect.OFFLINE, "/api/accounts", 2)
    assert "offline" in room.browser.get("/world").text
    room.form("faults/add", "/world", vendor="xero", effect="slow", lasting="1", seconds="1.5")
    assert [item["left"] for item in room.browser.get("/_sandbox/faults").json()["planned"]] == [2, None]
    room.form("faults/remove", "/world", number="1")
    assert len(room.sandbox.faults.planned()) == 1
    room.form("faults/clear", "/world")
    assert room.sandbox.faults.planned() == {}
    assert room.form("faults/add", "/world", vendor="amnis", effect="magic")[1]


def test_the_world_can_start_again(room: Room) -> None:
    room.sandbox.amnis.company().pay_in(amount="1.00")
    room.form("reset", "/world", empty="1")
    assert room.sandbox.amnis.company().rows() == []
    room.form("reset", "/world")
    assert len(room.sandbox.amnis.company().rows()) >= 300


# tools


def test_a_tool_adds_movements_and_reads_them_back_with_their_sums(room: Room) -> None:
    row = room.result(
        "amnis/movement",
        company="ck_1",
        kind="card",
        arguments={
            "amount": "41.07",
            "original": ["EUR", "43.35"],
            "vats": [["8.1", "41.07"]],
            "settled_on": "2026-11-01",
        },
    )
    deal = room.result(
        "amnis/movement",
        kind="fx",
        arguments={"sold": [1, "100.00"], "bought": [2, "105.53"], "value_on": "2026-11-03"},
    )
    room.result("amnis/change", row=row, fields={"comment": "edited"}, detail={"comment": "edited too"})
    export = room.browser.get("/_sandbox/amnis/export", params={"company": "ck_1"}).json()
    assert export["executed_sums"] == {"1": "-141.07", "2": "105.53"}
    by_id = {item["id"]: item for item in export["rows"]}
    assert by_id[row]["transactionDetail"]["settlementDate"] == "2026-11-01T00:00:00+00:00"
    assert by_id[row]["comment"] == "edited"
    assert by_id[row]["transactionDetail"]["comment"] == "edited too"
    assert set(by_id) == {row, deal["paid"], deal["received"]}


def test_a_tool_reads_xeros_books(room: Room) -> None:
    account = room.sandbox.xero.ledger(TRADING).account("090")["AccountID"]
    room.result("xero/typed", account=account, amount="12.50", reference="Miete MR-7QK3P9ZD4WXYZ")
    export = room.browser.get("/_sandbox/xero/export", params={"org": TRADING}).json()
    assert export["markers"] == ["MR-7QK3P9ZD4WXYZ"]
    assert export["balances"][account]["own"] == "-12.50"
    assert export["balanced"] is True
    assert len(export["bank_transactions"]) == 1


def test_a_tool_lets_people_act_and_sets_day_rates(room: Room) -> None:
    arguments = {"currency": "EUR", "day": "2026-03-02", "rate": "1.055312"}
    room.result("xero/people", act="fix_day_rate", arguments=arguments)
    day = datetime(2026, 3, 2, tzinfo=UTC).date()
    assert room.sandbox.xero.books(TRADING).day_rate("EUR", day) == Decimal("1.055312")


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("nothing", {}),
        ("amnis/movement", {"kind": "pay_in", "arguments": {"colour": "blue"}}),
        ("amnis/movement", {"kind": "__init__", "arguments": {}}),
        ("amnis/raw", {"row": "text"}),
        ("amnis/row", {"row": 1, "deed": "execute"}),
        ("xero/people", {"act": "_call"}),
        ("xero/people", {"act": "delete", "arguments": {"document": "none"}}),
        ("xero/lock", {"org": "Nobody AG"}),
        ("xero/lock", {"period": "yesterday"}),
        ("clock", {"days": "nan"}),
        ("clock", {"days": "inf"}),
        ("faults/add", {"vendor": "bank", "effect": "slow"}),
    ],
)
def test_a_tools_mistake_is_a_400_with_a_text(room: Room, act: str, body: dict[str, Any]) -> None:
    answer = room.tool(act, **body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_state_shows_both_vendors(room: Room) -> None:
    seed(room.sandbox)
    shown = room.browser.get("/_sandbox/state").json()
    assert shown["now"] == "2026-11-20T09:00:00+00:00"
    assert shown["amnis"]["companies"]["ck_1"]["rows"] >= 300
    assert [account["id"] for account in shown["amnis"]["companies"]["ck_2"]["accounts"]] == [21, 22]
    names = {body["name"] for body in shown["xero"]["organisations"].values()}
    assert TRADING in names
    assert all(body["balanced"] for body in shown["xero"]["organisations"].values())


def test_the_token_of_the_environment_wins(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CONTROL_TOKEN", "given")
    answer = room.browser.post("/_sandbox/clock", json={"hours": 1}, headers={"X-Sandbox-Token": "given"})
    assert answer.status_code == 200
