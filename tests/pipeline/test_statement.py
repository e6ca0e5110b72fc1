"""The statement file says what the sandbox's ledger says, line by line and to the cent, and no line twice."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sync import statements, undoing
from sync.domain import statement
from sync.domain.statement import StatementLine
from sync.models import StatementExport
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import link, typed
from tests.pipeline.test_undo import carry_out

D = Decimal
MARCH = date(2026, 3, 1)
ACTOR = "anna@muster.example"


def export(world: World, account: str, *, only_new: bool = False) -> list[dict[str, str]]:
    made = statements.statement_export(
        tenant_id=world.tenant.pk,
        flow_id=world.flow_id,
        bank_account_id=world.books.account(account)["AccountID"],
        month=MARCH,
        only_new=only_new,
        actor=ACTOR,
    )
    return list(csv.DictReader(io.StringIO(made.text)))


def amounts(rows: list[dict[str, str]]) -> list[Decimal]:
    return sorted(D(row["*Amount"]) for row in rows)


@pytest.fixture
def month(world: World) -> World:
    world.amnis.pay_in(amount="1500.00", payer="Kunde Muster AG", reference="Invoice 7", executed_on=date(2026, 3, 2))
    world.amnis.payout(amount="200.50", to="Miete Beispiel AG", executed_on=date(2026, 3, 31))
    world.amnis.fee(amount="9.00", comment="=SUM(A1)", executed_on=date(2026, 3, 31))
    world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=date(2026, 3, 15))
    world.amnis.pay_in(amount="70.00", payer="April AG", executed_on=date(2026, 4, 1))
    world.settle()
    return world


def test_the_file_is_xeros_layout_and_adds_up_to_the_ledger(month: World) -> None:
    rows = export(month, "090")

    assert list(rows[0]) == ["*Date", "*Amount", "Payee", "Description", "Reference", "Check Number"]
    # 1500.00 - 300.00 - 200.50 - 9.00; April is not March
    assert amounts(rows) == [D("-300.00"), D("-200.50"), D("-9.00"), D("1500.00")]
    assert sum(amounts(rows)) == month.books.balance("090") - D("70.00") == D("990.50")
    assert amounts(export(month, "096")) == [D("300.00")], "the receiving side of the transfer"
    first = rows[0]
    assert (first["*Date"], first["*Amount"], first["Payee"]) == ("02/03/2026", "1500.00", "Kunde Muster AG")
    assert first["Reference"] in {d["Reference"] for d in month.books.bank_transactions()}


def test_the_first_and_the_last_day_belong_to_the_month_and_their_neighbours_do_not(world: World) -> None:
    days = {
        "11.00": date(2026, 2, 28),
        "12.00": date(2026, 3, 1),
        "13.00": date(2026, 3, 31),
        "14.00": date(2026, 4, 1),
    }
    for amount, day in days.items():
        world.amnis.pay_in(amount=amount, payer="Grenztag AG", executed_on=day)
    world.settle()

    rows = export(world, "090")

    assert [(row["*Date"], row["*Amount"]) for row in rows] == [("01/03/2026", "12.00"), ("31/03/2026", "13.00")]


def test_a_transfer_that_somebody_typed_as_two_documents_stands_in_both_files(world: World) -> None:
    world.amnis.own_transfer(amount="300.00", source=1, target=8, executed_on=date(2026, 3, 2))
    typed(world, "SPEND", "300.00")
    typed(world, "RECEIVE", "300.00", account="096")
    world.settle()
    [entry] = world.entries()
    link(world, entry)
    assert len(world.books.bank_transactions()) == 2
    assert world.books.bank_transfers() == []

    files = {account: export(world, account) for account in ("090", "096")}

    assert {account: amounts(rows) for account, rows in files.items()} == {"090": [D("-300.00")], "096": [D("300.00")]}
    for account, rows in files.items():
        assert sum(amounts(rows)) == world.books.balance(account), account
    with tenant_scope(world.tenant.pk):
        listed = {row["account_id"]: row["total"] for row in statements.months_of(world.flow())}
    assert listed == {
        world.books.account(name)["AccountID"]: D(f"{sign}300") for name, sign in (("090", "-"), ("096", ""))
    }


def test_what_starts_like_a_formula_is_made_harmless_and_amounts_stay_numbers(month: World) -> None:
    fee = next(row for row in export(month, "090") if row["*Amount"] == "-9.00")
    assert not any(fee[name].startswith(("=", "+", "-", "@")) for name in ("Payee", "Description", "Reference"))
    assert "'=SUM(A1)" in (fee["Description"], fee["Reference"]) or fee["Reference"].startswith("'=SUM(A1)")
    semicolon = statement.StatementLine(marker="MR-1", date=MARCH, amount=D("-12.50"), payee="Rent;=1+1")
    assert statement.to_csv([semicolon]).splitlines()[1] == "01/03/2026,-12.50,Rent;'=1+1,,,"


def test_a_second_file_brings_only_what_was_added_since(month: World) -> None:
    assert len(export(month, "090", only_new=True)) == 4
    assert export(month, "090", only_new=True) == []
    month.amnis.pay_in(amount="33.00", payer="Spaet AG", executed_on=date(2026, 3, 30))
    month.settle()

    with tenant_scope(month.tenant.pk):
        told = statements.statement_of(
            month.flow(), bank_account_id=month.books.account("090")["AccountID"], month=MARCH
        )
    assert (len(told.since.same), len(told.since.new)) == (4, 1)
    assert amounts(export(month, "090", only_new=True)) == [D("33.00")]
    with tenant_scope(month.tenant.pk):
        exports = [e.after for e in AuditEvent.objects.filter(action="export").order_by("position")]
    assert [(e["lines"], e["sum"]) for e in exports if e] == [(4, "990.50"), (0, "0.00"), (1, "33.00")]


def test_a_document_that_was_deleted_after_the_export_is_told(month: World) -> None:
    export(month, "090")
    paid = next(
        d for d in month.books.bank_transactions() if d["Type"] == "SPEND" and D(str(d["Total"])) == D("200.50")
    )
    month.sandbox.xero.people("Muster Handels AG").delete(paid["BankTransactionID"])
    month.set_flow(mirror_read_at=month.sandbox.clock.now() - timedelta(minutes=56))  # drift is read hourly
    month.sync()

    with tenant_scope(month.tenant.pk):
        told = statements.statement_of(
            month.flow(), bank_account_id=month.books.account("090")["AccountID"], month=MARCH
        )
    assert [line["amount"] for line in told.since.gone] == ["-200.50"]
    # 990.50 + 200.50
    assert told.total == D("1191.00") == month.books.balance("090") - D("70.00")


def test_the_command_prints_the_file_and_warns_of_lines_exported_before(month: World, capsys: Any) -> None:
    arguments = ["statement", "muster", "--account", "1", "--month", "2026-03", "--csv"]
    with pytest.raises(SystemExit) as first:
        call_command(*arguments)
    text = capsys.readouterr().out
    with pytest.raises(SystemExit) as again:
        call_command(*arguments)

    assert (first.value.code, again.value.code) == (0, 1)
    assert sum(D(row["*Amount"]) for row in csv.DictReader(io.StringIO(text))) == D("990.50")
    assert "4 of these lines were exported before" in capsys.readouterr().err


def test_a_month_of_more_lines_than_xero_takes_comes_in_numbered_parts() -> None:
    """2,500 lines of one centime: 1,000 and 1,000 and 500. Together they are the month, each line once."""
    lines = [StatementLine(marker=f"MR-{n}", date=date(2026, 3, 2), amount=D("0.01")) for n in range(2500)]

    parts = statement.in_parts(lines)

    assert [len(part) for part in parts] == [1000, 1000, 500]
    assert [line for part in parts for line in part] == lines
    assert statement.in_parts([]) == [()]
    assert [statement.parts_of(n) for n in (0, 1, 1000, 1001, 2500)] == [1, 1, 1, 2, 3]


def test_the_command_warns_of_too_many_lines_and_gives_them_part_by_part(
    month: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if Xero took three: the four lines of March are two parts."""
    monkeypatch.setattr(statement, "MOST_LINES", 3)
    arguments = ["statement", "muster", "--account", "1", "--month", "2026-03", "--csv", "--only-new"]

    def printed(*more: str) -> tuple[int, list[Decimal], str]:
        with pytest.raises(SystemExit) as end:
            call_command(*arguments, *more)
        told = capsys.readouterr()
        return int(str(end.value.code)), amounts(list(csv.DictReader(io.StringIO(told.out)))), told.err

    first, second = printed("--part", "1"), printed("--part", "2")

    assert [first[0], second[0]] == [0, 0]
    assert sorted(first[1] + second[1]) == [D("-300.00"), D("-200.50"), D("-9.00"), D("1500.00")]
    assert len(first[1]) == 3
    with pytest.raises(CommandError, match="the month has 2 parts"):
        call_command(*arguments, "--part", "3")
    with pytest.raises(SystemExit) as end:
        call_command(*arguments[:-1])
    assert end.value.code == 1
    assert "--part 1 to --part 2" in capsys.readouterr().err


@pytest.mark.parametrize("month", ["9999-12", "2026-13", "0000-01", "March"])
def test_a_month_that_does_not_exist_is_wrong_use_and_no_error(world: World, month: str) -> None:
    with pytest.raises(CommandError, match="not a month"):
        call_command("statement", "muster", "--account", "1", "--month", month)


def test_parts_are_cut_once_and_neither_share_nor_miss_a_line_whatever_is_posted_in_between(
    month: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if Xero took two: March is 1500.00 and -300.00, then -200.50 and -9.00. A row of 1 March comes in between, which
    would push -300.00 into the second file as well."""
    monkeypatch.setattr(statement, "MOST_LINES", 2)

    def part(*more: str) -> tuple[list[Decimal], str]:
        with pytest.raises(SystemExit) as end:
            call_command("statement", "muster", "--account", "1", "--month", "2026-03", "--csv", *more)
        assert end.value.code in (0, 1)
        told = capsys.readouterr()
        return amounts(list(csv.DictReader(io.StringIO(told.out)))), told.err

    first, said = part("--part", "1")
    month.amnis.pay_in(amount="33.00", payer="Spaet AG", executed_on=date(2026, 3, 1))
    month.settle()
    second, also = part("--part", "2")

    assert (first, second) == ([D("-300.00"), D("1500.00")], [D("-200.50"), D("-9.00")])
    moment = said.split("--as-of ")[1].split()[0]
    assert f"part 2 of 2, cut at {moment}" in also
    assert part("--only-new")[0] == [D("33.00")], "what came later is a line of its own"
    assert part("--part", "1", "--as-of", moment)[0] == first, "the same part once more"
    assert part("--part", "1")[0] == [D("33.00"), D("1500.00")], "cut anew"
    anew = [*part("--part", "2")[0], *part("--part", "3")[0]]
    assert sorted(anew) == [D("-300.00"), D("-200.50"), D("-9.00")], "two and one, of the new cut"
    with pytest.raises(CommandError, match="nothing was cut into parts"):
        call_command(
            "statement", "muster", "--account", "1", "--month", "2026-03", "--csv", "--part", "1",
            "--as-of", "2026-01-01T00:00:00+00:00",
        )  # fmt: skip


def test_all_parts_are_written_at_once(
    month: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(statement, "MOST_LINES", 3)
    arguments = ["statement", "muster", "--account", "1", "--month", "2026-03", "--files", str(tmp_path), "--json"]

    call_command(*arguments)

    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [Path(name).name for name in told["files"]] == [
        "statement-1-2026-03-part-1-of-2.csv", "statement-1-2026-03-part-2-of-2.csv",
    ]  # fmt: skip
    read = [list(csv.DictReader(io.StringIO(Path(name).read_text()))) for name in told["files"]]
    assert [len(rows) for rows in read] == [3, 1]
    assert sum(amounts([row for rows in read for row in rows])) == D("990.50")
    with pytest.raises(CommandError, match="name another folder"):
        call_command(*arguments)
    with tenant_scope(month.tenant.pk):
        assert AuditEvent.objects.filter(action="export").count() == 1, "one moment, one export"


# ------------------------------------------------------------- a write that fails; movements that are posted again


def files_of(month: World, folder: Path) -> None:
    call_command(
        "statement", "muster", "--account", "1", "--month", "2026-03", "--files", str(folder), "--only-new", "--json"
    )


def test_a_write_that_fails_is_one_line_and_nothing_counts_as_exported(
    month: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The disk is full when the second of two files is written: neither is left behind."""
    monkeypatch.setattr(statement, "MOST_LINES", 3)
    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(CommandError, match="No space left on device") as refused:
            files_of(month, tmp_path)

    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    with tenant_scope(month.tenant.pk):
        assert StatementExport.objects.count() == 0
        assert not AuditEvent.objects.filter(action="export").exists()
    files_of(month, tmp_path)
    read = [list(csv.DictReader(io.StringIO(path.read_text()))) for path in sorted(tmp_path.iterdir())]
    # 1500.00 - 300.00 - 200.50 - 9.00
    assert sum(amounts([row for rows in read for row in rows])) == D("990.50")


def test_a_folder_that_takes_no_files_is_wrong_use(month: World) -> None:
    with pytest.raises(CommandError, match="could not be written") as refused:
        files_of(month, Path("/proc"))

    assert refused.value.returncode == 2
    with tenant_scope(month.tenant.pk):
        assert StatementExport.objects.count() == 0


def test_a_folder_whose_name_is_too_long_is_one_line_and_wrong_use(month: World, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot be read \(File name too long\): name another") as refused:
        files_of(month, tmp_path / ("a" * 300))

    assert refused.value.returncode == 2


class Hung(io.StringIO):
    """A reader that goes away before it has read everything."""

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_lines_that_the_reader_never_got_are_not_remembered_as_exported(month: World) -> None:
    command = ("statement", "muster", "--account", "1", "--month", "2026-03", "--csv", "--only-new")

    with pytest.raises(CommandError, match=r"Broken pipe.*Nothing counts as exported") as refused:
        call_command(*command, stdout=Hung())

    assert refused.value.returncode == 2
    with tenant_scope(month.tenant.pk):
        assert StatementExport.objects.count() == 0
    printed = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*command, stdout=printed)
    assert ended.value.code == 0
    # 1500.00 - 300.00 - 200.50 - 9.00
    assert sum(amounts(list(csv.DictReader(io.StringIO(printed.getvalue()))))) == D("990.50")


def posted_again(world: World, amount: str) -> None:
    """Undone, and posted again by the same person: another document with another marker."""
    entry = next(it for it in world.entries() if it.amount == D(amount))
    undoing.undo(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=undoing.Selection(entry=entry.pk), actor=ACTOR
    )
    world.settle()
    carry_out(world)
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=[entry.pk], actor=ACTOR)
    world.settle()
    world.settle()


def test_a_movement_that_is_posted_again_after_its_export_is_no_second_line(month: World) -> None:
    export(month, "090")
    before = month.books.balance("090")
    posted_again(month, "1500.00")
    assert month.books.balance("090") == before

    with tenant_scope(month.tenant.pk):
        told = statements.statement_of(
            month.flow(), bank_account_id=month.books.account("090")["AccountID"], month=MARCH
        )
    assert [len(it) for it in (told.since.new, told.since.same, told.since.changed, told.since.gone)] == [0, 4, 0, 0]
    assert export(month, "090", only_new=True) == [], "the bank account moved once"


def test_a_line_that_is_posted_again_between_two_parts_stays_in_its_part(
    month: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "MOST_LINES", 2)

    def part(number: int) -> list[Decimal]:
        made = statements.statement_export(
            tenant_id=month.tenant.pk, flow_id=month.flow_id, month=MARCH, only_new=False, actor=ACTOR, part=number,
            bank_account_id=month.books.account("090")["AccountID"],
        )  # fmt: skip
        return amounts(list(csv.DictReader(io.StringIO(made.text))))

    first = part(1)
    posted_again(month, "-200.50")

    assert (first, part(2)) == ([D("-300.00"), D("1500.00")], [D("-200.50"), D("-9.00")])


def test_lines_that_left_before_entries_were_kept_are_known_by_their_marker() -> None:
    line = StatementLine(marker="MR-1", entry="17", date=MARCH, amount=D("5.00"))
    early = {"marker": "MR-1", "date": "2026-03-01", "amount": "5.00"}
    gone = {"marker": "MR-2", "date": "2026-03-01", "amount": "6.00"}

    told = statement.since_last([line], [early, gone])

    assert (told.new, told.same, told.changed, told.gone) == ((), (line,), (), (gone,))
