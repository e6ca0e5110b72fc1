"""The demo world of Amnis: an invented trading company's year, its landlord and its partner."""

import random
from datetime import date

from sandbox.amnis import monthly, oddities
from sandbox.amnis.app import AmnisSandbox
from sandbox.amnis.diary import Diary

FIRST_MONTH = date(2025, 12, 1)
LEAST_ROWS = 320


def build(amnis: AmnisSandbox) -> None:
    """Fill the three companies up to the sandbox's present; the same world for the same moment."""
    trader, landlord, partner = (amnis.company(client_id) for client_id in ("ck_1", "ck_2", "ck_3"))
    diary = Diary(now=amnis.core.clock.now(), dice=random.Random(2026))
    with amnis.core.store.transaction():
        for month in diary.months(FIRST_MONTH):
            monthly.trading_company(diary, trader, landlord, month)
            monthly.property_company(diary, landlord, month)
            monthly.partner_company(diary, partner, month)
        oddities.note_all(diary, trader, partner)
        diary.write()
        oddities.missing_rows(diary, trader, LEAST_ROWS - len(trader.rows()))
        diary.write()
