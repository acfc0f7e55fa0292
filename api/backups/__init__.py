"""Backups by the API: what there is, what is asked for, and the queue of what is to be done."""
