"""The same weather for ours and for every peer: lost answers, broken answers, refusals, and processes that are killed.

The moments of the kills are not the same: a peer is killed 0.5 to 4 s after its start, ours, which loads for seconds before
it begins, after 4 to 9 s. Who ends before that is not killed, so what is told are the kills that came about. Our times are
compressed (a quarantine of seconds), and said so: what is counted is duplicates, losses and cents, not speed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench import ours, race
from bench.company import COMPANY, ORGANISATION, SLUG, first_day, import_company, manage
from bench.judge import Verdict
from bench.packages import NotInstalled
from bench.stage import Stage, Vendors, database_of, vendors
from bench.table import aligned

WEATHER = {"lost": 0.02, "broken": 0.02, "refused": 0.02}
COMPRESSED = {
    "QUARANTINE_SECONDS": "2",
    "PROBE_SECONDS": "0.2,0.8",
    "PROBE_GAP_SECONDS": "0.5",
    "SEND_DEADLINE_SECONDS": "1",
    "HTTP_TIMEOUT_SECONDS": "3",
    "LEASE_SECONDS": "6",
    "RETRY_SCHEDULE_SECONDS": "0.1,0.1,0.1,0.1",
    "POLL_SECONDS": "2",
}
KILLED_AFTER = (4.0, 9.0)  # seconds: before that a worker loads


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """What ours or a peer made of the weather."""

    name: str
    struck: Mapping[str, int]
    kills: int  # that came about
    verdict: Verdict


def measure_faults(made: Stage, *, rows: int, kills: int) -> list[Survived]:
    """Ours and every peer that keeps going after a kill, in the same world with the same dice."""
    found: list[Survived] = []
    with vendors(made, {COMPANY: rows}, first=first_day()) as world:
        found.append(_ours(made, world, kills))
        for peer in race.PEERS:
            world.ask("weather", seed=1, **WEATHER)
            try:
                trouble = race.Trouble(kills=kills)
                figures = race.run(made, world, peer, trouble=trouble)
            except NotInstalled as reason:
                print(f"{peer.name}: not installed here: {reason}", flush=True)
                continue
            struck = dict(world.ask("figures")["struck"])
            found.append(Survived(name=peer.name, struck=struck, kills=figures.kills, verdict=figures.verdict))
        world.ask("weather", lost=0.0, broken=0.0, refused=0.0)
    return found


def _ours(made: Stage, world: Vendors, kills: int) -> Survived:
    environ = made.fresh_database(world, **COMPRESSED)
    import_company(made, world, environ)
    world.ask("clear_books", org=ORGANISATION)
    world.ask("weather", seed=1, **WEATHER)
    dice = random.Random(1)
    with made.superuser(database_of(environ)) as inside:
        inside.execute("UPDATE flow SET next_at = now()")
        for _ in range(kills):
            with ours.programs(made, environ, kill=True):
                time.sleep(dice.uniform(*KILLED_AFTER))
        with ours.programs(made, environ) as running:
            ours.await_rest(inside, running, log=made.folder / "worker.log")
    struck = dict(world.ask("figures")["struck"])
    world.ask("weather", lost=0.0, broken=0.0, refused=0.0)
    _, entries = manage(made, environ, "entries", SLUG, "--csv")
    verdict = ours.verdict_of(world, entries)
    made.drop(environ)
    return Survived(name="ours", struck=struck, kills=kills, verdict=verdict)


def table(found: list[Survived]) -> list[str]:
    heads = ["under the same faults", "rows", *WEATHER, "kills", "duplicates", "losses", "waiting", "difference"]
    return aligned([heads, *(_line(one) for one in found)])


def _line(one: Survived) -> list[str]:
    struck = [str(one.struck.get(name, 0)) for name in WEATHER]
    verdict = one.verdict
    zeros = [str(verdict.duplicates), str(verdict.losses), str(verdict.waiting), f"{verdict.cents:.2f}"]
    return [one.name, f"{verdict.rows:,}", *struck, str(one.kills), *zeros]
