"""Polling: one task an endpoint, the state of its units, when they are due."""
