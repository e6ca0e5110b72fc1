"""The answer-only vendors say what the sandbox says to the same request; the judge counts what it should."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bench.judge import judge
from bench.vendors import Amnis, Control, Xero, open_world
from sandbox.transport import SandboxTransport

ORGANISATION = "Muster Handels AG"
PAGE: dict[str, str | int] = {"page": 1, "itemsPerPage": 50, "order[id]": "ASC", "includeTransactionDetail": "true"}
IDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|/Date\(\d{13}\+?[^)]*\)/")


class World:
    """Both vendors twice: quick from memory, and as the sandbox behind it answers."""

    def __init__(self, amnis: Amnis, xero: Xero, control: Control) -> None:
        self.control, self.sandbox = control, control.sandbox
        token = control.do_tokens(ORGANISATION)["access_token"]
        organisation = self.sandbox.xero.books(ORGANISATION).organisation["OrganisationID"]
        headers = {"Authorization": f"Bearer {token}", "xero-tenant-id": organisation, "Accept": "application/json"}
        self.quick_xero = httpx.Client(transport=SandboxTransport(xero), base_url="http://x", headers=headers)
        self.real_xero = httpx.Client(
            transport=SandboxTransport(self.sandbox.xero), base_url="http://x", headers=headers
        )
        key = {"grant_type": "client_credentials", "client_id": "ck_1", "client_secret": "cs_demo"}
        self.quick_amnis = httpx.Client(transport=SandboxTransport(amnis), base_url="http://a")
        bearer = self.quick_amnis.post("/api/token", json=key).json()["access_token"]
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
        self.quick_amnis.headers.update(headers)
        self.real_amnis = httpx.Client(
            transport=SandboxTransport(self.sandbox.amnis), base_url="http://a", headers=headers
        )

    def account(self, code: str) -> str:
        return str(self.sandbox.xero.ledger(ORGANISATION).account(code)["AccountID"])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World(*open_world({"ck_1": 120}, seed=3))
    yield made
    made.sandbox.close()


def plain(answer: httpx.Response) -> Any:
    """What was said, without ids and moments, which differ in every answer."""
    assert answer.status_code == 200, answer.text
    return json.loads(IDS.sub("…", answer.text))


def listed(answer: httpx.Response) -> Any:
    """A list as said: documents of one moment stand in the order of their ids, which differ, so in any order here."""
    said = plain(answer)
    kind = next(name for name, value in said.items() if isinstance(value, list))
    return said | {kind: sorted(said[kind], key=json.dumps)}


def documents(world: World) -> list[dict[str, Any]]:
    contact = world.sandbox.xero.ledger(ORGANISATION).contact("Kessler Treuhand")["ContactID"]
    common = {"Contact": {"ContactID": contact}, "Date": "2026-11-02", "Reference": "A MR-2345678901234"}
    chf, eur = {"AccountID": world.account("090")}, {"AccountID": world.account("EUR Amnis")}
    line = {"Description": "Line", "Quantity": 1, "UnitAmount": 12.35, "AccountID": world.account("400")}
    return [
        {**common, "Type": "SPEND", "BankAccount": chf, "LineAmountTypes": "NoTax", "LineItems": [line]},
        {
            **common, "Type": "RECEIVE", "BankAccount": eur, "LineAmountTypes": "Inclusive", "CurrencyRate": 1.055312,
            "LineItems": [{**line, "TaxType": "TAX001"}, {**line, "UnitAmount": -2.5, "TaxType": "NONE"}],
        },
        {**common, "Type": "SPEND", "BankAccount": eur, "LineAmountTypes": "NoTax", "LineItems": [dict(line)]},
    ]  # fmt: skip


def test_amnis_pages_are_the_sandboxs_own(world: World) -> None:
    questions = [PAGE, PAGE | {"page": 3}, PAGE | {"updatedAt[gte]": "2026-10-15T00:00:00+00:00"}]
    questions.append(PAGE | {"executionDate[gte]": "2026-10-01T00:00:00+00:00", "page": 2})
    for asked in questions:
        quick = world.quick_amnis.get("/api/transactions", params=asked)
        real = world.real_amnis.get("/api/transactions", params=asked)
        assert quick.json() == real.json(), asked
    assert quick.json(), "the last question has an answer that is not empty"


def test_a_written_document_is_answered_as_the_sandbox_answers_it(world: World) -> None:
    body = {"BankTransactions": documents(world)}
    address = "/api.xro/2.0/BankTransactions?summarizeErrors=false&unitdp=4"
    assert plain(world.quick_xero.put(address, json=body)) == plain(world.real_xero.put(address, json=body))
    page = "/api.xro/2.0/BankTransactions?page=1&pageSize=1000&unitdp=4"
    assert listed(world.quick_xero.get(page)) == listed(world.real_xero.get(page))


def test_a_transfer_is_answered_as_the_sandbox_answers_it(world: World) -> None:
    wallets = {
        "FromBankAccount": {"AccountID": world.account("090")},
        "ToBankAccount": {"AccountID": world.account("096")},
    }
    body = {"BankTransfers": [{**wallets, "Amount": 77.1, "Date": "2026-11-03", "Reference": "B MR-2345678901235"}]}
    address = "/api.xro/2.0/BankTransfers"
    assert plain(world.quick_xero.put(address, json=body)) == plain(world.real_xero.put(address, json=body))
    page = f"{address}?includeDeleted=true"
    assert listed(world.quick_xero.get(page)) == listed(world.real_xero.get(page))


def test_a_bad_element_is_refused_and_its_neighbours_enter(world: World) -> None:
    good, _, bad = documents(world)
    bad["LineItems"][0]["AccountID"] = "00000000-0000-4000-8000-000000000000"
    answer = world.quick_xero.put(
        "/api.xro/2.0/BankTransactions?summarizeErrors=false", json={"BankTransactions": [bad, good]}
    )
    assert [element["StatusAttributeString"] for element in answer.json()["BankTransactions"]] == ["ERROR", "OK"]


def test_a_repeated_key_is_answered_again_and_not_written_again(world: World) -> None:
    world.control.do_clear_books(ORGANISATION)
    body, key = {"BankTransactions": documents(world)[:1]}, {"Idempotency-Key": "one"}
    answers = [world.quick_xero.put("/api.xro/2.0/BankTransactions", json=body, headers=key).content for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(world.control.do_books(ORGANISATION)["transactions"]) == 1


def test_the_weather_loses_answers_and_refuses_as_often_as_asked(world: World) -> None:
    world.control.do_clear_books(ORGANISATION)
    world.control.do_weather(lost=0.2, broken=0.2, refused=0.2)
    said: list[int] = []
    for _ in range(200):
        try:
            said.append(
                world.quick_xero.put(
                    "/api.xro/2.0/BankTransactions", json={"BankTransactions": documents(world)[:1]}
                ).status_code
            )
        except httpx.ReadError:
            said.append(0)
    struck = world.control.do_figures()["struck"]
    world.control.do_weather(lost=0.0, broken=0.0, refused=0.0)
    assert 80 < sum(struck.values()) < 160
    assert said.count(0) == struck["lost"]
    assert said.count(500) == struck["broken"] + struck["refused"]
    assert len(world.control.do_books(ORGANISATION)["transactions"]) == 200 - struck["refused"]


def test_the_judge_finds_a_twin_a_loss_and_the_cents() -> None:
    rows = [["1", "payin", "1", "10.00", "2026-03-01"], ["2", "payin", "1", "10.00", "2026-03-01"],
            ["3", "fee", "1", "-4.00", "2026-03-02"], ["4", "fee", "5", "-1.00", "2026-03-02"]]  # fmt: skip

    def document(kind: str, amount: str, day: str) -> list[str]:
        return ["id", kind, "account", day, amount, "reference", ""]

    pay_in, fee = document("RECEIVE", "10.00", "2026-03-01"), document("SPEND", "4.00", "2026-03-02")

    def judged(*documents: list[str], waiting: tuple[str, ...] = ()) -> tuple[int, int, int, Decimal]:
        found = judge(rows=rows, books={"transactions": documents}, account_of={"1": "account"}, waiting=waiting)
        return found.duplicates, found.losses, found.waiting, found.cents

    assert judged(pay_in, pay_in, fee) == (0, 0, 0, Decimal("0.00"))  # equal rows are two rows; wallet 5 is not mapped
    assert judged(pay_in, fee) == (0, 1, 0, Decimal("10.00"))
    assert judged(pay_in, pay_in, fee, fee) == (1, 0, 0, Decimal("4.00"))
    assert judged(pay_in, pay_in, waiting=("3",)) == (0, 0, 1, Decimal("0.00"))
