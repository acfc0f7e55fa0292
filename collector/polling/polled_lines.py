"""What this collector polls: read when something changed, and only the lines in which something did.

Ten thousand points take a tenth of a second to read, in which nothing is polled; so the database compares.
"""

from collections.abc import Collection
from decimal import Decimal

from ddms.database import Connection
from ddms.lines import READ_LINES, ConnectionConfiguration, of_rows

READ_DIGESTS = (
    "-- ddms:read_digests\nSELECT connection_id, sum(hash_record_extended(l, 0)) FROM ("
    + READ_LINES
    + ") l GROUP BY connection_id"
)


class PolledLines:
    """The lines as they were read last, by connection id."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[Decimal, ConnectionConfiguration]] = {}

    async def read(self, connection: Connection, wanted: Collection[int]) -> dict[int, ConnectionConfiguration]:
        """Return those of the wanted lines that have something to poll; what did not change is the same object."""
        digests: dict[int, Decimal] = dict(await connection.fetch(READ_DIGESTS, None, None))
        lines: dict[int, tuple[Decimal, ConnectionConfiguration]] = {}
        for number in digests.keys() & wanted:
            known = self._lines.get(number)
            if known is not None and known[0] == digests[number]:
                lines[number] = known
            elif found := of_rows(await connection.fetch(READ_LINES, number, None)):
                lines[number] = (digests[number], found[number])
        self._lines = lines
        return {number: line for number, (_, line) in lines.items()}
