"""The border to the vendors: foreign JSON becomes our records here, and our entries become foreign JSON."""
