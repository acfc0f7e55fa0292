"""Limits: what one caller may take of the program."""

BODY_BYTES = 1_000_000
BODY_SECONDS = 30.0
PARAMETERS = 20
MESSAGE_BYTES = 1_000_000
DEADLINE_SECONDS = 20.0
STATEMENT_TIMEOUT_MS = 25_000
PAGE_SIZE = 100
IN_FLIGHT = 200
HOLD_SECONDS, HELD = 1.0, 500
"""So long a refusal of who asks too often is held back, and so many at a time: who waits for answers asks less often then."""
UNREAD_BYTES = 64 * 1024 * 1024
"""What may wait for one caller who does not read it."""
SUBSCRIPTIONS_PER_SOCKET = 100
INIT_SECONDS = 10.0
LIVE_CONNECTIONS = 2_000
"""Websockets, and event streams, that one caller may have open, however many tokens a user has."""

MOST_COST = 200_000
"""An operation that may cost more is refused."""
DEAR_COST = 1_000
"""An operation that may cost so much lets others be served while it is written."""
DEAR = 4
"""So many dear operations are executed at a time: who asks for many waits in a queue of its own, not in others'."""
DEAR_EACH = 1
BUDGET_SECONDS = 40
"""For so long a caller's budget is restored until it is full."""
STRANGERS_SHARE = 4
"""Somebody without a token has this part of a caller's budget."""
FOLLOWED_COST = 200_000
"""What all different subscriptions of one caller may cost together."""
STRANGERS_IN_FLIGHT = 40
"""Requests in flight of one address without a token."""
CONNECTIONS = 10
"""Connections to the database that one replica has for requests."""
CONNECTIONS_EACH = 4
"""How many of them one caller may have at a time."""
CONNECTION_SECONDS = 5.0
"""How long a request waits for its turn."""
EXPORTS = 4
"""Exports that one replica makes at a time: each keeps a connection and a core of PostgreSQL busy."""
EXPORTS_EACH = 2
EXPORT_COST = 10_000
PREVIEW_COST = 1_000
HASHES = 2
"""Passwords that are checked at a time: each takes 130 ms of a core, and 64 MB."""
HASHES_WAITING = 10
"""Sign-ins of one address that may wait for that."""
HASH_SECONDS = 10.0
HEADER_BYTES = 65_536
HEADERS = 100
HEADER_SECONDS = 10.0
URL_BYTES = 16_384
IDLE_SECONDS = 65.0
"""How long a connection may wait for its next request; the proxy before it gives up after 60 s."""
