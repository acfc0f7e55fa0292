"""Annotations: what people know of a time."""
