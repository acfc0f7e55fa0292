"""A collector at a far site: it speaks to NATS alone, and `ddms ingest` does for it what needs the database."""
