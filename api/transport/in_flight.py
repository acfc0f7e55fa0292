"""Requests in flight and answers on their way: one caller cannot keep the server from the others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.graphql.context import Context
from api.ground.limits import IN_FLIGHT, UNREAD_BYTES
from api.ground.metrics import IN_FLIGHT as RUNNING
from api.ground.metrics import UNREAD
from ddms.errors import Code, DdmsError, Sentence


class InFlight:
    """How many operations each caller has running."""

    def __init__(self) -> None:
        self._running: Counter[int | str] = Counter()
        self._unread: Counter[int | str] = Counter()

    @contextmanager
    def of(self, context: Context) -> Iterator[None]:
        """Count one while it runs; raises RATE_LIMITED when the caller has too many."""
        who = _who(context)
        if self._unread[who] >= UNREAD_BYTES:
            raise DdmsError(
                Code.RATE_LIMITED,
                Sentence(
                    "{} MB of answers wait until you read them: read them before you ask for more", UNREAD_BYTES >> 20
                ),
            )
        if self._running[who] >= IN_FLIGHT:
            raise DdmsError(
                Code.RATE_LIMITED,
                Sentence("you have {} requests in flight: wait for answers before you send more", IN_FLIGHT),
            )
        with _counted(self._running, who, 1):
            yield

    def measure(self) -> None:
        """Tell the metrics how many run, and what nobody has read yet."""
        RUNNING.set(self._running.total())
        UNREAD.set(self._unread.total())

    @contextmanager
    def unread(self, context: Context, size: int) -> Iterator[None]:
        """Count the bytes of a large answer until the client has read them."""
        with _counted(self._unread, _who(context), size):
            yield


def _who(context: Context) -> int | str:
    return context.caller.token_id if context.caller else context.address


@contextmanager
def _counted(counter: Counter[int | str], who: int | str, many: int) -> Iterator[None]:
    counter[who] += many
    try:
        yield
    finally:
        counter[who] -= many
        if not counter[who]:
            del counter[who]
