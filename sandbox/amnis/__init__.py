"""A local server that plays the Amnis treasury API, with state, faults and a demo world."""
