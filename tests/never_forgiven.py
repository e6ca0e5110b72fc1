"""The fifteen things that a bookkeeper never forgives, word for word, and what guards each: tests and golden situations.

`test_never_forgiven.py` checks that every one of them is there. A guard is `file::test`, below `tests/`, or
`golden/ledgers/file.ledger::The sentence of the situation.`
"""

from __future__ import annotations

NEVER_FORGIVEN: dict[str, tuple[str, ...]] = {
    "1. A duplicate, also after a crash, a reconnect, a re-onboarding, a changed source id, or a document that someone typed "
    "by hand (offer the match).": (
        "pipeline/test_crash_points.py::test_a_process_killed_around_a_call_neither_doubles_nor_loses_anything",
        "pipeline/test_exactly_once.py::test_each_movement_is_posted_once_whatever_happens_to_the_call",
        "pipeline/test_outages.py::test_a_revoked_connection_stops_the_flow_once_and_a_reconnect_resumes_it",
        "pipeline/test_exactly_once.py::test_a_lost_database_finds_its_own_documents_again",
        "pipeline/test_renumbered.py::test_a_changed_source_id_makes_no_second_document",
        "pipeline/test_exactly_once.py::test_a_document_somebody_typed_by_hand_is_offered_instead_of_doubled",
        "properties/test_months.py::test_the_books_hold_every_executed_movement_once",
    ),
    "2. A swallowed twin: two equal payments on one day are two documents. An empty id is not an id.": (
        "pipeline/test_exactly_once.py::test_two_equal_payments_on_one_day_are_two_documents",
        "pipeline/test_renumbered.py::test_twins_and_the_two_rows_of_a_deal_are_not_taken_for_one",
        "domain/test_fingerprint.py::test_an_empty_id_is_no_id_and_equal_rows_stay_two",
        "golden/ledgers/own-transfers.ledger::Two equal transfers on one day are two.",
    ),
    '3. Zero rows, a short page or an error mid-page read as "nothing new" or as "deleted".': (
        "connectors/amnis/test_source.py::test_a_page_that_lacks_a_row_of_the_announced_total_raises",
        "connectors/amnis/test_source.py::test_a_page_that_fails_raises_and_is_never_the_end",
        "connectors/xero/test_client.py::test_a_short_page_never_looks_like_the_end",
        "pipeline/test_wakes.py::test_an_empty_chart_of_accounts_is_not_believed",
        "test_never_forgiven.py::test_a_source_that_shows_no_rows_deletes_nothing",
    ),
    "4. Pending posted as final; anything before the cut-off date, also by way of edits, refunds or FX pairs.": (
        "golden/ledgers/cards.ledger::A reservation is not money.",
        "golden/ledgers/pay-ins.ledger::Money that is announced and has not arrived.",
        "golden/ledgers/cut-off.ledger::The last day of the old year.",
        "pipeline/test_deals.py::test_a_deal_before_the_cut_off_leaves_nothing_whichever_half_is_dated_earlier",
        "test_never_forgiven.py::test_nothing_comes_before_the_cut_off_by_an_edit_or_a_refund",
    ),
    "5. Float arithmetic; lines that do not sum to the total; a cent that disappears (it goes to a declared rounding line).": (
        "test_never_forgiven.py::test_no_money_passes_through_a_float",
        "connectors/test_http.py::test_a_read_gives_exact_decimals",
        "connectors/xero/test_mapping.py::test_lines_that_do_not_add_up_never_leave",
        "domain/test_rules.py::test_the_parts_of_a_split_make_the_whole",
        "domain/test_fx.py::test_francs_for_euros_close_with_eleven_cents_of_rounding",
    ),
    "6. A wallet whose currency is not the bank account's; a foreign wallet in an organisation without multi-currency (say so "
    "before the first push).": (
        "test_never_forgiven.py::test_a_wallet_is_never_posted_to_a_bank_account_of_another_currency",
        "pages/test_lists.py::test_a_bank_account_of_another_currency_cannot_be_chosen",
        "domain/test_plan.py::test_books_of_one_currency_hold_a_foreign_wallet_back",
    ),
    "7. Tax shown differently from what Xero computes; a tax type the account does not allow; an archived account, tax rate, "
    "tracking option or contact.": (
        "domain/test_coding.py::test_vat_that_xero_would_show_otherwise_is_found",
        "golden/ledgers/tax.ledger::A sales tax on a cost account.",
        "golden/ledgers/tax.ledger::A tax rate that is archived.",
        "golden/ledgers/payouts.ledger::A rule that names an archived account.",
        "golden/ledgers/contacts.ledger::A contact that is archived.",
        "domain/test_coding.py::test_objections_are_found_all_at_once",
    ),
    "8. A fee netted away; an FX gain booked twice; a rate turned upside down (CHF/EUR against EUR/CHF, six decimals).": (
        "golden/ledgers/payouts.ledger::A payment abroad and its fee are two documents, never one.",
        "pipeline/test_documents.py::test_francs_for_euros_leave_nothing_on_the_clearing_account",
        "golden/ledgers/conversions.ledger::Pounds for francs: a rate below one is not turned upside down.",
        "connectors/xero/test_mapping.py::test_a_rate_has_at_most_six_decimals",
    ),
    "9. A source change after posting that overwrites silently: show a field-by-field difference and let a person amend. A "
    "reversal in a closed period.": (
        "pipeline/test_changes.py::test_a_row_that_changes_after_posting_is_shown_field_by_field_and_posted_no_second_time",
        "test_never_forgiven.py::test_a_reversal_in_a_closed_period_waits",
    ),
    "10. Deleting, voiding or re-creating what a person touched; touching a reconciled document.": (
        "pipeline/test_exactly_once.py::test_what_a_person_deleted_is_never_posted_again",
        "pipeline/test_changes.py::test_what_somebody_edits_in_xero_is_noticed_and_never_fought",
        "pipeline/test_undo.py::test_a_reconciled_document_stays_and_its_neighbours_go",
        "pipeline/test_undo.py::test_an_edited_document_goes_only_where_a_person_names_it",
    ),
    '11. A rule or mapping change that rewrites the past unasked. Answer "what did the old one post?" with a list.': (
        "pipeline/test_review.py::test_a_changed_mapping_does_not_rewrite_the_past",
        "test_never_forgiven.py::test_a_changed_rule_leaves_the_past_and_each_entry_names_the_version_that_coded_it",
        "pipeline/test_own_rates.py::test_a_used_rate_is_never_rewritten_and_its_correction_lists_what_was_posted_with_it",
    ),
    '12. A guess to "General". Unknown is blocked, proposed and one click away.': (
        "test_never_forgiven.py::test_without_a_default_nothing_is_guessed",
        "domain/test_coding.py::test_every_missing_default_is_a_finding",
        "golden/ledgers/thresholds.ledger::A kind of movement that nobody knows.",
    ),
    "13. Success said before Xero's record was read back.": (
        "pipeline/test_wakes.py::test_a_document_that_xero_does_not_show_yet_is_looked_for_again_later",
    ),
    "14. Tenant A's data, tokens, rules, learning, exports or alerts at tenant B.": (
        "tenants/test_row_level_security.py::test_a_tenant_sees_its_own_rows_only",
        "tenants/test_row_level_security.py::test_every_table_with_a_tenant_is_forced_under_a_policy",
        "tenants/test_row_level_security.py::test_every_key_between_tenants_rows_is_composite",
        "connectors/test_models.py::test_another_tenants_connections_do_not_exist",
        "tenants/test_access.py::test_a_stranger_and_a_mistyped_address_find_the_same_nothing",
    ),
    "15. Anything learned from data read out of Xero's API (its terms forbid training on it): learn from the source side and "
    "from people's decisions.": (
        "test_never_forgiven.py::test_what_xero_shows_teaches_nothing_and_what_the_source_shows_does",
    ),
}
