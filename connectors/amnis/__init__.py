"""Amnis as a source: wallets, the ledger of movements with their details, expense master data, booked conversions."""
