"""Access: who may come in, by which token."""
