"""Alarms: what is wrong now, what happened, and what operators do about it."""
