"""Readings: history and the newest values."""
