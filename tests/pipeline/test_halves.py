"""A deal of which one half stands in the books already: the other one follows from what stands, so that the clearing
account returns to 0.00, or a person is told the figures.

Rates are foreign units for one franc. Base values are round(amount / rate, 2), by hand in each comment.
"""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader

from sandbox.xero.problems import Invalid
from sync import certifying, linking, proofs, proposals, services, undoing
from sync.models import Entry, Incident
from sync.proving import flow_prove
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.test_linking import BOB, MARCH, an_hour_later, link, people
from tests.pipeline.test_own_rates import quoted, take
from tests.pipeline.test_undo import carry_out

D = Decimal
EUR_ACCOUNT, CHF_ACCOUNT = "EUR Amnis", "090"


def typed_half(world: World, kind: str, amount: str, account: str, *, rate: str = "") -> str:
    """Half of a deal that somebody types in Xero, on the clearing account; its id."""
    line = {"Description": "typed", "Quantity": 1, "UnitAmount": D(amount), "AccountCode": "850", "TaxType": "NONE"}
    document = people(world).type_bank_transaction(
        Type=kind,
        Contact={"Name": "Amnis"},
        BankAccount={"AccountID": world.books.account(account)["AccountID"]},
        Date="2026-03-02",
        LineItems=[line],
        **({"CurrencyRate": D(rate)} if rate else {}),
    )
    return str(document["BankTransactionID"])


def francs_to_euros(world: World) -> None:
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=MARCH, value_on=MARCH)
    world.settle()


def euros_to_dollars(world: World) -> None:
    people(world).fix_day_rate("EUR", MARCH, D("1.055312"))
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), dealt_on=MARCH, value_on=MARCH)
    world.settle()
    world.settle()


def link_the_offered(world: World) -> Entry:
    entry = next(it for it in world.entries() if linking.offered_to(it))
    link(world, entry)
    world.settle()
    return entry


def try_again(world: World) -> None:
    held = [it.pk for it in world.entries() if it.state == "review"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=held, actor=BOB)
    world.settle()
    world.settle()


def post_again(world: World) -> None:
    everything = [it.pk for it in world.entries()]
    undoing.entry_post_again(tenant_id=world.tenant.pk, entry_ids=everything, actor=BOB)
    world.settle()
    world.settle()


def spent(world: World, kind: str = "SPEND") -> str:
    return next(str(it["BankTransactionID"]) for it in world.books.bank_transactions() if it["Type"] == kind)


def lines(world: World, kind: str) -> list[tuple[str, Decimal]]:
    document = next(it for it in world.books.bank_transactions() if it["Type"] == kind)
    return [(line["AccountCode"], D(str(line["LineAmount"]))) for line in document["LineItems"]]


def rate(world: World, kind: str) -> Decimal:
    return D(str(next(it for it in world.books.bank_transactions() if it["Type"] == kind)["CurrencyRate"]))


def clearing(world: World) -> Decimal:
    return world.books.base_balance("850")


def told(world: World) -> list[Incident]:
    with tenant_scope(world.tenant.pk):
        return list(Incident.objects.filter(closed_at=None, cause__startswith="open_fx:"))


# ------------------------------------------------------------------ a half that somebody typed


def test_a_typed_foreign_half_at_another_rate_is_asked_about_with_the_figures(world: World) -> None:
    """263,811.37 / 1.060000 = 248,878.65 (248,878.6509); 250,000.00 - 248,878.65 = 1,121.35: no rounding."""
    typed_half(world, "RECEIVE", "263811.37", EUR_ACCOUNT, rate="1.060000")
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)

    assert len(world.books.bank_transactions()) == 1, "nothing is posted beside it"
    [held] = [it for it in world.entries() if it.state == "review"]
    [finding] = [it for it in held.findings if it["code"] == "fx_halves_differ"]
    for figure in ("EUR 263,811.37", "1.060000", "CHF 248,878.65", "CHF 1,121.35", "1.055245"):
        assert figure in finding["message"], finding["message"]


def test_the_rate_of_the_typed_half_corrected_as_told_closes_the_deal(world: World) -> None:
    """263,811.37 / 1.055245 = 250,000.11: the franc half clears that, and -0.11 goes to rounding."""
    document = typed_half(world, "RECEIVE", "263811.37", EUR_ACCOUNT, rate="1.060000")
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    people(world).edit(document, CurrencyRate=D("1.055245"))
    try_again(world)

    assert lines(world, "SPEND") == [("850", D("250000.11")), ("860", D("-0.11"))]
    assert clearing(world) == D("0.00")


def test_the_difference_goes_to_rounding_where_a_person_accepts_it(world: World) -> None:
    typed_half(world, "RECEIVE", "263811.37", EUR_ACCOUNT, rate="1.060000")
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    [held] = [it for it in world.entries() if it.state == "review"]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor=BOB)
    world.settle()

    assert lines(world, "SPEND") == [("850", D("248878.65")), ("860", D("1121.35"))]
    assert clearing(world) == D("0.00")


def test_a_typed_half_in_base_currency_decides_what_the_foreign_one_is_worth(world: World) -> None:
    """263,811.37 / 250,000.00 is 1.055245 (six decimals), worth 250,000.11; 263,811.25 / 1.055245 = 250,000.00, and the
    other 0.12 euros are rounding."""
    typed_half(world, "SPEND", "250000.00", CHF_ACCOUNT)
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)

    assert rate(world, "RECEIVE") == D("1.055245")
    assert lines(world, "RECEIVE") == [("850", D("263811.25")), ("860", D("0.12"))]
    assert clearing(world) == D("0.00")


# ------------------------------------------------------------------ a half that is lost


def test_a_lost_link_is_posted_at_what_the_half_beside_it_stands_at(world: World) -> None:
    """The dollars stand on 250,000 / 1.1 = 227,272.73 francs; at the day rate the euros would be 236,896.77."""
    people(world).fix_day_rate("EUR", MARCH, D("1.055312"))
    document = typed_half(world, "SPEND", "250000.00", EUR_ACCOUNT, rate="1.100000")
    euros_to_dollars(world)
    link_the_offered(world)
    try_again(world)
    assert clearing(world) == D("0.00")
    people(world).delete(document)
    an_hour_later(world)
    try_again(world)

    assert rate(world, "SPEND") == D("1.1")
    assert clearing(world) == D("0.00")
    assert world.states() == ["confirmed", "confirmed"], "and nobody is told that Amnis changed something"


def test_a_deleted_first_half_is_told_and_posted_again_at_what_the_other_stands_at(world: World) -> None:
    """USD stand on X = 250,000 / 1.055312 = 236,896.77; the rate of the day has changed since."""
    euros_to_dollars(world)
    people(world).delete(spent(world))
    people(world).fix_day_rate("EUR", MARCH, D("1.100000"))
    an_hour_later(world)
    [incident] = told(world)
    assert "CHF 236,896.77" in incident.body
    assert "deleted in Xero" in incident.body
    post_again(world)

    assert rate(world, "SPEND") == D("1.055312")
    assert clearing(world) == D("0.00")
    assert world.states() == ["confirmed", "confirmed"]
    an_hour_later(world)
    assert told(world) == []


def test_a_corrected_rate_table_does_not_open_a_deal_of_which_one_half_is_posted_again(world: World) -> None:
    """0.9476 francs a euro are 1.055298 euros a franc: what stands is kept, 0.9300 would be 1.075269."""
    world.set_flow(policies={"rate": "table"})
    take(world, quoted("0.9476"))
    day = date(2026, 3, 4)
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), dealt_on=day, value_on=day)
    world.settle()
    world.settle()
    people(world).delete(spent(world))
    take(world, quoted("0.9300"))
    an_hour_later(world)
    post_again(world)

    assert rate(world, "SPEND") == D("1.055298")
    assert clearing(world) == D("0.00")
    assert world.states() == ["confirmed", "confirmed"]


def amended(world: World, row: int | None, field: str, amount: str, leg: str) -> None:
    """Amnis corrects one amount of a posted deal, and a person applies it."""
    assert row is not None
    detail: dict[str, Any] = {field: amount.removeprefix("-")}
    world.amnis.change_detail(row, **detail)
    world.amnis.change(row, amount=amount)
    world.settle()
    entry = next(it.pk for it in world.entries() if it.leg == leg)
    assert proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry, actor=BOB) is not None
    carry_out(world)


def test_a_half_posted_again_after_an_amendment_follows_from_the_rate_that_stands_now(world: World) -> None:
    """EUR 1,050 for CHF 1,010 stand at 1,050 / 1,010 = 1.039604, worth 1,010.00; at the first rate of 1.05 it was 1,000."""
    pair = world.amnis.fx(sold=(1, "1000.00"), bought=(2, "1050.00"), dealt_on=MARCH, value_on=MARCH)
    world.settle()
    amended(world, pair.paid, "amountFrom", "-1010.00", "sold")
    assert rate(world, "RECEIVE") == D("1.039604")
    people(world).delete(spent(world))
    an_hour_later(world)
    post_again(world)

    assert lines(world, "SPEND") == [("850", D("1010.00"))]
    assert clearing(world) == D("0.00")
    assert world.states() == ["confirmed", "confirmed"]


def test_the_first_half_of_two_foreign_ones_posted_again_follows_from_the_amended_second_one(world: World) -> None:
    """Euros at 1.055312: 250,000 = 236,896.77. Amnis makes it 280,000 dollars, which stand at 280,000 / 236,896.77 = 1.181949;
    at the first rate of 1.145787 they would be worth 244,373.51."""
    people(world).fix_day_rate("EUR", MARCH, D("1.055312"))
    pair = world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), dealt_on=MARCH, value_on=MARCH)
    world.settle()
    world.settle()
    amended(world, pair.received, "amountTo", "280000.00", "bought")
    assert rate(world, "RECEIVE") == D("1.181949")
    people(world).delete(spent(world))
    an_hour_later(world)
    post_again(world)

    assert rate(world, "SPEND") == D("1.055312")
    assert clearing(world) == D("0.00")
    assert world.states() == ["confirmed", "confirmed"]


@pytest.mark.parametrize("noticed", [True, False], ids=["after the hourly look", "tried again at once"])
def test_the_rate_of_our_own_half_corrected_as_told_closes_the_deal(world: World, noticed: bool) -> None:
    """Amnis makes CHF 1,010 of 1,000 while that half is deleted; EUR 1,050 stand at 1.05, and 1.039604 would close it."""
    pair = world.amnis.fx(sold=(1, "1000.00"), bought=(2, "1050.00"), dealt_on=MARCH, value_on=MARCH)
    world.settle()
    assert pair.paid is not None
    people(world).delete(spent(world))
    world.amnis.change_detail(pair.paid, amountFrom="1010.00")
    world.amnis.change(pair.paid, amount="-1010.00")
    an_hour_later(world)
    post_again(world)
    [asked] = [it for entry in world.entries() for it in entry.findings if it["code"] == "fx_halves_differ"]
    assert "Correct the rate there to 1.039604" in asked["message"]
    people(world).edit(spent(world, "RECEIVE"), CurrencyRate=D("1.039604"))
    if noticed:
        an_hour_later(world)
    held = [it.pk for it in world.entries() if it.leg == "sold"]
    services.entry_retry(tenant_id=world.tenant.pk, entry_ids=held, actor=BOB)
    world.settle()

    assert lines(world, "SPEND") == [("850", D("1010.00"))]
    assert clearing(world) == D("0.00")
    an_hour_later(world)
    assert world.states() == ["confirmed", "confirmed"]
    assert told(world) == []


def test_what_is_left_of_a_deal_can_be_undone_where_its_other_half_was_deleted(world: World) -> None:
    euros_to_dollars(world)
    people(world).delete(spent(world))
    an_hour_later(world)
    left = next(it for it in world.entries() if it.leg == "bought")
    asked = undoing.undo(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=undoing.Selection(entry=left.pk), actor=BOB
    )
    assert asked.batch is not None, [it.problem for it in asked.preview.items]
    carry_out(world)

    assert world.books.bank_transactions() == []
    assert clearing(world) == D("0.00")
    an_hour_later(world)
    assert told(world) == []


# ------------------------------------------------------------------ the net beneath


def test_a_deal_that_does_not_close_is_named_with_its_figure_and_the_way_named_closes_it(world: World) -> None:
    """The typed francs' deal closes at 250,000.00; the typed euros are edited to 1.06 afterwards: 248,878.65 against
    250,000.11 of ours. Ours undone and posted again asks with the figures; accepted, the account is at 0.00."""
    document = typed_half(world, "RECEIVE", "263811.37", EUR_ACCOUNT, rate="1.055245")
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    assert clearing(world) == D("0.00")
    people(world).edit(document, CurrencyRate=D("1.060000"))
    an_hour_later(world)

    [incident] = told(world)
    assert "CHF 1,121.46" in incident.body
    assert abs(clearing(world)) == D("1121.46")
    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    assert [it["rest"] for it in proof["clearing"]] == ["1121.46"]
    assert "clearing" in proof["says"].lower()

    ours = next(it for it in world.entries() if it.leg == "sold")
    asked = undoing.undo(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=undoing.Selection(entry=ours.pk), actor=BOB
    )
    assert asked.batch is not None, [it.problem for it in asked.preview.items]
    carry_out(world)
    [out] = [it for it in flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["held_items"]]
    assert out["action"].startswith("Only one document of its movement was taken out")
    post_again(world)
    [held] = [it for it in world.entries() if it.state == "review"]
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor=BOB)
    world.settle()
    assert clearing(world) == D("0.00")
    an_hour_later(world)
    assert told(world) == []
    assert flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["clearing"] == []


def test_a_change_that_cannot_be_posted_says_so_and_offers_nothing_that_does_nothing(world: World) -> None:
    """Amnis makes a posted deal unreadable: there is no document to apply."""
    pair = world.amnis.fx(sold=(1, "1000.00"), bought=(2, "1055.25"), dealt_on=MARCH, value_on=MARCH)
    world.settle()
    assert pair.received is not None
    world.amnis.change_detail(pair.received, amountTo=None)
    world.settle()

    messages = [it["message"] for entry in world.entries() for it in entry.findings if it["code"] == "source_changed"]
    assert messages
    for message in messages:
        assert "could not be posted" in message
        assert "Apply" not in message
        assert "no longer called for" not in message
    ids = [it.pk for it in world.entries() if it.state == "review"]
    assert proposals.proposal_preview(tenant_id=world.tenant.pk, entry_id=ids[0]) == []


# ------------------------------------------------------------------ whatever became of the other half


def proof(world: World, day: date | None = None) -> dict[str, Any]:
    return flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id, since=day, until=day)


def left(world: World) -> list[str]:
    return [it["rest"] for it in proof(world)["clearing"]]


def put_aside(world: World, way: str) -> None:
    """The half that stands no more, by what a person says of it."""
    [gone] = [it.pk for it in world.entries() if it.state == "review"]
    act = services.entry_skip if way == "skip" else services.entry_handled_by_hand
    act(tenant_id=world.tenant.pk, entry_ids=[gone], actor=BOB, reason="booked as a journal")
    world.settle()


def typed_francs_deleted(world: World) -> str:
    """Ours clears the typed francs at 263,811.25 / 1.055245 = 250,000.00; then the typed document is deleted."""
    document = typed_half(world, "SPEND", "250000.00", CHF_ACCOUNT)
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    assert clearing(world) == D("0.00")
    people(world).delete(document)
    an_hour_later(world)
    return document


def test_a_half_of_ours_deleted_and_then_put_aside_says_what_the_person_said(world: World) -> None:
    francs_to_euros(world)
    people(world).delete(spent(world))
    an_hour_later(world)
    put_aside(world, "by hand")
    an_hour_later(world)
    assert clearing(world) == D("-250000.11")
    [incident] = told(world)
    assert "CHF 250,000.00 was put aside (handled by hand: booked as a journal)" in incident.body
    assert left(world) == ["250000.11"]


@pytest.mark.parametrize("way", ["skip", "by hand"])
def test_a_half_that_is_put_aside_beside_one_that_stands_is_told_until_it_is_returned(world: World, way: str) -> None:
    typed_francs_deleted(world)
    assert clearing(world) == D("-250000.00")
    [held] = told(world)
    assert "CHF 250,000.00 stay on the clearing account" in held.body
    assert left(world) == ["250000.00"]

    put_aside(world, way)
    an_hour_later(world)

    assert clearing(world) == D("-250000.00")
    [aside] = told(world)
    assert (aside.pk, "booked as a journal" in aside.body) == (held.pk, True), (
        "the same incident, with what is true now"
    )
    assert left(world) == ["250000.00"]
    assert proof(world)["says"] == "In balance. But one exchange leaves CHF 250,000.00 on the clearing account."

    services.entry_retry(
        tenant_id=world.tenant.pk, entry_ids=[it.pk for it in world.entries() if it.state == "skipped"], actor=BOB
    )
    world.settle()
    world.settle()
    assert clearing(world) == D("0.00")
    assert (told(world), left(world)) == ([], [])


def test_a_rest_that_a_person_accepts_is_no_incident_until_it_is_another_one(world: World) -> None:
    """The franc half was booked as a journal, which Millrace does not see: a person says so, with a reason."""
    typed_francs_deleted(world)
    put_aside(world, "by hand")
    [item] = proof(world)["clearing"]
    given: dict[str, Any] = {"tenant_id": world.tenant.pk, "flow_id": world.flow_id, "actor": BOB}
    which = {"document_id": item["document"], "account_id": item["account_id"]}
    proofs.document_accept(**given, **which, reason="journal 17 of the fiduciary")
    world.settle()

    assert told(world) == []
    after = proof(world)
    assert (after["clearing"], [it["reason"] for it in after["accepted"]]) == ([], ["journal 17 of the fiduciary"])

    people(world).edit(spent(world, "RECEIVE"), CurrencyRate=D("1.060000"))  # 263,811.25 / 1.06 = 248,878.54
    an_hour_later(world)
    assert clearing(world) == D("-248878.54")
    assert ["CHF 248,878.54" in it.body for it in told(world)] == [True]
    people(world).edit(spent(world, "RECEIVE"), CurrencyRate=D("1.055245"))
    an_hour_later(world)
    assert told(world) == []
    proofs.document_withdraw(**given, **which)
    an_hour_later(world)
    assert len(told(world)) == 1


def test_a_half_of_ours_that_is_undone_and_put_aside_beside_a_linked_one_is_told(world: World) -> None:
    """The typed francs stand: 250,000.00. Ours is undone, and nobody posts it again."""
    typed_half(world, "SPEND", "250000.00", CHF_ACCOUNT)
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    ours = next(it for it in world.entries() if it.leg == "bought")
    selection = undoing.Selection(entry=ours.pk)
    undoing.undo(tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=selection, actor=BOB)
    carry_out(world)
    an_hour_later(world)

    assert clearing(world) == D("250000.00")
    [incident] = told(world)
    assert "EUR 263,811.37 was undone" in incident.body
    assert left(world) == ["250000.00"]


def moved_off_clearing(world: World, document: str, amount: str, account: str = "404") -> None:
    line = {"Description": "x", "Quantity": 1, "UnitAmount": D(amount), "AccountCode": account, "TaxType": "NONE"}
    people(world).edit(document, LineItems=[line])


def test_a_half_of_ours_that_a_person_codes_otherwise_is_told_and_closes_when_it_is_coded_back(world: World) -> None:
    """The euros were worth 250,000.11 on the clearing account; on 404 they leave the francs' 250,000.11 alone there."""
    francs_to_euros(world)
    moved_off_clearing(world, spent(world, "RECEIVE"), "263811.37")
    assert clearing(world) == D("250000.11")
    assert left(world) == ["250000.11"], "the proof reads what changed since the last sync"
    an_hour_later(world)

    [incident] = told(world)
    assert "CHF 250,000.11 stay on the clearing account" in incident.body
    assert "coded the document of EUR 263,811.37 otherwise in Xero: nothing of it" in incident.body
    assert "850" in incident.body
    assert [it.state for it in world.entries()] == ["confirmed", "confirmed"], "that is their right"

    moved_off_clearing(world, spent(world, "RECEIVE"), "263811.37", "850")
    an_hour_later(world)
    assert clearing(world) == D("0.00")
    assert (told(world), left(world)) == ([], [])


def test_a_part_of_a_line_moved_off_the_clearing_account_is_told_to_the_cent(world: World) -> None:
    """Of the francs' 250,000.11 on clearing, 250,000.00 remain: 0.11 are open."""
    francs_to_euros(world)
    lines_now = [("850", "250000.00"), ("404", "0.11"), ("860", "-0.11")]
    people(world).edit(
        spent(world),
        LineItems=[
            {"Description": "x", "Quantity": 1, "UnitAmount": D(amount), "AccountCode": code, "TaxType": "NONE"}
            for code, amount in lines_now
        ],
    )
    an_hour_later(world)
    assert clearing(world) == D("-0.11")
    assert left(world) == ["0.11"]
    assert ["CHF 0.11" in it.body for it in told(world)] == [True]


def test_a_linked_half_that_stands_on_another_account_than_clearing_is_told(world: World) -> None:
    """Our euros are worth 250,000.00 on the clearing account; the typed francs stand on 404."""
    document = typed_half(world, "SPEND", "250000.00", CHF_ACCOUNT)
    moved_off_clearing(world, document, "250000.00")
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    an_hour_later(world)

    assert clearing(world) == D("-250000.00")
    [incident] = told(world)
    assert (
        "CHF 250,000.00 is a document that somebody else made: nothing of it stands on the clearing account"
        in incident.body
    )
    assert left(world) == ["250000.00"]
    moved_off_clearing(world, document, "250000.00", "850")
    an_hour_later(world)
    assert clearing(world) == D("0.00")
    assert told(world) == []


def test_a_linked_half_that_somebody_edits_is_told_with_what_really_stands_on_clearing(world: World) -> None:
    """The francs were linked at 250,000.00 and read 249,000.00 now: our euros, worth 250,000.00, leave 1,000.00."""
    document = typed_half(world, "SPEND", "250000.00", CHF_ACCOUNT)
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    line = {
        "Description": "typed",
        "Quantity": 1,
        "UnitAmount": D("249000.00"),
        "AccountCode": "850",
        "TaxType": "NONE",
    }
    people(world).edit(document, LineItems=[line])
    an_hour_later(world)

    assert clearing(world) == D("-1000.00")
    [incident] = told(world)
    assert "CHF 1,000.00 stay" in incident.body
    assert "250,000.00 was changed in Xero; it counts here as it reads now" in incident.body
    assert "250,000.00 stay" not in incident.body
    [deal] = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)["clearing"]
    assert deal["rest"] == "1000.00"

    line["UnitAmount"] = D("250000.00")
    people(world).edit(document, LineItems=[line])
    an_hour_later(world)
    assert clearing(world) == D("0.00")
    assert told(world) == []


def test_a_second_foreign_half_that_somebody_typed_already_holds_the_first_one_and_decides_it_when_linked(
    world: World,
) -> None:
    """271,433.21 / 1.145787 = 236,896.78. 250,000 / 236,896.78 = 1.055312, at which they are worth 236,896.77: so a line of
    250,000.01, which is worth 236,896.78, and a cent of euros for rounding."""
    typed_half(world, "RECEIVE", "271433.21", "092", rate="1.145787")
    euros_to_dollars(world)

    assert [it["Type"] for it in world.books.bank_transactions()] == ["RECEIVE"], "what was typed, nothing of ours"
    assert sorted(world.codes()) == ["already_in_xero", "other_half_held"]
    link_the_offered(world)
    try_again(world)
    assert [it["Type"] for it in world.books.bank_transactions()] == ["RECEIVE", "SPEND"]
    assert clearing(world) == D("0.00")
    assert told(world) == []


def test_a_second_foreign_half_that_somebody_types_where_ours_was_deleted_is_told_to_the_cent(world: World) -> None:
    """Ours is deleted and typed by hand, and nobody links it: the euros were worth 250,000 / 1.055312 = 236,896.77."""
    euros_to_dollars(world)
    people(world).delete(spent(world, "RECEIVE"))
    typed_half(world, "RECEIVE", "271433.21", "092")
    an_hour_later(world)
    post_again(world)

    assert "already_in_xero" in world.codes()
    [incident] = told(world)
    assert "CHF 236,896.77 stay on the clearing account" in incident.body
    assert "link that document where it is offered" in incident.body
    assert f"looks like it is that half, CHF {abs(clearing(world)):,.2f} stay" in incident.body
    assert left(world) == ["236896.77"]
    put_aside(world, "by hand")
    an_hour_later(world)
    assert left(world) == ["236896.77"]
    assert len(told(world)) == 1


def test_a_proof_of_some_days_names_the_deals_of_those_days(world: World) -> None:
    francs_to_euros(world)
    people(world).delete(spent(world))
    an_hour_later(world)
    assert [it["rest"] for it in proof(world, MARCH)["clearing"]] == ["250000.11"]
    april = proof(world, date(2026, 4, 1))
    assert (april["clearing"], "clearing" in april["says"]) == ([], False)


def test_a_certificate_says_what_an_exchange_leaves_on_the_clearing_account(world: World) -> None:
    typed_francs_deleted(world)
    put_aside(world, "by hand")
    kept = proof(world)
    assert kept["balanced"], "the wallets are; that is just why it has to be said"
    made = certifying.certificate_make(tenant_id=world.tenant.pk, proof_id=kept["proof"], actor=BOB)

    assert '"rest":"250000.00"' in made.content
    sheet = bytes(made.csv).decode("utf-8-sig")
    assert "In balance. But one exchange leaves CHF 250,000.00 on the clearing account." in sheet
    paper = "".join(page.extract_text() for page in PdfReader(io.BytesIO(bytes(made.pdf))).pages)
    assert "Exchanges that leave money on the clearing account (1)" in paper
    assert "CHF 250'000.00" in paper


def test_an_accepted_difference_is_accepted_as_it_was_shown(world: World) -> None:
    """1,121.35 were accepted; before it is posted the rate becomes 1.1: 263,811.37 / 1.1 = 239,828.52, 10,171.48 apart."""
    document = typed_half(world, "RECEIVE", "263811.37", EUR_ACCOUNT, rate="1.060000")
    francs_to_euros(world)
    link_the_offered(world)
    try_again(world)
    [held] = [it for it in world.entries() if it.state == "review"]
    people(world).edit(document, CurrencyRate=D("1.100000"))
    an_hour_later(world)
    [incident] = told(world)
    assert "CHF 239,828.52 stay" in incident.body
    assert "1,121.35" not in incident.body, "a figure of before is no figure"
    services.entry_accept(tenant_id=world.tenant.pk, entry_ids=[held.pk], actor=BOB)
    world.settle()

    assert len(world.books.bank_transactions()) == 1
    [asked] = [it for it in world.entries() if it.state == "review"]
    assert any("CHF 10,171.48" in it["message"] for it in asked.findings)


def test_the_incident_of_a_deal_names_its_flow_because_two_flows_may_have_deals_of_one_number(world: World) -> None:
    francs_to_euros(world)
    people(world).delete(spent(world))
    an_hour_later(world)
    assert [it.cause for it in told(world)] == [f"open_fx:{world.flow_id}:1"]


def test_a_journal_that_returns_the_rest_is_not_read_and_is_said_so(world: World) -> None:
    """The franc half is deleted and the clearing account brought to 0.00 by a journal: the exchange stays told, with the way
    out. On a bank account itself Xero lets no journal stand."""
    francs_to_euros(world)
    people(world).delete(spent(world))
    assert clearing(world) == D("-250000.11")
    people(world).type_journal(("850", D("250000.11")), ("498", D("-250000.11")), day="2026-03-02")
    with pytest.raises(Invalid, match="not a valid code"):
        people(world).type_journal(("090", D("1.00")), ("498", D("-1.00")), day="2026-03-02")
    an_hour_later(world)

    assert clearing(world) == D("0.00")
    [incident] = told(world)
    assert "CHF 250,000.11 stay" in incident.body
    assert "Manual journals are not read: where one has returned it, accept the rest" in incident.body
