"""Webhooks: targets that are told of alarms and states of devices over HTTP."""
