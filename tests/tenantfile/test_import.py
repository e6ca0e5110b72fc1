"""Importing: what a file makes, that twice changes nothing, that a fault leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from connectors.models import Connection, Grant
from sandbox.app import Sandbox
from sync import services
from sync.models import AccountMapping, Flow, Record, Rule
from sync.tenantfile.exporter import tenant_export
from sync.tenantfile.importer import Report
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.vendors import Unreachable
from tenants import audit
from tenants.models import Invitation, Membership, Role, Tenant
from tenants.scoping import tenant_scope
from tenants.selectors import tenant_by_slug
from tenants.services import user_create

Load = Callable[..., Report]

FILE = dedent(
    """\
    tenant: {slug: muster, name: Muster Handels AG}
    owners: [admin@muster.example]
    connections:
      amnis: {client_id: ck_1, client_secret_env: AMNIS_SECRET}
      xero: {organisation: Muster Handels AG, refresh_token_env: XERO_TOKEN}
    flow:
      cutoff: 2026-01-01
      frequency_minutes: 5
      accounts:
        - {source: 1, xero: 090}
        - {source: 2, xero: EUR Amnis}
        - {source: 5, ignore: collateral}
      defaults: {income: 200, expense: 400, fee: 404, fx_clearing: 850, tax_income: NONE, tax_expense: NONE}
      policies: {lock_date: hold}
      review: {amount_over: {CHF: "50000.00"}}
      rules:
        - {name: Rent, when: {field: counterparty, op: contains, value: Immobilien}, then: {account: 469}}
        - {name: Fees, when: {field: type, op: is, value: fee}, then: {account: 404}}
    """
)


@contextmanager
def inside(slug: str = "muster") -> Iterator[Tenant]:
    tenant = tenant_by_slug(slug)
    with tenant_scope(tenant.pk):
        yield tenant


def mappings() -> dict[str, tuple[str, bool]]:
    return {row.source_account_id: (row.destination_account_id, row.ignored) for row in AccountMapping.objects.all()}


def account_id(world: Sandbox, name: str) -> str:
    books = world.xero.books("Muster Handels AG")
    found = (
        one["AccountID"] for one in books.small_list("xero.account").values() if name in (one["Code"], one["Name"])
    )
    return str(next(found))


def calls(world: Sandbox) -> int:
    return len(world.xero.log()) + len(world.amnis.calls)


def test_a_file_makes_the_whole_tenant(world: Sandbox, load: Load) -> None:
    report = load(FILE)
    assert report.findings == ()
    with inside() as tenant:
        assert (tenant.name, tenant.timezone) == ("Muster Handels AG", "Europe/Zurich")
        flow = Flow.objects.get()
        assert (flow.cutoff, flow.frequency_minutes) == (date(2026, 1, 1), 5)
        assert flow.source is not None
        assert flow.destination is not None
        assert (flow.source.external_id, flow.destination.name) == ("ck_1", "Muster Handels AG")
        assert {flow.source.status, flow.destination.status} == {"active"}
        assert flow.defaults["expense"] == "400"
        assert flow.review == {"amount_over": {"CHF": "50000.00"}}
        assert mappings() == {
            "1": (account_id(world, "090"), False),
            "2": (account_id(world, "EUR Amnis"), False),
            "5": ("", True),
        }
        assert [(rule.name, rule.version) for rule in Rule.objects.all()] == [("Rent", 1), ("Fees", 1)]
        assert audit.verify(tenant.pk) == []


def test_a_category_for_new_cost_centres_must_exist_and_missing_options_are_no_doubt(load: Load) -> None:
    rule = "- {name: Office, when: {field: type, op: is, value: fee}, then: {account: 404, tracking: {Region: Neu}}}"
    file = FILE.replace("tax_expense: NONE}", "tax_expense: NONE, tracking_category: Region}") + f"    {rule}\n"
    assert len(load(file).findings) == 1
    created = file.replace("{lock_date: hold}", "{lock_date: hold, tracking_options: create}")
    assert load(created).findings == ()
    with inside():
        flow = Flow.objects.get()
        assert (flow.defaults["tracking_category"], flow.policies["tracking_options"]) == ("Region", "create")
    with pytest.raises(FileFault, match="no tracking category 'Farbe'"):
        load(file.replace("tracking_category: Region", "tracking_category: Farbe"))


def test_the_second_import_changes_nothing_and_calls_nobody(world: Sandbox, load: Load) -> None:
    load(FILE)
    with inside() as tenant:
        events = audit.AuditEvent.objects.count()
    before = calls(world)
    report = load(FILE)
    assert (report.changes, report.findings, report.links) == ((), (), ())
    assert calls(world) == before
    with tenant_scope(tenant.pk):
        assert audit.AuditEvent.objects.count() == events


def test_a_new_person_gets_one_link_that_signs_in_as_an_owner(load: Load) -> None:
    report = load(FILE)
    assert [link.email for link in report.links] == ["admin@muster.example"]
    assert "/" in report.links[0].url
    with inside():
        assert Invitation.objects.get().role == Role.OWNER


def test_a_known_person_becomes_an_owner_at_once(load: Load) -> None:
    user_create(email="admin@muster.example", actor="test")
    report = load(FILE)
    assert report.links == ()
    with inside():
        assert Membership.objects.get().role == Role.OWNER


def test_a_changed_file_shows_the_difference_and_applies_it(world: Sandbox, load: Load) -> None:
    load(FILE)
    changed = (
        FILE.replace("frequency_minutes: 5", "frequency_minutes: 30")
        .replace("{source: 2, xero: EUR Amnis}", "{source: 3, xero: 092}")
        .replace("account: 469", "account: 400")
        .replace('review: {amount_over: {CHF: "50000.00"}}', "review: {}")
    )
    report = load(changed, dry_run=True)
    assert {change.path: (change.before, change.after) for change in report.changes} == {
        "flow.frequency_minutes": ("5", "30"),
        "flow.accounts.2": (f"EUR Amnis ({account_id(world, 'EUR Amnis')})", "(nothing)"),
        "flow.accounts.3": ("(nothing)", f"092 USD Amnis ({account_id(world, '092')})"),
        "flow.review.amount_over.CHF": ("50000.00", "(nothing)"),
        "flow.rules.Rent": (rent("469"), rent("400")),
    }
    with inside():
        assert Flow.objects.get().frequency_minutes == 5
    assert load(changed).changes == report.changes
    with inside():
        flow = Flow.objects.get()
        assert (flow.frequency_minutes, flow.review) == (30, {})
        assert sorted(mappings()) == ["1", "3", "5"]
        current = Rule.objects.filter(superseded_at=None)
        assert [(rule.name, rule.version, rule.spec["then"]) for rule in current] == [
            ("Rent", 2, {"account": "400"}),
            ("Fees", 1, {"account": "404"}),
        ]
    assert load(changed).changes == ()


def rent(code: str) -> str:
    when = '{"all": [{"field": "counterparty", "op": "contains", "value": "Immobilien"}]}'
    return f'{{"when": {when}, "then": {{"account": "{code}"}}}}'


def test_two_wallets_change_places(world: Sandbox, load: Load) -> None:
    text = FILE.replace("{source: 2, xero: EUR Amnis}", "{source: 8, xero: 096}")
    load(text)
    load(text.replace("xero: 090", "xero: X").replace("xero: 096", "xero: 090").replace("xero: X", "xero: 096"))
    with inside():
        assert mappings()["1"] == (account_id(world, "096"), False)
        assert mappings()["8"] == (account_id(world, "090"), False)


def test_a_removed_rule_is_kept_for_the_past(load: Load) -> None:
    load(FILE)
    load(FILE.replace("    - {name: Fees, when: {field: type, op: is, value: fee}, then: {account: 404}}\n", ""))
    with inside():
        assert [rule.name for rule in Rule.objects.filter(superseded_at=None)] == ["Rent"]
        assert Rule.objects.get(name="Fees").superseded_at is not None


def test_rules_change_places(load: Load) -> None:
    load(FILE)
    rules = [line for line in FILE.splitlines(keepends=True) if "name: Rent" in line or "name: Fees" in line]
    load(FILE.replace("".join(rules), "".join(reversed(rules))))
    with inside():
        assert [(rule.name, rule.version) for rule in Rule.objects.all()] == [("Fees", 1), ("Rent", 1)]


def test_a_section_that_is_left_out_stays_as_it_is(load: Load) -> None:
    load(FILE)
    assert load("tenant: {slug: muster, name: Muster Handels AG}").changes == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("xero: 090", "xero: 99", 10, "no account '99'"),
        ("xero: 090", "xero: 200", 10, "not a bank account"),
        ("xero: 090", "xero: EUR Amnis", 11, "mapped twice"),
        ("xero: 090", "xero: 092", 10, "holds CHF, but account 092 USD Amnis holds USD"),
        ("source: 1,", "source: 77,", 10, "no account '77'"),
        ("AMNIS_SECRET", "NO_SUCH", 4, "variable NO_SUCH"),
        ("XERO_TOKEN", "NO_SUCH", 5, "variable NO_SUCH"),
        ("organisation: Muster Handels AG", "organisation: Fremde AG", 5, "no organisation 'Fremde AG'"),
        ("frequency_minutes: 5", "frequency_minutes: 5.5", 8, "unquoted decimal"),
    ],
)
def test_a_wrong_file_leaves_nothing_behind(load: Load, old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(FileFault, match=words) as fault:
        load(FILE.replace(old, new, 1))
    assert fault.value.line == line
    with pytest.raises(Tenant.DoesNotExist):
        tenant_by_slug("muster")


def test_a_wrong_change_leaves_everything_as_it_was(load: Load) -> None:
    load(FILE)
    changed = FILE.replace("frequency_minutes: 5", "frequency_minutes: 9").replace("xero: 090", "xero: 99")
    with pytest.raises(FileFault):
        load(changed)
    with inside():
        assert Flow.objects.get().frequency_minutes == 5


def test_a_refused_token_is_a_fault_and_a_refused_key_too(load: Load, variables: dict[str, str]) -> None:
    token = variables.pop("XERO_TOKEN")
    variables["XERO_TOKEN"] = "not-a-token"
    with pytest.raises(FileFault, match="line 5"):
        load(FILE)
    variables.update(XERO_TOKEN=token, AMNIS_SECRET="wrong")
    with pytest.raises(FileFault, match="line 4"):
        load(FILE)


def test_a_vendor_out_of_reach_is_no_fault_of_the_file(world: Sandbox, load: Load, settings: Settings) -> None:
    settings.CONNECTOR_TRANSPORTS = {}  # nobody answers at these addresses
    with pytest.raises(Unreachable):
        load(FILE)
    with pytest.raises(Tenant.DoesNotExist):
        tenant_by_slug("muster")


def test_several_organisations_and_no_name_are_ambiguous(world: Sandbox, load: Load, variables: dict[str, str]) -> None:
    variables["XERO_TOKEN"] = token_for(world, "Muster Handels AG", "Muster Immobilien AG")
    with pytest.raises(FileFault, match="line 5: the Xero token opens several organisations"):
        load(FILE.replace("organisation: Muster Handels AG, ", ""))
    load(FILE.replace("organisation: Muster Handels AG", "organisation: muster handels ag"))


def token_for(world: Sandbox, *organisations: str) -> str:
    return str(world.xero.issue_tokens(*organisations)["refresh_token"])


def test_several_tenants_may_name_one_token(world: Sandbox, load: Load, variables: dict[str, str]) -> None:
    """The grant belongs to the Xero user; the token was rotated with the first import and is remembered by its hash."""
    variables["XERO_TOKEN"] = token_for(world, "Muster Handels AG", "Muster Immobilien AG")
    load(FILE)
    other = FILE.replace("slug: muster, name: Muster Handels AG", "slug: immo, name: Muster Immobilien AG")
    other = other.replace("organisation: Muster Handels AG", "organisation: Muster Immobilien AG")
    other = other.replace("    - {source: 2, xero: EUR Amnis}\n", "").replace("source: 1,", "source: 21,")
    other = other.replace("client_id: ck_1", "client_id: ck_2")
    load(other)
    assert Grant.objects.filter(provider="xero").count() == 1
    with inside("immo"):
        assert Connection.objects.get(kind="xero").name == "Muster Immobilien AG"


def test_a_flow_that_was_used_is_never_moved_to_other_books(
    world: Sandbox, load: Load, variables: dict[str, str]
) -> None:
    variables["XERO_TOKEN"] = token_for(world, "Muster Handels AG", "Muster Immobilien AG")
    load(FILE)
    with inside():
        flow = Flow.objects.get()
        Record.objects.create(flow=flow, fingerprint="v1:a", account_id="1", content_hash="v1:b", payload={})
    variables["XERO_TOKEN"] = token_for(world, "Muster Immobilien AG")
    other = FILE.replace("organisation: Muster Handels AG", "organisation: Muster Immobilien AG")

    with pytest.raises(FileFault, match="another company"):
        load(other)

    with inside():
        assert Flow.objects.get().destination == Connection.objects.get(kind="xero", name="Muster Handels AG")


def test_xero_may_be_left_for_the_browser(load: Load) -> None:
    without = FILE.replace("  xero: {organisation: Muster Handels AG, refresh_token_env: XERO_TOKEN}\n", "")
    report = load(without)
    assert len(report.findings) == 1
    with inside():
        assert mappings() == {"1": ("", False), "2": ("", False), "5": ("", True)}
        assert Flow.objects.get().destination is None
    load(FILE)
    with inside():
        assert Flow.objects.count() == 1
        assert "" not in {destination for destination, ignored in mappings().values() if not ignored}


def test_what_the_books_do_not_allow_is_a_finding_and_no_fault(load: Load) -> None:
    """Account 470 is archived, 610 belongs to Xero itself: both exist, so the entries will say what is wrong."""
    report = load(FILE.replace("expense: 400", "expense: 610").replace("account: 469", "account: 470"))
    assert [finding.partition(":")[0] for finding in report.findings] == ["line 13", "line 17"]


def test_a_default_that_the_books_do_not_have_at_all_is_a_wrong_value(load: Load) -> None:
    with pytest.raises(FileFault, match="line 13: default expense: Xero has no account '999'"):
        load(FILE.replace("expense: 400", "expense: 999"))
    with pytest.raises(Tenant.DoesNotExist):
        tenant_by_slug("muster")


def test_an_account_made_since_the_last_reading_is_found(world: Sandbox, load: Load) -> None:
    load(FILE)
    world.xero.people("Muster Handels AG").change_account("093", Name="Sterling", Code="")
    load(FILE.replace("{source: 2, xero: EUR Amnis}", "{source: 4, xero: Sterling}"))
    with inside():
        assert mappings()["4"] == (account_id(world, "Sterling"), False)


def test_an_export_imports_to_the_same_state(world: Sandbox, load: Load, variables: dict[str, str]) -> None:
    load(FILE)
    with inside():
        text = tenant_export()
    variables.clear()  # the connections stand, so their secrets are not asked for
    assert load(text).changes == ()
    assert "cs_demo" not in text


def test_an_export_makes_the_same_tenant_elsewhere(world: Sandbox, load: Load, variables: dict[str, str]) -> None:
    load(FILE)
    with inside():
        text = tenant_export()
    variables.update(MUSTER_AMNIS_SECRET="cs_demo", MUSTER_XERO_TOKEN=variables["XERO_TOKEN"])
    load(text.replace("slug: muster", "slug: zwilling"))
    with inside("zwilling"):
        copy = tenant_export()
    assert copy.replace("ZWILLING_", "MUSTER_").replace("slug: zwilling", "slug: muster") == text


def test_the_commands_speak_one_line_and_the_exit_code(
    world: Sandbox, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "muster.yaml"
    file.write_text(FILE, encoding="utf-8")
    call_command("tenant_import", str(file))
    assert "muster: " in capsys.readouterr().out
    call_command("tenant_import", str(file))
    assert capsys.readouterr().out == "muster: nothing changes\n"
    call_command("tenant_export", "muster")
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    call_command("tenant_import", str(file))
    assert capsys.readouterr().out == "muster: nothing changes\n"
    file.write_text(FILE + "colour: red\n", encoding="utf-8")
    with pytest.raises(CommandError, match=r"muster\.yaml: line 19: unknown key") as error:
        call_command("tenant_import", str(file))
    assert error.value.returncode == 2


def test_a_secret_may_stand_in_a_file_beside_it(load: Load, variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(variables.pop("AMNIS_SECRET") + "\n", encoding="utf-8")
    load(FILE.replace("client_secret_env: AMNIS_SECRET", "client_secret_file: key"))
    with inside():
        assert Connection.objects.get(kind="amnis").is_usable


def test_rules_of_the_pages_survive_an_export(load: Load) -> None:
    """The pages allow two rules of one name, and rules that are switched off; a file knows neither."""
    load(FILE)
    with inside() as tenant:
        flow = Flow.objects.get()
        spec = {"name": "Rent", "when": {"field": "text", "op": "contains", "value": "Miete"}, "then": {"skip": True}}
        services.rule_save(tenant_id=tenant.pk, flow_id=flow.pk, actor="a@muster.example", spec=spec)
        fees = Rule.objects.get(name="Fees")
        services.rule_switch(tenant_id=tenant.pk, rule_id=fees.pk, actor="a@muster.example", active=False)
        text = tenant_export()
    load(text)
    with inside():
        current = Rule.objects.filter(superseded_at=None)
        assert sorted((rule.name, rule.active) for rule in current) == [
            ("Fees", False),
            ("Rent", True),
            ("Rent (2)", True),
        ]
    assert load(text).changes == ()


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("day", ["2099-01-01", "1999-12-31"])
def test_a_first_day_that_cannot_be_one_is_a_fault_before_a_vendor_is_asked(
    world: Sandbox, load: Load, day: str, dry_run: bool
) -> None:
    asked = calls(world)
    with pytest.raises(FileFault, match=r"line 7.*nothing before the first day is ever posted"):
        load(FILE.replace("2026-01-01", day), dry_run=dry_run)
    assert calls(world) == asked
    with pytest.raises(Tenant.DoesNotExist):
        tenant_by_slug("muster")


def test_a_vendor_out_of_reach_is_exit_three(
    world: Sandbox, variables: dict[str, str], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.CONNECTOR_TRANSPORTS = {}
    file = tmp_path / "muster.yaml"
    file.write_text(FILE, encoding="utf-8")
    with pytest.raises(CommandError) as error:
        call_command("tenant_import", str(file))
    assert error.value.returncode == 3


def test_findings_are_exit_one_and_json_stands_on_the_last_line(
    world: Sandbox, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "muster.yaml"
    file.write_text(FILE.replace("account: 469", "account: 999"), encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        call_command("tenant_import", str(file), "--json")
    assert end.value.code == 1
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["tenant"] == "muster"
    assert answer["findings"] == ["line 17: rule 'Rent': Xero has no account '999'"]
    assert {"path": "flow.cutoff", "before": "(nothing)", "after": "2026-01-01"} in answer["changes"]


def test_a_token_that_a_person_revoked_is_a_fault_and_not_forgotten(
    world: Sandbox, load: Load, variables: dict[str, str]
) -> None:
    load(FILE)
    Grant.objects.filter(provider="xero").update(status=Grant.Status.NEEDS_RECONNECT)
    with inside():
        Connection.objects.filter(kind="xero").update(status=Connection.Status.NEEDS_RECONNECT)
    with pytest.raises(FileFault, match="line 5"):
        load(FILE)
    variables["XERO_TOKEN"] = token_for(world, "Muster Handels AG")
    load(FILE)
    with inside():
        assert Connection.objects.get(kind="xero").is_usable


@pytest.mark.parametrize("long", ["device", "file"])
def test_a_file_without_an_end_is_read_no_further_than_a_tenant_s_file_goes(long: str, tmp_path: Path) -> None:
    file = Path("/dev/zero")
    if long == "file":
        file = tmp_path / "muster.yaml"
        file.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(CommandError, match="longer than the 1024 kilobytes") as error:
        call_command("tenant_import", str(file))
    assert error.value.returncode == 2
