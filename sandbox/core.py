"""What every vendor of the sandbox gets."""

from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.faults import FaultPlan
from sandbox.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    store: Store
    clock: Clock
    faults: FaultPlan
    limits: bool = True
