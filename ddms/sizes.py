"""How large a server has to be, from what was measured on ours (docs/sizes.md has the sources and the doubts). Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of a table of history takes, in bytes: as it is written, and compressed."""

    fresh: float
    old: float


# python -m bench.storage: 15 million readings as a plant gives them, each 10 s.
READING, MINUTE, HOUR, EACH_DAY = Row(92.7, 6.9), Row(142, 23.5), Row(146, 34), Row(172, 172)
REST_CORES = 0.06
"""What all programs take while hardly anything is read, and somebody looks (python -m bench.steps, 100 devices)."""
DATABASE_SECONDS = 22e-6
"""Processor time a reading: flushes of three collectors, rollups and the sending to a replica 20 µs (python -m bench.steps,
10,000 devices), compression 1.9 µs (python -m bench.storage)."""
REQUEST_SECONDS = 55e-6
"""Processor time of the collectors a request, with decoding and storing (python -m bench.steps, 10,000 devices)."""
REQUEST_BYTES, READING_BYTES = 250, 35
"""On the wire: a request and its answer with the heads of TCP; a reading on its way to the database."""
POINT_BYTES = 3_000
"""Memory of the collector a point, and more than that of an API (python -m bench.steps, 100,000 points: 2.6 and 0.6 kB)."""
HOT_BYTES = 3 * 8_192
"""Memory of the database a point: the page that grows, of readings, of minutes and of `latest`."""
PROGRAM_BYTES, SERVER_BYTES = 60e6, 3.5e9
"""A program without a point; the system, PostgreSQL, Grafana and Prometheus."""
BACKUP_SHARE = 0.4
"""What a backup takes of what the database takes, compressed (python -m bench.backups)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plant:
    """What is watched, and how long it is kept (days)."""

    devices: int
    points: int = 10
    """Of each device."""
    interval_s: float = 10.0
    requests: int = 1
    """Of each device, for all of its points (`ddms plan` counts them)."""
    stored: float = 1.0
    """The share of readings that deadbands let through."""
    reading_days: int = 90
    compressed_after_days: int | None = 7
    """None without compression: the other editions than community."""
    minute_days: int = 400
    hour_days: int = 3650

    @property
    def all_points(self) -> int:
        """Of all devices together."""
        return self.devices * self.points

    @property
    def readings_per_second(self) -> float:
        """What is stored."""
        return self.all_points / self.interval_s * self.stored

    @property
    def requests_per_second(self) -> float:
        """What the devices are asked."""
        return self.devices * self.requests / self.interval_s

    def disk_bytes(self, days: float) -> float:
        """What the database takes, `days` after it began."""
        return self._bytes(days, self.compressed_after_days)

    def backup_bytes(self, days: float) -> float:
        """What a backup takes then: it is compressed itself, whatever the database does."""
        return BACKUP_SHARE * self._bytes(days, 0)

    def _bytes(self, days: float, compressed_after: float | None) -> float:
        per_day = self.readings_per_second * DAY / self.all_points
        tables = (
            (READING, per_day, self.reading_days),
            (MINUTE, min(DAY / 60, per_day), self.minute_days),
            (HOUR, min(24, per_day), self.hour_days),
            (EACH_DAY, 1, 36_500),
        )
        total = 0.0
        for row, a_day, kept in tables:
            age = min(days, kept)
            fresh = age if compressed_after is None else min(age, compressed_after)
            total += a_day * (fresh * row.fresh + (age - fresh) * row.old)
        return self.all_points * total

    @property
    def cores(self) -> float:
        """Processor time a second of all programs; of people who look, that of one."""
        return REST_CORES + self.readings_per_second * DATABASE_SECONDS + self.requests_per_second * REQUEST_SECONDS

    @property
    def memory_bytes(self) -> float:
        """Of one server with everything: a quarter is the database's own, and holds what grows."""
        programs = 2 * (PROGRAM_BYTES + self.all_points * POINT_BYTES)
        return SERVER_BYTES + programs + 4 * HOT_BYTES * self.all_points

    @property
    def network_bits(self) -> float:
        """Bits a second: to the devices and to the database."""
        return 8 * (self.requests_per_second * REQUEST_BYTES + self.readings_per_second * READING_BYTES)


def facts(plant: Plant) -> Iterator[tuple[str, float, str]]:
    """Yield what a server needs: its name, the amount, the unit."""
    yield "readings", plant.readings_per_second, "/s"
    yield "requests", plant.requests_per_second, "/s"
    yield "processor", plant.cores, "cores"
    yield "memory", plant.memory_bytes, "B"
    yield "network", plant.network_bits, "bit/s"
    yield "disk after a year", plant.disk_bytes(365), "B"
    yield "disk after ten years", plant.disk_bytes(3650), "B"
    yield "a backup after a year", plant.backup_bytes(365), "B"
