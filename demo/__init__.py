"""The trial without Docker: an embedded PostgreSQL, a simulated plant, and all programs in one command."""
