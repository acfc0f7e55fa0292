"""Limits: what of a point is an alarm, and what the operator reads then (docs/alarms.md)."""
