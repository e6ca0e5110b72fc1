"""The operators' commands: exit codes, keys and columns as people script against them."""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from sync import store
from sync.management import passes
from sync.models import AccountMapping, BookedConversion, Entry, Incident, MirrorDocument, Record, Run
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_invoices import invoice

MARCH = date(2026, 3, 2)
DONE, FINDINGS, WRONG_USE, TEMPORARY = 0, 1, 2, 3


def run(name: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command, as the shell would see them."""
    out = StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return DONE, out.getvalue()


def told(name: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out = run(name, "muster", *arguments, "--json")
    return code, json.loads(out.splitlines()[-1])


def pay_in(world: World, amount: str = "100.00", payer: str | None = "Beispiel AG") -> None:
    world.amnis.pay_in(amount=amount, payer=payer, executed_on=MARCH)


# ----------------------------------------------------------------------- sync


def test_sync_says_what_it_did_and_is_done_when_all_is_at_rest(world: World) -> None:
    pay_in(world)

    code, answer = told("sync")

    assert code == DONE
    did = {name: answer[name] for name in ("fetched", "new", "changed", "skipped", "pushed", "confirmed")}
    assert did == {"fetched": 1, "new": 1, "changed": 0, "skipped": 0, "pushed": 1, "confirmed": 1}
    assert {name: answer[name] for name in ("review", "failed", "unconfirmed", "open")} == dict.fromkeys(
        ("review", "failed", "unconfirmed", "open"), 0
    )
    assert answer["write_calls"] == 2, "the contact and the document"
    assert {"run", "api_calls", "seconds"} <= set(answer)

    code, again = told("sync")
    assert (code, again["new"], again["pushed"], again["write_calls"]) == (DONE, 0, 0, 0)


def test_sync_is_done_with_findings_while_something_waits_for_a_person(world: World) -> None:
    pay_in(world, payer=None)

    code, answer = told("sync")

    assert (code, answer["review"]) == (FINDINGS, 1)


def test_sync_is_not_at_rest_while_an_outcome_is_unknown_and_waiting_settles_it(world: World) -> None:
    pay_in(world)
    world.sandbox.xero.faults.lose_answer(after_commit=True, path="BankTransactions", methods={"PUT"})

    code, answer = told("sync")
    assert (code, answer["unconfirmed"], answer["open"]) == (TEMPORARY, 1, 1)

    code, answer = told("sync", "--wait", "10")
    assert (code, answer["unconfirmed"], answer["open"]) == (DONE, 0, 0)
    assert len(world.books.bank_transactions()) == 1


def test_a_dry_run_lists_the_documents_and_writes_nothing_but_the_run(world: World) -> None:
    pay_in(world)
    pay_in(world, payer=None)
    world.amnis.own_transfer(amount="40.00", source=1, target=8, executed_on=MARCH)
    before = world.flow()

    code, answer = told("sync", "--dry-run")

    assert code == DONE
    kinds = sorted((document["kind"], document["total"]) for document in answer["documents"])
    assert kinds == [("BANKTRANSFER", "40.00"), ("RECEIVE", "100.00")]
    assert (answer["fetched"], answer["new"], answer["review"]) == (4, 4, 1)
    assert world.sandbox.xero.ledger().write_calls() == 0
    assert world.books.bank_transactions() == world.books.bank_transfers() == []
    with tenant_scope(world.tenant.pk):
        kept = [model.objects.count() for model in (Record, Entry, MirrorDocument)]
        [run_row] = Run.objects.all()
    assert kept == [0, 0, 0]
    assert (run_row.dry_run, run_row.state) == (True, "done")
    after = world.flow()
    assert (after.cursor, after.next_at, after.lease_until) == (before.cursor, before.next_at, None)

    world.settle()
    assert len(world.books.bank_transactions()) == 1, "the real run is not hindered by it"


def test_sync_does_not_touch_a_flow_that_somebody_else_works_on(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(passes, "LEASE_PATIENCE", 0.1)
    with tenant_scope(world.tenant.pk):
        store.take_lease(world.flow_id, seconds=60)

    code, said = run("sync", "muster")

    assert code == TEMPORARY
    assert "another process" in said


def test_sync_of_what_cannot_be_reached_or_is_paused_is_temporary(world: World) -> None:
    pay_in(world)
    world.sandbox.amnis.faults.offline(times=None)
    code, answer = told("sync")
    assert code == TEMPORARY
    assert answer["error"]

    world.sandbox.amnis.faults.clear()
    assert told("pause") == (DONE, {"paused": 1})
    code, said = run("sync", "muster")
    assert (code, "paused" in said) == (TEMPORARY, True)
    assert world.books.bank_transactions() == []
    assert told("resume") == (DONE, {"resumed": 1})
    assert told("sync")[0] == DONE


def test_review_pays_what_the_first_proposal_says(world: World) -> None:
    invoice(world, "RE-2026-7201", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7201", executed_on=MARCH)
    told("sync")
    code, answer = told("review")
    assert code == FINDINGS
    [item] = answer["review"]
    assert [line["number"] for line in item["proposals"][0]["items"]] == ["RE-2026-7201"]
    assert run("review", "muster", "--pay", str(item["id"]), "--proposal", "2")[0] == WRONG_USE
    assert told("review", "--pay", str(item["id"])) == (DONE, {"paying": 1})
    told("sync", "--wait", "10")
    assert [paid["Amount"] for paid in world.books.payments()] == [Decimal("480.00")]


@pytest.mark.parametrize("command", ["sync", "proof", "status", "review", "retry", "pause", "resume"])
def test_a_tenant_that_does_not_exist_is_wrong_use(db: None, command: str) -> None:
    code, said = run(command, "nobody")

    assert (code, "nobody" in said) == (WRONG_USE, True)


# ------------------------------------------------------------------ the others


def test_proof_has_its_keys_and_says_balanced_or_not_by_its_exit_code(world: World) -> None:
    pay_in(world)
    pay_in(world, amount="75.50", payer=None)
    world.settle()

    code, proof = told("proof")

    assert (code, proof["balanced"]) == (DONE, True)
    promised = {"balanced", "accounts", "held_items", "missing", "duplicated", "unexpected"}
    assert set(proof) == promised | {
        "accepted", "clearing", "different", "moved_days", "proof", "skipped", "unproved", "verdict", "says",
    }  # fmt: skip
    [chf] = [account for account in proof["accounts"] if account["source"] == "1"]
    assert {name: chf[name] for name in ("currency", "source_sum", "held", "ours", "xero_sum", "difference")} == {
        "currency": "CHF", "source_sum": "175.50", "held": "75.50", "ours": "100.00", "xero_sum": "100.00",
        "difference": "0.00",
    }  # fmt: skip
    assert [item["amount"] for item in proof["held_items"]] == ["75.50"]
    assert proof["held_items"][0]["reason"]
    assert told("proof", "--from", "2026-03-03")[1]["held_items"] == []

    [document] = world.books.bank_transactions()
    world.sandbox.xero.people("Muster Handels AG").delete(document["BankTransactionID"])
    code, proof = told("proof")
    assert (code, proof["balanced"], len(proof["missing"])) == (FINDINGS, False, 1)

    world.sandbox.xero.faults.offline(times=None)
    assert run("proof", "muster", "--json")[0] == TEMPORARY


def table(name: str) -> list[dict[str, str]]:
    code, out = run(name, "muster", "--csv")
    assert code == DONE
    return list(csv.DictReader(StringIO(out)))


def test_entries_are_one_line_for_each_row_and_document(world: World) -> None:
    pair = world.amnis.own_transfer(amount="40.00", source=1, target=8, executed_on=MARCH)
    world.amnis.payout(amount="9.00", to="Probst Logistik AG", status="canceled", executed_on=date(2026, 3, 3))
    world.amnis.fx(sold=(1, "100.00"), bought=(2, "110.00"), value_on=date(2026, 3, 4))
    world.settle()

    found = table("entries")

    assert list(found[0]) == [
        "source", "source_id", "leg", "kind", "state", "booking_date", "amount", "currency", "destination_type",
        "destination_id", "marker",
    ]  # fmt: skip
    sent, received, nothing, sold, bought = found
    assert {line["source"] for line in found} == {"amnis"}
    assert (int(sent["source_id"]), int(received["source_id"])) == (pair.paid, pair.received)
    assert sent["destination_id"] == received["destination_id"] != ""
    assert [(line["leg"], line["amount"], line["destination_type"]) for line in found] == [
        ("main", "-40.00", "BANKTRANSFER"),
        ("main", "40.00", "BANKTRANSFER"),
        ("", "-9.00", ""),
        ("sold", "-100.00", "SPEND"),
        ("bought", "110.00", "RECEIVE"),
    ]
    assert (nothing["state"], nothing["destination_id"], nothing["marker"]) == ("skipped", "", "")
    assert (sold["booking_date"], sold["currency"], bought["currency"]) == ("2026-03-04", "CHF", "EUR")
    assert {line["state"] for line in (sent, received, sold, bought)} == {"confirmed"}
    assert run("entries", "muster")[0] == WRONG_USE, "there is no other format than --csv"


def test_rates_are_the_history_of_booked_conversions(world: World) -> None:
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), value_on=date(2026, 3, 4))
    world.amnis.fx(sold=(1, "5000.00"), bought=(3, "5729.00"), status="canceled", executed=False, value_on=MARCH)
    world.settle()
    with tenant_scope(world.tenant.pk):
        BookedConversion.objects.update(spot_rate=Decimal("1.0600"))

    [deal] = table("rates")

    # 263,811.37 / 250,000 = 1.05524548; against a spot rate of 1.06 that lost 1 - 1.05524548 / 1.06 = 0.44854 %
    assert deal == {
        "value_date": "2026-03-04", "sold": "CHF", "bought": "EUR", "amount_sold": "250000.00",
        "amount_bought": "263811.37", "rate": "1.055245", "spot": "1.06", "margin": "0.4485",
    }  # fmt: skip


def test_status_has_its_keys(world: World) -> None:
    pay_in(world)
    pay_in(world, payer=None)
    world.settle()
    with tenant_scope(world.tenant.pk):
        Incident.objects.create(tenant_id=world.tenant.pk, cause="vendor:x", title="A vendor cannot be reached")

    code, status = told("status")

    assert code == DONE
    assert set(status) == {
        "last_success", "pending", "errors", "freshness_p95_seconds", "connections", "incidents",
    }  # fmt: skip
    assert (status["pending"], status["errors"]) == (0, 1)
    assert status["last_success"].endswith("+00:00"), "times are UTC with their offset"
    assert [set(connection) for connection in status["connections"]] == [{"kind", "status", "expires_at"}] * 2
    assert [incident["cause"] for incident in status["incidents"]] == ["vendor:x"]


def test_review_lists_accepts_and_skips_by_id(world: World) -> None:
    assert told("review") == (DONE, {"review": []})
    world.set_flow(review={"amount_over": {"CHF": "50.00"}})
    pay_in(world)
    pay_in(world, amount="7.00", payer=None)
    world.settle()

    code, answer = told("review")
    assert code == FINDINGS
    large, nameless = answer["review"]
    assert (large["amount"], large["currency"], large["date"], large["findings"]) == (
        "100.00", "CHF", "2026-03-02", ["large_amount"],
    )  # fmt: skip
    assert nameless["reason"]

    assert run("review", "muster", "--skip", str(nameless["id"]))[0] == WRONG_USE, "without a reason"
    assert told("review", "--skip", str(nameless["id"]), "--reason", "private") == (DONE, {"skipped": 1})
    assert told("review", "--accept", str(large["id"])) == (DONE, {"accepted": 1})
    assert run("review", "muster", "--accept", "999999")[0] == WRONG_USE
    assert told("sync")[0] == DONE
    assert world.states() == ["confirmed", "skipped"]


def test_retry_decides_everything_held_anew(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        mapping = AccountMapping.objects.get(source_account_id="1")
        mapping.delete()
    pay_in(world)
    world.settle()
    with tenant_scope(world.tenant.pk):
        mapping.pk = None
        mapping.save(force_insert=True)

    assert told("retry") == (DONE, {"retried": 1})
    world.settle()

    assert world.states() == ["confirmed"]
    assert told("retry") == (DONE, {"retried": 0})


def test_tick_runs_what_is_due_here_and_nothing_else(world: World) -> None:
    pay_in(world)

    assert run("tick") == (DONE, "1 slices ran\n")
    assert world.states() == ["confirmed"]
    assert run("tick") == (DONE, "0 slices ran\n"), "its time has not come again"


# ------------------------------------------------------------------- backfill


def test_backfill_posts_what_is_missing_and_says_so(world: World) -> None:
    world.settle()
    world.set_flow(cursor={"since": "2027-06-01T00:00:00+00:00", "page": 1, "high": None})
    pay_in(world)
    march = ("--from", "2026-03-01", "--to", "2026-03-31")

    code, shown = told("backfill", *march, "--dry-run")
    assert (code, shown["new"], [it["total"] for it in shown["documents"]]) == (DONE, 1, ["100.00"])
    code, answer = told("backfill", *march)

    assert (code, answer["state"], answer["days_done"], answer["new"], answer["open"]) == (DONE, "done", 31, 1, 0)
    assert len(world.books.bank_transactions()) == 1


@pytest.mark.parametrize("days", [("2026-04-01", "2026-03-01"), ("2025-01-01", "2025-12-31")])
def test_backfill_refuses_days_that_make_no_range(world: World, days: tuple[str, str]) -> None:
    code, said = run("backfill", "muster", "--from", days[0], "--to", days[1])

    assert code == WRONG_USE
    assert said
