"""Xero as a destination: what is written, what is read, and what its answers mean."""
