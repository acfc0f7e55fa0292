"""Export: history as a file."""
