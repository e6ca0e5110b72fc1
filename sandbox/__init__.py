"""A world to practise in: servers that play the vendors, with state, consent pages, limits and faults."""
