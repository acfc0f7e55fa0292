"""Limits: what one caller may take of the program."""

BODY_BYTES = 1_000_000
BODY_SECONDS = 30.0
PARAMETERS = 20
MESSAGE_BYTES = 1_000_000
DEADLINE_SECONDS = 20.0
STATEMENT_TIMEOUT_MS = 25_000
PAGE_SIZE = 100
IN_FLIGHT = 200
UNREAD_BYTES = 64 * 1024 * 1024
"""What may wait for one caller who does not read it."""
SUBSCRIPTIONS_PER_SOCKET = 100
INIT_SECONDS = 10.0
LIVE_CONNECTIONS = 2_000
"""Websockets, and event streams, that one token may have open."""
