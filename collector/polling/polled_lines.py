"""What this collector polls: read when something changed, and only the lines in which something did.

Ten thousand points take a tenth of a second to read, in which nothing is polled; so the database compares.
"""

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from ddms import limits
from ddms.database import Connection
from ddms.limits import READ_LIMITS, Limit
from ddms.lines import READ_LINES, ConnectionConfiguration, of_rows

READ_DIGESTS = (
    "-- ddms:read_digests\nSELECT connection_id, sum(hash_record_extended(l, 0)) FROM ("
    + READ_LINES
    + ") l GROUP BY connection_id"
)
READ_LIMIT_DIGESTS = (
    "-- ddms:read_limit_digests\nSELECT connection_id, sum(hash_record_extended(l, 0)) FROM ("
    + READ_LIMITS
    + ") l GROUP BY connection_id"
)


class PolledLines:
    """The lines as they were read last, by connection id."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[Decimal, ConnectionConfiguration]] = {}
        self._limits: dict[int, tuple[Decimal, tuple[Limit, ...]]] = {}
        self._made: dict[int, tuple[ConnectionConfiguration, ConnectionConfiguration]] = {}

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
        await self._read_limits(connection)
        return {number: self._with_limits(number, line) for number, (_, line) in lines.items()}

    async def _read_limits(self, connection: Connection) -> None:
        digests: dict[int, Decimal] = dict(await connection.fetch(READ_LIMIT_DIGESTS, None))
        before, self._limits = self._limits, {}
        for number in digests.keys() & self._lines.keys():
            known = before.get(number)
            if known is None or known[0] != digests[number]:
                known = digests[number], tuple(map(limits.of_row, await connection.fetch(READ_LIMITS, number)))
            self._limits[number] = known

    def _with_limits(self, number: int, line: ConnectionConfiguration) -> ConnectionConfiguration:
        """Return a line with its limits, the same object as long as both are the same."""
        of_line = self._limits[number][1] if number in self._limits else ()
        made = self._made.get(number)
        if made is None or made[0] is not line or made[1].limits is not of_line:
            made = self._made[number] = line, replace(line, limits=of_line)
        return made[1]
