"""The parts of the control page: what can be done, what can be seen, how it looks."""
