"""Xero as its official files and documentation describe it: OAuth, connections and the Accounting API."""
