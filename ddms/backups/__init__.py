"""Backups: what is written, read, kept, copied, verified and restored (decision 0024); the API only asks for them."""
