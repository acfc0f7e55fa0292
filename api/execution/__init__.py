"""Execution: from the text of a document to an answer, within limits."""
