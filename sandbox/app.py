"""The sandbox as one object: store, clock, faults and the three applications."""

from pathlib import Path

from sandbox.amnis.app import AmnisSandbox
from sandbox.clock import Clock, Now
from sandbox.control import ControlApp
from sandbox.core import Core
from sandbox.faults import FaultPlan
from sandbox.store import Store
from sandbox.xero.app import XeroSandbox

STORE_NAME = "sandbox.sqlite3"


class Sandbox:
    """The vendors' world. `path` is a data folder, or None for a world in memory.

    `amnis`, `xero` and `control` are WSGI applications: use them in process through
    `sandbox.transport.SandboxTransport`, or over HTTP through `python -m sandbox`. `limits=False` switches the
    vendors' rate limits off. `like`: a world whose books this one begins with, as a copy.
    """

    def __init__(
        self,
        path: Path | str | None,
        *,
        clock: Now | None = None,
        limits: bool = True,
        like: "Sandbox | None" = None,
    ) -> None:
        self.store: Store = Store(_store_file(path), like=like.store if like else None)
        self.clock: Clock = Clock(self.store, base=clock)
        self.faults = FaultPlan(self.clock)
        core = Core(store=self.store, clock=self.clock, faults=self.faults, limits=limits)
        self.amnis = AmnisSandbox(core)
        self.xero = XeroSandbox(core)
        self.control = ControlApp(self)

    def close(self) -> None:
        self.faults.drop_held()
        self.store.close()


def _store_file(path: Path | str | None) -> Path | None:
    if path is None:
        return None
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / STORE_NAME
