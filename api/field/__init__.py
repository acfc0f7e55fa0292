"""The field: what a collector is asked to do at devices."""
