"""The monkey: carries out one act after the other against whatever is there, and counts what really hit something."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import redis
from celery import Celery

from config.broker import PREFIX, broker_settings
from config.env import load
from config.supervisor import child
from config.supervisor.failure import StartError
from config.supervisor.postgres import APP_ROLE, SUPERUSER
from tests.chaos import api_faults
from tests.chaos.company import Company
from tests.chaos.control import Control
from tests.chaos.crew import BEAT, GROUPS, LONELY, Crew, Member
from tests.chaos.movements import paid
from tests.chaos.stage import Ground
from tests.chaos.storm import LONGEST_FREEZE, SHORTEST_FREEZE, Act, Size

WAIT_FOR_WORK = 1.0
STRUCK_AT_ONCE = (1, 2)  # children of pools, where so many are at work
LONGEST_AIM = 0.05  # seconds from seeing a worker at work to the blow
FULL_SECONDS, WRONG_CLOCK_SECONDS, BEAT_SECONDS = 1.5, 8.0, 4.0
DEPLOY_GRACE = 4.0
HOUR = 3600
WAIT_FOR_REQUEST = 0.25  # so long rather than somebody who only looks
_LEASED = """
SELECT flow.id, EXISTS (SELECT FROM push_intent WHERE flow_id = flow.id AND state = 'open' AND NOT unknown) FROM flow
 WHERE lease_until > clock_timestamp()
"""
Later = tuple[float, int, Callable[[], object]]


@dataclass(slots=True, kw_only=True)
class Monkey:
    """`counts` are acts that hit, `seen` everything else worth telling. Looks into the database only to know whom it hits."""

    ground: Ground
    crew: Crew
    controls: Mapping[Company, Control]
    size: Size
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    moved: Counter[Company] = field(default_factory=Counter)
    _later: list[Later] = field(default_factory=list)
    _number: int = 0
    _connection: psycopg.Connection[Any] | None = None

    def carry_out(self, act: Act) -> None:
        """One act; counted where it hit, a blow against two as two."""
        deeds: dict[Act, Callable[[], int]] = {
            Act.KILL: self._kill,
            Act.KILL_GROUP: self._kill_group,
            Act.FREEZE: self._freeze,
            Act.CUT: self._cut,
            Act.STOP_DATABASE: self._stop_database,
            Act.WIPE: self._wipe,
            Act.TWO_BEATS: self._two_beats,
            Act.HINTS: self._hints,
            Act.DEPLOY: self._deploy,
            Act.FILL_DISK: self._fill_disk,
            Act.WRONG_CLOCK: self._wrong_clock,
            Act.FAULT: self._fault,
            Act.EXPIRE: self._expire,
            Act.MOVE: self._move,
            Act.CHANGE: self._change,
        }
        self.counts[act] += deeds[act]()
        self.keep_up()

    def keep_up(self) -> None:
        """What a supervisor does meanwhile, and what was put off until now."""
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()
        for server in (self.ground.postgres, self.ground.valkey):
            if server.process is not None and server.process.poll() is not None:
                with contextlib.suppress(StartError):
                    server.start()
        self.crew.look_after()

    def end(self) -> None:
        """Everything that was put off happens now: nothing stays frozen, full or wrong."""
        while self._later:
            heapq.heappop(self._later)[2]()
        self.keep_up()

    def _put_off(self, seconds: float, deed: Callable[[], object]) -> None:
        self._number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._number, deed))

    # ------------------------------------------------------------- workers

    def _kill(self) -> int:
        """A child of a pool in the middle of a slice, often two at once; each counts whose flow's lease is left behind."""
        at_work = self._wait_for_work()
        if not at_work:
            return 0
        time.sleep(self.dice.uniform(0, LONGEST_AIM))
        return self._strike(at_work[: self.dice.choice(STRUCK_AT_ONCE)])

    def _kill_group(self) -> bool:
        """A worker and all its children at the same moment."""
        at_work = self._wait_for_work()
        if not at_work:
            return False
        name = next((name for name in GROUPS if at_work[0] in self.crew.members[name].children), GROUPS[0])
        member = self.crew.members[name]
        time.sleep(self.dice.uniform(0, LONGEST_AIM))
        hit = self._strike([member.pid, *member.children])
        self.crew.begin(name)
        return hit > 0

    def _wait_for_work(self) -> list[int]:
        """Children that hold a flow's lease at this moment, in any order, those with a request on its way first."""
        began = time.monotonic()
        while time.monotonic() < began + WAIT_FOR_WORK:
            busy = self.crew.busy()
            leased = dict(self._ask(_LEASED, []))
            found = {pid: flow for pid, flow in busy.items() if flow in leased}
            is_sending = any(leased[flow] for flow in found.values())
            if is_sending or (found and time.monotonic() > began + WAIT_FOR_REQUEST):
                shuffled = self.dice.sample(sorted(found), len(found))
                return sorted(shuffled, key=lambda pid: not leased[found[pid]])
            time.sleep(0.01)
        return []

    def _strike(self, pids: list[int]) -> int:
        flows = {flow for pid, flow in self.crew.busy().items() if pid in pids}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.seen["processes killed"] += len(pids)
        others = {flow for pid, flow in self.crew.busy().items() if pid not in pids}
        return self._left_behind(flows - others)

    def _left_behind(self, flows: set[int]) -> int:
        """How many of these flows are leased to a process that is dead."""
        if not flows:
            return 0
        leases = self._ask(
            "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM push_intent i"
            " WHERE i.flow_id = flow.id AND i.state = 'open' AND NOT i.unknown))"
            " FROM flow WHERE id = ANY(%s) AND lease_until > clock_timestamp()",
            [list(flows)],
        )
        if not leases:
            return 0
        left, sending = leases[0]
        self.seen["kills with a request on its way"] += sending
        return int(left)

    def _freeze(self) -> bool:
        """One child, or a whole worker."""
        at_work = self._wait_for_work()
        if not at_work:
            return False
        pids = at_work[:1]
        if self.dice.random() < 0.3:
            member = self.crew.members[self.dice.choice(GROUPS)]
            pids = [member.pid, *member.children]
        self._signal(pids, signal.SIGSTOP)
        self._put_off(self.dice.uniform(SHORTEST_FREEZE, LONGEST_FREEZE), lambda: self._signal(pids, signal.SIGCONT))
        return True

    def _signal(self, pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _deploy(self) -> bool:
        """SIGTERM, and the successor at once, as in a rolling deployment."""
        name = self.dice.choice((*GROUPS, LONELY))
        old = self.crew.members[name]
        old.send(signal.SIGTERM, children=False)
        self._put_off(DEPLOY_GRACE, lambda: self._bury(old))
        self.crew.begin(name)
        return True

    def _bury(self, old: Member) -> None:
        if old.is_alive:
            old.send(signal.SIGKILL, children=True)

    def _two_beats(self) -> bool:
        second = self.crew.clock("second-beat")
        self._put_off(BEAT_SECONDS, lambda: child.kill_group(second))
        if self.dice.random() < 0.3:
            self.crew.members[BEAT].send(signal.SIGKILL, children=False)
        return True

    def _wrong_clock(self) -> bool:
        wrong = self.crew.off_by(self.dice.choice((-HOUR, HOUR)))
        self._put_off(WRONG_CLOCK_SECONDS, lambda: child.kill_group(wrong))
        return True

    # ------------------------------------------------------------- servers

    def _ask(self, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """[] while the database is away."""
        try:
            if self._connection is None:
                address = self.ground.postgres.url(SUPERUSER)
                self._connection = psycopg.connect(address, autocommit=True, connect_timeout=2)
            return self._connection.execute(query, parameters).fetchall()
        except psycopg.Error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return []

    def _cut(self) -> bool:
        cut = self._ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s", [APP_ROLE])
        self.seen["sessions cut"] += cut[0][0] if cut else 0
        return bool(cut and cut[0][0])

    def _stop_database(self) -> bool:
        postgres = self.ground.postgres
        place = postgres.place
        stop = [str(place.binaries / "pg_ctl"), "stop", "-D", str(place.cluster), "-m", "immediate", "-w", "-t", "20"]
        stopped = child.run(stop, account=place.account).returncode == 0
        time.sleep(self.dice.uniform(0, 0.6))
        if postgres.process is not None:
            postgres.process.wait()
        postgres.start()
        return stopped

    def _wipe(self) -> bool:
        """FLUSHALL, or killed, away for a moment, and empty afterwards."""
        valkey = self.ground.valkey
        if self.dice.random() < 0.5 or valkey.process is None:
            self.seen["FLUSHALL"] += 1
            with contextlib.suppress(redis.RedisError):
                return bool(self._broker().flushall())
            return False
        valkey.process.kill()
        valkey.process.wait()
        time.sleep(self.dice.uniform(0, 0.6))
        valkey.start()
        return True

    def _broker(self) -> redis.Redis:
        return redis.Redis.from_url(self.ground.valkey.url, socket_timeout=2, socket_connect_timeout=2)

    def _hints(self) -> bool:
        """Every hint that waits stands twice in another order, and every flow gets three more."""
        flows = self._ask("SELECT tenant_id, id FROM flow", []) * 3
        self.dice.shuffle(flows)
        queue = f"{PREFIX}sync"
        with contextlib.suppress(redis.RedisError, OSError):
            broker = self._broker()
            waiting: list[bytes] = broker.lrange(queue, 0, -1) * 2  # type: ignore[assignment]
            self.dice.shuffle(waiting)
            if waiting:
                _replace(broker, queue, waiting)
            sender = Celery("monkey", fixups=(), set_as_current=False)
            sender.conf.update(broker_settings(load(self.crew.environ)))
            for tenant_id, flow_id in flows:
                hint = {"tenant_id": tenant_id, "flow_id": flow_id}
                sender.send_task("sync.tasks.run_slice", kwargs=hint, queue="sync", retry=False)
            sender.close()
            return True
        return False

    def _fill_disk(self) -> bool:
        """The database's file system has no byte left for a while."""
        disk = self.ground.small_disk
        if disk is None:
            return False
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4 << 20))
        self._put_off(FULL_SECONDS, lambda: ballast.unlink(missing_ok=True))
        return True

    def left_to_do(self, *, rows: int) -> int:
        """Movements not yet read, entries and changes not at rest; -1 while the database is away."""
        found = self._ask(
            "SELECT greatest(0, %s - (SELECT count(*) FROM record WHERE execution = 'executed'))"
            " + (SELECT count(*) FROM record WHERE state = 'fetched')"
            " + (SELECT count(*) FROM entry WHERE state NOT IN"
            "    ('confirmed', 'skipped', 'duplicate', 'review', 'failed', 'undone'))"
            " + (SELECT count(*) FROM amendment WHERE state IN ('proposed', 'asked', 'in_flight', 'unconfirmed'))",
            [rows],
        )
        return int(found[0][0]) if found else -1

    def standing(self) -> list[tuple[Any, ...]]:
        """For whoever wants to know why it does not come to rest: flow, state, when it is due, what waits."""
        return self._ask(
            "SELECT f.id, f.state, f.stopped_because, f.next_at - now(), f.held_until - now(), f.lease_until - now(), f.unclean,"
            " (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM entry WHERE flow_id = f.id GROUP BY 1) x),"
            " (SELECT count(*) FROM push_intent i WHERE i.flow_id = f.id AND i.state = 'open') FROM flow f",
            [],
        )

    # ------------------------------------------------------------- vendors

    def _fault(self) -> bool:
        return self._plan(api_faults.drawn(self.dice))

    def _plan(self, fault: dict[str, Any]) -> bool:
        """A second expired token in a row, right after a renewal that worked, is what a vendor says to a stranger: it stops
        the flow until a person reconnects. So only one of them waits at each vendor, and not for a new token."""
        control = self._any_control()
        if fault["effect"] == "expired_token":
            fault = {**fault, "spares_new": True}
        waiting = [(it["vendor"], it["effect"]) for it in control.faults()["planned"]]
        if fault["effect"] == "expired_token" and (fault["vendor"], "expired_token") in waiting:
            return False
        control.act("faults/add", **fault, seed=self.dice.randrange(2**31))
        return True

    def _expire(self) -> bool:
        """At both vendors, for whoever reads next."""
        asked = [
            {"vendor": vendor, "effect": "expired_token", "methods": api_faults.READS} for vendor in ("amnis", "xero")
        ]
        return any([self._plan(fault) for fault in asked])

    def _any_control(self) -> Control:
        return next(iter(self.controls.values()))

    def _move(self) -> bool:
        """Some movements at the company that has had the fewest, with a payer whom nobody knows."""
        company = min(self.controls, key=lambda one: (self.moved[one], one.number))
        control, most = self.controls[company], -(-self.size.movements // self.size.tenants)
        count = min(-(-self.size.movements // self.size.arrivals), most - self.moved[company])
        if count > 1:
            seed = self.dice.randrange(2**31)
            control.act("amnis/random", company=company.client_id, count=count - 1, seed=seed)
        self._number += 1
        payer = f"Neukunde {company.number}-{self._number} AG"
        control.move("pay_in", **paid(self.dice), payer=payer, account=company.account(self.dice.choice((1, 2, 3))))
        self.moved[company] += max(1, count)
        return True

    def _change(self) -> bool:
        """Amnis corrects the amount of a receipt that was posted."""
        found = self._ask(
            "SELECT t.slug, r.source_id, r.amount FROM entry e JOIN record r ON r.id = e.record_id"
            " JOIN tenant t ON t.id = e.tenant_id"
            " WHERE e.state = 'confirmed' AND e.destination_type = 'RECEIVE' AND r.revision = 1"
            " AND r.counterparty LIKE 'Neukunde %%' ORDER BY e.id DESC LIMIT 20",
            [],
        )
        if not found:
            return False
        slug, row, amount = self.dice.choice(found)
        company, control = next(pair for pair in self.controls.items() if pair[0].slug == slug)
        corrected = {"amount": f"{amount + Decimal(self.dice.randrange(1, 999)) / 100:.2f}"}
        with contextlib.suppress(httpx.HTTPStatusError):
            control.act("amnis/change", company=company.client_id, row=int(row), fields=corrected)
            return True
        return False


def _replace(broker: redis.Redis, queue: str, waiting: list[bytes]) -> None:
    """These messages and no others, in this order."""
    together = broker.pipeline()
    together.delete(queue)
    together.rpush(queue, *waiting)
    together.execute()
