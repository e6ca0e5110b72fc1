"""Mistakes that others make and we must not: each one as a change to the program, and the cheapest check that must catch it.

`./run chaos --bugs` runs each of them alone. A campaign that stays green with one of these seeded proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

SIMULATION = "simulation"
MODEL = "tests/simulation/test_memory.py::test_the_memory_answers_and_keeps_what_postgres_does"
DEATHS = "tests/simulation/test_deaths.py"
CLAIMS = "tests/simulation/test_claims.py"
ONCE = "tests/pipeline/test_exactly_once.py::test_each_movement_is_posted_once_whatever_happens_to_the_call"
HTTP = "tests/connectors/test_http.py"
SCOPING = "tests/tenants/test_scoping.py"
DECIDING = "tests/pipeline/test_read_before_deciding.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """`old` stands once in the module's text. `rig`: the simulation, or the tests that run against it."""

    name: str
    what: str
    module: str
    old: str
    new: str
    rig: str = SIMULATION


_REPLAY = """
    for it in due:
        with ctx.commit():
            known = PushIntent.objects.get(pk=it["id"])
        old = Prepared(
            endpoint=Endpoint(known.endpoint), method=known.method, path=known.path, body=bytes(known.body), markers=()
        )
        ctx.destination.send(old, key=known.idempotency_key, allowed=lambda: True)
    looked_at = _look(ctx, due)
"""
_BY_PLACE = """    return dict(zip([marker_of(item) for item in items], elements, strict=False))
    expected = [marker_of(item) for item in items]
"""
_LIST = (
    Bug(
        name="new-key-on-retry",
        what="no answer is taken for not applied: sent again with a new key, without a look",
        module="connectors.xero.outcomes",
        old='items, Outcome.UNKNOWN, message="Xero gave no answer',
        new='items, Outcome.NOT_APPLIED, message="Xero gave no answer',
    ),
    Bug(
        name="replay-after-window",
        what="the same bytes are sent again with the old key, whose window is over",
        module="sync.pipeline.reconcile",
        old="\n    looked_at = _look(ctx, due)\n",
        new="\n    from connectors.contract.records import Prepared\n" + _REPLAY,
        rig=ONCE,
    ),
    Bug(
        name="no-quarantine",
        what="absence is believed as soon as it is seen",
        module="sync.domain.retry",
        old="        if looked_at < last_send + self.quarantine:\n",
        new="        if looked_at < last_send:\n",
    ),
    Bug(
        name="one-look",
        what="one complete look without a find proves absence",
        module="sync.domain.retry",
        old="ABSENCES = 2",
        new="ABSENCES = 1",
    ),
    Bug(
        name="no-epoch",
        what="an answer is settled by a worker whose request somebody else has taken over",
        module="sync.store_intents",
        old=" AND push_intent.epoch = x.epoch AND",
        new=" AND",
        rig=MODEL,
    ),
    Bug(
        name="match-by-position",
        what="answers belong to rows by their place",
        module="connectors.xero.outcomes",
        old="    expected = [marker_of(item) for item in items]\n",
        new=_BY_PLACE,
    ),
    Bug(
        name="watermark-before-rows",
        what="the source's watermark is stored in a commit before its rows",
        module="sync.pipeline.fetch",
        old="    with ctx.commit():\n        read = keyed(",
        new="    with ctx.commit():\n        ctx.store_flow(**_progress(ctx, page, reading))\n"
        "    with ctx.commit():\n        read = keyed(",
        rig=DEATHS,
    ),
    Bug(
        name="absence-after-one-page",
        what="a look ends with the first page",
        module="connectors.xero.client",
        old="    return page * size >= items\n",
        new="    return True\n",
    ),
    Bug(
        name="settle-without-marker",
        what="an unknown request is settled by any document of the same account, day and amount",
        module="sync.store_mirror",
        old="marker <> '' AND marker = entry.marker OFFSET 0",
        new="account_id = entry.bank_account_id AND date = entry.booking_date AND total = abs(entry.amount) OFFSET 0",
        rig=MODEL,
    ),
    Bug(
        name="missing-skip-locked",
        what="a claim locks nothing, so two of them may take the same rows",
        module="sync.store_intents",
        old=" FOR UPDATE OF entry SKIP LOCKED",
        new="",
        rig=CLAIMS,
    ),
    Bug(
        name="tenant-filter-missing",
        what="a query without the tenant",
        module="tenants.models",
        old=".filter(**{self.tenant_field: require_tenant_id()})",
        new=".filter(**{f'{self.tenant_field}__isnull': require_tenant_id() is None})",
        rig=SCOPING,
    ),
    Bug(
        name="decimal-to-float",
        what="an amount passes through a float and loses a cent",
        module="connectors.xero.mapping",
        old="        shown = round_half_up(amount, places)\n        if",
        new="        shown = amount = Decimal(int(float(amount) * 100)).scaleb(-2)\n        if",
    ),
    Bug(
        name="http-retry-on-post",
        what="the HTTP client repeats a write whose connection broke",
        module="connectors.http",
        old="                call.send(token)\n                return call.answer()\n",
        new="                try:\n                    call.send(token)\n                except httpx.ReadError:\n"
        "                    call.send(token)\n                return call.answer()\n",
        rig=HTTP,
    ),
    Bug(
        name="429-as-unknown",
        what="a call limit is taken for an unknown outcome, and nobody waits",
        module="connectors.xero.outcomes",
        old="            return _too_many_calls(answer, items)\n",
        new="            return _unclear(answer, items)\n",
    ),
    Bug(
        name="swallowed-error",
        what="an element that Xero refused is not seen as refused",
        module="connectors.xero.outcomes",
        old='    return status == "ERROR" or (not status',
        new="    return False and (not status",
    ),
    Bug(
        name="no-send-deadline",
        what="a request leaves however late it has become",
        module="sync.pipeline.push",
        old="        return ctx.monotonic() - claimed_at <= ctx.timing.send_deadline and not ctx.is_held\n",
        new="        return not ctx.is_held\n",
    ),
    Bug(
        name="pause-ended-by-what-it-held",
        what="a call that a pause held back ends that pause",
        module="sync.pipeline.push",
        old="    elif ctx.flow.failures and answer.transport is not Transport.WITHHELD:",
        new="    elif ctx.flow.failures:",
    ),
    Bug(
        name="given-up-too-early",
        what="an entry fails after its second attempt",
        module="sync.domain.retry",
        old="        case _ if attempt >= len(schedule):",
        new="        case _ if attempt >= 1:",
    ),
    Bug(
        name="lease-ignored",
        what="a worker takes a flow that another one holds",
        module="sync.store",
        old=" AND (lease_until IS NULL OR lease_until < clock_timestamp())\n            RETURNING epoch",
        new="\n            RETURNING epoch",
        rig=MODEL,
    ),
    Bug(
        name="books-read-once",
        what="what is decided later in a pass is compared with the books as they stood at its beginning",
        module="sync.pipeline.run",
        old="    ctx.mirror_fresh = False  # what is decided next",
        new="    # what is decided next",
        rig=DECIDING,
    ),
    Bug(
        name="confirmed-by-an-old-reading",
        what="a document is confirmed by what an earlier pass read, whatever a person did since",
        module="sync.pipeline.confirm",
        old='bool(rows) and (not ctx.mirror_read or (ctx.sent_since_read and rows[0]["found"] is None))',
        new='bool(rows) and ctx.sent_since_read and rows[0]["found"] is None',
        rig=DECIDING,
    ),
)
BUGS = {bug.name: bug for bug in _LIST}
