"""Requests in flight: one caller cannot keep the server from the others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.context import Context
from api.limits import IN_FLIGHT
from ddms.errors import Code, DdmsError


class InFlight:
    """How many operations each caller has running."""

    def __init__(self) -> None:
        self._running: Counter[int | str] = Counter()

    @contextmanager
    def of(self, context: Context) -> Iterator[None]:
        """Count one while it runs; raises RATE_LIMITED when the caller has too many."""
        who = context.caller.token_id if context.caller else context.address
        if self._running[who] >= IN_FLIGHT:
            raise DdmsError(
                Code.RATE_LIMITED, f"you have {IN_FLIGHT} requests in flight: wait for answers before you send more"
            )
        self._running[who] += 1
        try:
            yield
        finally:
            self._running[who] -= 1
            if not self._running[who]:
                del self._running[who]
