"""Live values: one LISTEN, the mirror in memory, broadcasts to many subscribers."""
