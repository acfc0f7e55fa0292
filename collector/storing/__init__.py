"""Storing: from answers to readings in the database, or in the spool while it is away."""
