"""The program `ddms ingest`: it stores what far collectors send, each message once, and answers what they ask."""
