"""The audit as people read it: in pages, as files, checked."""
