"""Subscriptions: what subscribers are shown, and where it comes from."""
