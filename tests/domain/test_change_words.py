"""What Amnis changed is told with the amounts as a bookkeeper writes them, and without keys."""

from sync.domain import change_words


def test_amounts_are_grouped_and_nothing_else_is() -> None:
    fields = [
        ("total", "2658113.00", "-6490.05"),
        ("lines", "400 1200.00 NONE, 4290 0.05 INPUT2", "400 1200.05 NONE"),
        ("rate", "1170.561108", "0.925"),
        ("contact_name", "Firma 1000.00 AG", "Firma AG"),
    ]
    assert change_words.told(fields) == (
        "amount: 2,658,113.00 → -6,490.05; lines: 400 1,200.00 NONE, 4290 0.05 INPUT2 → 400 1,200.05 NONE; "
        "rate: 1170.561108 → 0.925; contact: Firma 1000.00 AG → Firma AG"
    )


def test_another_account_is_named_without_its_key() -> None:
    assert change_words.told([("bank_account_id", "aaaa-1", "bbbb-2"), ("date", "2026-03-01", "2026-03-02")]) == (
        "the bank account; date: 2026-03-01 → 2026-03-02"
    )
