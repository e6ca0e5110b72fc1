"""Our line icons: a name and the path data on a 24 by 24 grid."""

from __future__ import annotations

ICONS: dict[str, str] = {
    "overview": "M4 13h6V4H4zM14 20h6v-9h-6zM14 7h6V4h-6zM4 20h6v-3H4z",
    "transactions": "M4 7h14m0 0-3-3m3 3-3 3M20 17H6m0 0 3-3m-3 3 3 3",
    "review": "M12 3 2.5 20h19zM12 10v4M12 17v.2",
    "runs": "M12 3a9 9 0 1 0 9 9M12 7v5l3 2M15 3.5l3 1.5-1 3",
    "connections": "M9 7V3m6 4V3M6 7h12v4a6 6 0 0 1-12 0zM12 17v4",
    "accounts": "M3 9l9-5 9 5M5 9v9m14-9v9M9.5 9v9m5-9v9M3 20h18",
    "rules": "M4 6h10m4 0h2M16 4v4M4 12h3m4 0h9M9 10v4M4 18h8m4 0h4M14 16v4",
    "settings": (
        "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3v3m0 12v3M3 12h3m12 0h3"
        "M5.6 5.6l2.2 2.2m8.4 8.4 2.2 2.2m0-12.8-2.2 2.2m-8.4 8.4-2.2 2.2"
    ),
    "rates": "M4 20h16M6 16l4-5 4 3 5-8M15.5 6H19v3.5",
    "conversions": "M5 9h11m0 0-3-3m3 3-3 3M19 15H8m0 0 3-3m-3 3 3 3M12 3a9 9 0 0 1 8.5 6M3.5 15a9 9 0 0 0 8.5 6",
    "audit": "M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h7",
    "team": (
        "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-3.5 2.5-6 6-6s6 2.5 6 6"
        "M16 4.5a3.5 3.5 0 0 1 0 6M17.5 14.5c2.2.8 3.5 2.8 3.5 5.5"
    ),
    "bell": "M6 16V11a6 6 0 1 1 12 0v5l2 2H4zM10 21h4",
    "check": "M5 12.5 10 17.5 19.5 7",
    "check-circle": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12.5l2.8 2.8L16 9.5",
    "circle": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    "warning": "M12 3 2.5 20h19zM12 10v4M12 17v.2",
    "error": "M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9l6 6m0-6-6 6",
    "info": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.2",
    "external": "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
    "chevron-down": "M6 9l6 6 6-6",
    "chevron-right": "M9 6l6 6-6 6",
    "chevron-left": "M15 6l-6 6 6 6",
    "arrow-right": "M4 12h16m0 0-5-5m5 5-5 5",
    "arrow-up": "M12 20V4m0 0-5 5m5-5 5 5",
    "arrow-down": "M12 4v16m0 0-5-5m5 5 5-5",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
    "sync": "M20 11a8 8 0 0 0-14.5-4M4 4v4h4M4 13a8 8 0 0 0 14.5 4M20 20v-4h-4",
    "pause": "M8 5v14M16 5v14",
    "play": "M7 4l12 8-12 8z",
    "eye": "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
    "download": "M12 4v11m0 0-4-4m4 4 4-4M4 20h16",
    "plus": "M12 5v14M5 12h14",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "sign-out": "M10 4H4v16h6M14 8l4 4-4 4M18 12H9",
    "user": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 3.5-7 8-7s8 3 8 7",
    "inbox": "M3 13l3-8h12l3 8v6H3zM3 13h5l1.5 3h5L16 13h5",
    "balance": "M12 4v16M7 20h10M5 7h14M5 7l-3 7a3 3 0 0 0 6 0zM19 7l-3 7a3 3 0 0 0 6 0z",
}
