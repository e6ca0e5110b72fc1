"""A world to practise in: servers that play the vendors over HTTP, with state, consent pages, limits and a fault plan."""
