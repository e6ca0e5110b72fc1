"""Time, faults, reset."""

from typing import TYPE_CHECKING, Any

from sandbox.faults import Effect
from sandbox.panel import html, state
from sandbox.panel.html import Frame
from sandbox.panel.world_acts import VENDORS
from sandbox.web import Markup

if TYPE_CHECKING:
    from sandbox.app import Sandbox

_STEPS = (("1 hour", "hours", 1), ("1 day", "days", 1), ("1 week", "days", 7), ("30 days", "days", 30))


def body(sandbox: "Sandbox", frame: Frame) -> Markup:
    shown = state.faults(sandbox)
    return Markup("").join(
        [
            html.section("Time", _clock(frame), hint="both vendors live by this clock; what is due executes"),
            html.section("Plan a fault", _plan(frame), hint="the next matching request meets it"),
            html.columns(
                html.section("Planned", _planned(frame, shown)),
                html.section("What struck", _hits(shown), hint="latest first"),
            ),
            html.section("Start again", _reset(frame)),
        ]
    )


def _clock(frame: Frame) -> Markup:
    steps = Markup("").join(
        html.form(frame, "clock", html.button(f"+ {text}", style="plain"), kept={unit: count})
        for text, unit, count in _STEPS
    )
    return Markup('<div class="inline">{}</div>').format(steps)


def _plan(frame: Frame) -> Markup:
    entries = Markup("").join(
        [
            html.choice("Vendor", "vendor", [(vendor, vendor) for vendor in VENDORS]),
            html.choice("Effect", "effect", [(effect, effect.replace("_", " ")) for effect in Effect]),
            html.choice("Method", "methods", [("", "any"), *((m, m) for m in ("GET", "PUT", "POST", "DELETE"))]),
            html.entry("Part of the path", "path", hint="/api/transactions"),
            html.entry("Times", "times", value="1", kind="number"),
            html.entry("Spare the first", "after", value="0", kind="number"),
            html.choice("Lasting", "lasting", [("", "no"), ("1", "until removed")]),
            html.entry("Probability", "probability", value="1.0"),
            html.entry("Seconds (slow, late, retry after)", "seconds", value="0"),
            html.button("Plan"),
        ]
    )
    return html.form(frame, "faults/add", entries, style="grid")


def _planned(frame: Frame, shown: dict[str, Any]) -> Markup:
    rows = [
        [
            fault["vendor"],
            html.badge(fault["effect"]),
            html.name(fault["path"]),
            "lasting" if fault["left"] is None else str(fault["left"]),
            html.cell(
                html.form(
                    frame, "faults/remove", html.button("remove", style="plain"), kept={"number": fault["number"]}
                )
            ),
        ]
        for fault in shown["planned"]
    ]
    found = html.table(["Vendor", "Effect", "Path", "Left", ""], rows, empty="Nothing is going to go wrong.")
    clear = html.form(frame, "faults/clear", html.button("Remove all", style="plain"))
    release = html.form(frame, "faults/release", html.button(f"Release {shown['held']} held requests", style="plain"))
    return Markup('{}<div class="inline">{}{}</div>').format(found, clear, release)


def _hits(shown: dict[str, Any]) -> Markup:
    rows = [
        [hit["at"][11:19], hit["vendor"], html.badge(hit["effect"]), html.name(f"{hit['method']} {hit['path']}")]
        for hit in reversed(shown["hits"][-12:])
    ]
    return html.table(["At", "Vendor", "Effect", "Request"], rows, empty="Nothing has struck yet.")


def _reset(frame: Frame) -> Markup:
    text = Markup(
        "<p>Movements, documents, switches, faults and clock go back to the first day; connections stay. Millrace keeps its"
        " own memory: it will report that its documents are gone.</p>"
    )
    again = html.form(frame, "reset", html.button("Reset the world", style="grave"))
    empty = html.form(frame, "reset", html.button("Reset to empty accounts", style="grave"), kept={"empty": "1"})
    return Markup('{}<div class="inline">{}{}</div>').format(text, again, empty)
