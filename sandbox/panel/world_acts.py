"""Time, faults and the whole world."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox import scenarios
from sandbox.faults import Effect, Fault
from sandbox.panel.fields import Fields, Mistake

if TYPE_CHECKING:
    from sandbox.app import Sandbox

VENDORS = ("amnis", "xero")
_DATA_PATH = {"amnis": "/api/", "xero": "/api.xro/"}
_LONGEST = timedelta(days=3660)


def move_clock(sandbox: "Sandbox", fields: Fields) -> str:
    """{seconds, hours, days}: forward, or back with negative values; what is due executes."""
    by = timedelta(seconds=fields.real("seconds", 0), hours=fields.real("hours", 0), days=fields.real("days", 0))
    if abs(by) > _LONGEST:
        raise Mistake("the clock moves by at most ten years at a time")
    sandbox.clock.advance(by)
    moved = sandbox.amnis.settle()
    return f"It is {sandbox.clock.now():%Y-%m-%d %H:%M} UTC in the sandbox; {moved} pending rows moved on."


def plan_fault(sandbox: "Sandbox", fields: Fields) -> Any:
    """{vendor, effect, path, methods, times, after, probability, seed, seconds, answer, spares_new}; `lasting`: for ever."""
    vendor = fields.text("vendor")
    if vendor not in VENDORS:
        raise Mistake(f"vendor is one of {', '.join(VENDORS)}")
    try:
        effect = Effect(fields.text("effect"))
    except ValueError:
        raise Mistake(f"effect is one of {', '.join(Effect)}") from None
    methods = fields.given("methods") or []
    fault = Fault(
        vendor=vendor,
        effect=effect,
        path=fields.text("path", _DATA_PATH[vendor]),
        methods=frozenset(methods.split() if isinstance(methods, str) else methods),
        times=None if fields.flag("lasting") else fields.number("times", 1),
        after=fields.number("after", 0),
        probability=fields.real("probability", 1.0),
        seed=fields.number("seed", 0),
        seconds=fields.real("seconds", 0.0),
        answer=fields.text("answer", "cut"),
        spares_new=fields.flag("spares_new"),
    )
    return sandbox.faults.add(fault)


def plan_from_form(sandbox: "Sandbox", fields: Fields) -> str:
    return f"Fault {plan_fault(sandbox, fields)} is planned."


def remove_fault(sandbox: "Sandbox", fields: Fields) -> str:
    sandbox.faults.remove(fields.number("number"))
    return "Fault removed."


def clear_faults(sandbox: "Sandbox", fields: Fields) -> str:
    sandbox.faults.clear()
    return "No fault is planned any more."


def release(sandbox: "Sandbox", fields: Fields) -> str:
    """Requests that were held back arrive now."""
    return f"{sandbox.faults.release()} held requests have arrived."


def reset(sandbox: "Sandbox", fields: Fields) -> str:
    """{empty}: the world's first day again, with or without the demo movements."""
    scenarios.reset(sandbox, empty=fields.flag("empty"))
    return "The world is back on its first day."


def fault_list(sandbox: "Sandbox") -> list[dict[str, Any]]:
    """The planned faults, as JSON."""
    found = sandbox.faults.planned()
    return [
        {**asdict(fault), "methods": sorted(fault.methods), "number": number, "left": left}
        for number, (fault, left) in found.items()
    ]
