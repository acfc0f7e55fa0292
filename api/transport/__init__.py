"""Transport: HTTP, websockets and server-sent events."""
