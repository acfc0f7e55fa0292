"""Retention: what of history is kept, rolled up and erased."""
