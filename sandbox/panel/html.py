"""Small building blocks of the control pages; everything foreign is escaped by Markup.format."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sandbox.web import Markup

_PAGE = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title} · Sandbox</title>'
    '<link rel="stylesheet" href="/control.css"></head><body><header><div class="bar"><strong>Sandbox</strong>'
    '<nav aria-label="Pages">{links}</nav><span class="clock">{now} UTC</span></div></header>'
    "<main>{note}{body}</main></body></html>"
)
_CONTROL_SIGNS = {number: " " for number in (*range(9), 11, 12, *range(14, 32), 127)}
_BIDI_SIGNS = dict.fromkeys((0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\u00b7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands on every page."""

    title: str
    path: str
    now: str
    csrf: str
    note: str = ""
    wrong: bool = False


PAGES = (("/", "Amnis"), ("/xero", "Xero"), ("/world", "Time and faults"))


def page(frame: Frame, body: Markup) -> str:
    links = Markup("").join(
        Markup('<a href="{}"{}>{}</a>').format(path, Markup(' aria-current="page"') if path == frame.path else "", name)
        for path, name in PAGES
    )
    note = Markup("")
    if frame.note:
        note = Markup('<div class="note{}" role="status">{}</div>').format(" wrong" if frame.wrong else "", frame.note)
    return _PAGE.format(title=frame.title, links=links, now=frame.now, note=note, body=body)


def plain(text: object) -> str:
    """Foreign text without control signs and without marks that turn the direction of reading."""
    return str(text if text is not None else "").translate(_CONTROL_SIGNS | _BIDI_SIGNS)


def section(title: str, body: Markup, *, hint: str = "", anchor: str = "") -> Markup:
    small = Markup(" <small>{}</small>").format(hint) if hint else ""
    return Markup('<section id="{}"><h2>{}{}</h2>{}</section>').format(anchor, title, small, body)


def table(heads: Iterable[str], rows: Iterable[Iterable[Markup | str]], *, empty: str) -> Markup:
    """Cells that are Markup already bring their own <td>; a head that ends in # is a column of numbers."""
    body = Markup("").join(Markup("<tr>{}</tr>").format(Markup("").join(map(_cell, row))) for row in rows)
    if not body:
        return Markup('<p class="empty">{}</p>').format(empty)
    found = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="number"') if h.endswith("#") else "", h.rstrip("#"))
        for h in heads
    )
    return Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>').format(
        found, body
    )


def _cell(value: Markup | str) -> Markup:
    return value if isinstance(value, Markup) else Markup("<td>{}</td>").format(plain(value))


def count(number: int) -> Markup:
    return Markup('<td class="number">{}</td>').format(number)


def money(value: object) -> Markup:
    """With two decimals, negative amounts marked; what is no amount stands as it is."""
    try:
        text = f"{Decimal(str(value)):.2f}"
    except InvalidOperation:
        text = plain(value)
    return Markup('<td class="number{}">{}</td>').format(" out" if text.startswith("-") else "", text)


def name(value: object) -> Markup:
    return Markup('<td class="name">{}</td>').format(plain(value))


def badge(text: object) -> Markup:
    return Markup('<td><span class="badge">{}</span></td>').format(plain(text))


def cell(*parts: Markup) -> Markup:
    return Markup('<td><div class="inline">{}</div></td>').format(Markup("").join(parts))


def form(
    frame: Frame, act: str, body: Markup | str, *, kept: Mapping[str, object] | None = None, style: str = "inline"
) -> Markup:
    """A form that does `act`, carries the token and `kept`, and comes back to this page."""
    hidden = {"csrf": frame.csrf, "back": frame.path, **(kept or {})}
    return Markup('<form method="post" action="/do/{}" class="{}">{}{}</form>').format(
        act,
        style,
        Markup("").join(
            Markup('<input type="hidden" name="{}" value="{}">').format(key, value) for key, value in hidden.items()
        ),
        body,
    )


def button(text: str, *, style: str = "", field: str = "", value: object = "") -> Markup:
    extra = Markup(' name="{}" value="{}"').format(field, value) if field else ""
    return Markup('<button class="{}"{}>{}</button>').format(style, extra, text)


def entry(label: str, field: str, *, value: object = "", kind: str = "text", hint: str = "") -> Markup:
    return Markup('<label>{}<input type="{}" name="{}" value="{}" placeholder="{}"></label>').format(
        label, kind, field, value, hint
    )


def bare(label: str, field: str, *, kind: str = "text") -> Markup:
    """An entry without a visible label, for table rows."""
    return Markup('<input type="{}" name="{}" aria-label="{}" placeholder="{}">').format(kind, field, label, label)


def choice(label: str, field: str, options: Iterable[tuple[object, str]], *, chosen: object = None) -> Markup:
    found = Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(
            value, Markup(" selected") if str(value) == str(chosen) else "", text
        )
        for value, text in options
    )
    return Markup('<label>{}<select name="{}">{}</select></label>').format(label, field, found)


def columns(*sections: Markup) -> Markup:
    return Markup('<div class="columns">{}</div>').format(Markup("").join(sections))
