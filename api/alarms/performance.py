"""`alarmPerformance`: how well the alarm system did, by the measures of ISA-18.2 and EEMUA 191. Counted in the database."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.alarms.types import Alarm, by_numbers
from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.scalars import CountColumn, TimeColumn
from api.ground import columns
from api.ground.buckets import EARLIEST
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, from_ids
from ddms.alarms import Priority
from ddms.errors import Code, DdmsError, Sentence

MOST_WORST, MOST_OPERATORS, MOST_DAYS = 100, 1_000, 3_660
MOST_ROWS = 1_000

_SPAN = "$1::timestamptz, $2::timestamptz, $3::int[]"
READ_DEVICES_OF_GROUP = "-- ddms:read_devices_of_group\nSELECT device_id FROM device_groups WHERE group_id = $1"
READ_SUMMARY = f"-- ddms:alarm_performance history\nSELECT * FROM alarm_performance({_SPAN}, $4, $5)"
READ_WINDOWS = f"""-- ddms:alarm_windows history
SELECT array_send(array_agg(time ORDER BY time)) AS time, array_send(array_agg(alarms ORDER BY time)) AS alarms FROM alarm_windows({_SPAN})
"""  # noqa: S608 - a constant is put in
READ_FLOODS = f"-- ddms:alarm_floods history\nSELECT * FROM alarm_floods({_SPAN}, $4) ORDER BY begins DESC LIMIT $5"
READ_WORST = f"-- ddms:alarm_worst history\nSELECT * FROM alarm_worst({_SPAN}, $4, $5)"
READ_STALE = f"-- ddms:alarm_stale history\nSELECT * FROM alarm_stale({_SPAN}) ORDER BY raised_at, alarm_id LIMIT $4"
READ_PRIORITIES = f"-- ddms:alarm_priorities history\nSELECT * FROM alarm_priorities({_SPAN})"


class AlarmBenchmark(StrEnum):
    """How many alarms an operator can do something about."""

    ACCEPTABLE = "acceptable"
    MANAGEABLE = "manageable"
    OVERLOADED = "overloaded"


describe_enum(
    AlarmBenchmark,
    name="AlarmBenchmark",
    description="How many alarms an operator can do something about (ISA-18.2, 16.5; the same numbers stand in EEMUA 191).",
    values={
        "ACCEPTABLE": "Up to 150 a day, about one in ten minutes.",
        "MANAGEABLE": "Up to 300 a day, about two in ten minutes: the most that can be managed.",
        "OVERLOADED": "More than that.",
    },
)


@output_type
class AlarmPerformanceSummary:
    """The numbers of a period. Alarms are those that called: raised, and neither shelved, suppressed nor out of service."""

    alarms: int = field(description="How often an alarm called.")
    per_day: float = field(description="Alarms a day for each operator.")
    benchmark: AlarmBenchmark = field(description="What that means.")
    per_10_minutes: float = field(
        name="perTenMinutes",
        description="Alarms in ten minutes for each operator, on average: 1 is acceptable, 2 the most that can be managed.",
    )
    most_in_10_minutes: int = field(
        name="mostInTenMinutes", description="Alarms in the worst ten minutes: 10 at the most for each operator."
    )
    share_over: float = field(
        description="Share of the ten minutes with more than 10 alarms for each operator, 0 to 1: below 0.01."
    )
    floods: int = field(description="How many floods there were.")
    share_in_flood: float = field(description="Share of the time in a flood, 0 to 1: below 0.01.")
    worst_share: float = field(description="Share of all alarms that the ten worst bring, 0 to 1: up to 0.05.")
    chattering: int = field(description="Alarms that called three times within a minute: none.")
    fleeting: int = field(
        description="How often an alarm cleared within `fleetingSeconds`, before anybody could do anything."
    )
    stale: int = field(description="How often an alarm stood for more than 24 hours: fewer than 5 on any day.")
    acknowledged: int = field(description="How often an alarm was acknowledged.")
    unacknowledged: int = field(
        description="How often it was not, before it was raised again or within a day after the period."
    )
    median_seconds: float | None = field(
        name="acknowledgeMedianSeconds", description="Half of them were acknowledged within so many seconds."
    )
    p95_seconds: float | None = field(
        name="acknowledgeP95Seconds", description="19 of 20 were acknowledged within so many seconds."
    )
    hidden: int = field(description="How often an alarm was raised while it was shelved, suppressed or out of service.")
    shelved: int = field(description="How often somebody shelved an alarm.")
    out_of_service: int = field(description="How often an alarm was put out of service.")
    shelved_now: int = field(description="How many alarms are shelved now.")


_SUMMARY = [name for name in AlarmPerformanceSummary.__dataclass_fields__ if name != "benchmark"]


@output_type
class AlarmFlood:
    """A time in which more alarms came than an operator can do something about."""

    from_: datetime = field(
        name="from", description="Where the first ten minutes with more than 10 alarms for each operator begin."
    )
    to: datetime = field(description="Where the first ten minutes with fewer than 5 begin.")
    alarms: int = field(description="How many came.")
    most: int = field(description="How many in its worst ten minutes.")


@output_type
class AlarmLoad:
    """How much of the load one alarm brings."""

    alarm: Alarm = field(description="The alarm, as it is now.")
    alarms: int = field(description="How often it called.")
    share: float = field(description="Its share of all, 0 to 1.")
    fleeting: int = field(description="How often it cleared within `fleetingSeconds`.")
    repeats: int = field(description="How often it called for the third time within a minute: it chatters if it did.")
    standing_seconds: float = field(description="How long it stood on average.")


@output_type
class StaleAlarm:
    """An alarm that stood for more than 24 hours."""

    alarm: Alarm = field(description="The alarm, as it is now.")
    from_: datetime = field(name="from", description="When it was raised.")
    to: datetime | None = field(description="When it ended; null when it still stands.")


@output_type
class AlarmPriorityShare:
    """The alarms of one priority."""

    priority: Priority = field(description="The priority.")
    alarms: int = field(description="How often alarms of it called.")
    share: float = field(description="Their share of all, 0 to 1.")
    target_share: float = field(
        description="What ISA-18.2 aims at with four priorities: about 80 % low, 15 % medium, 5 % high, less than 1 % the highest."
    )
    acknowledged: int = field(description="How often one was acknowledged.")
    unacknowledged: int = field(description="How often it was not.")
    median_seconds: float | None = field(
        name="acknowledgeMedianSeconds", description="Half of them were acknowledged within so many seconds."
    )
    p95_seconds: float | None = field(
        name="acknowledgeP95Seconds", description="19 of 20 were acknowledged within so many seconds."
    )


@output_type
class AlarmWindows:
    """How many alarms called in each ten minutes, as columns of one length."""

    row: strawberry.Private[Any]

    @resolver
    def time(self) -> TimeColumn:
        """Where each ten minutes begin."""
        return TimeColumn(columns.times(self.row["time"]))

    @resolver
    def alarms(self) -> CountColumn:
        """How many called in them."""
        return CountColumn(columns.integers(self.row["alarms"]))


@output_type
class AlarmPerformance:
    """How well the alarm system did in a period. Each part is counted when it is asked for."""

    from_: datetime = field(name="from", description="Beginning of the period.")
    to: datetime = field(description="Its end; not later than now.")
    operators: int = field(description="Among how many operators the alarms are shared.")
    devices: strawberry.Private[list[int] | None]
    fleeting_seconds: strawberry.Private[float]

    async def _rows(self, info: Info, sql: str, *more: object) -> list[Row]:
        return await info.context.database.rows(sql, self.from_, self.to, self.devices, *more)

    @resolver
    async def summary(self, info: Info) -> AlarmPerformanceSummary:
        """The numbers, to be held against the benchmarks."""
        (row,) = await self._rows(info, READ_SUMMARY, self.operators, self.fleeting_seconds)
        return AlarmPerformanceSummary(
            benchmark=AlarmBenchmark(row["benchmark"]), **{name: row[name] for name in _SUMMARY}
        )

    @resolver
    async def windows(self, info: Info) -> AlarmWindows:
        """Alarms in each ten minutes."""
        (row,) = await self._rows(info, READ_WINDOWS)
        return AlarmWindows(row=row)

    @resolver
    async def floods(self, info: Info) -> list[AlarmFlood]:
        """The newest floods, at most 1,000, the newest first."""
        rows = await self._rows(info, READ_FLOODS, self.operators, MOST_ROWS)
        return [AlarmFlood(from_=row["begins"], to=row["ends"], alarms=row["alarms"], most=row["most"]) for row in rows]

    @resolver
    async def worst(
        self, info: Info, first: Annotated[int, argument(f"How many, 1 to {MOST_WORST}.")] = 10
    ) -> list[AlarmLoad]:
        """The alarms that called most often."""
        if not 1 <= first <= MOST_WORST:
            raise DdmsError(Code.INVALID, Sentence("`first` is 1 to {}", MOST_WORST), field="first")
        rows = await self._rows(info, READ_WORST, first, self.fleeting_seconds)
        alarms = await by_numbers(info.context.database, [row["alarm_id"] for row in rows])
        return [
            AlarmLoad(
                alarm=alarms[row["alarm_id"]],
                **{name: row[name] for name in ("alarms", "share", "fleeting", "repeats", "standing_seconds")},
            )
            for row in rows
            if row["alarm_id"] in alarms
        ]

    @resolver
    async def stale(self, info: Info) -> list[StaleAlarm]:
        """Alarms that stood for more than 24 hours, at most 1,000, the oldest first."""
        rows = await self._rows(info, READ_STALE, MOST_ROWS)
        alarms = await by_numbers(info.context.database, [row["alarm_id"] for row in rows])
        return [
            StaleAlarm(alarm=alarms[row["alarm_id"]], from_=row["raised_at"], to=row["ended_at"])
            for row in rows
            if row["alarm_id"] in alarms
        ]

    @resolver
    async def priorities(self, info: Info) -> list[AlarmPriorityShare]:
        """How alarms are distributed over the priorities, critical first."""
        names = [name for name in AlarmPriorityShare.__dataclass_fields__ if name != "priority"]
        return [
            AlarmPriorityShare(priority=Priority(row["priority"]), **{name: row[name] for name in names})
            for row in await self._rows(info, READ_PRIORITIES)
        ]


@strawberry.type
class PerformanceQueries:
    """Queries about the alarm system itself."""

    @resolver
    async def alarm_performance(
        self,
        info: Info,
        *,
        from_: Annotated[datetime, strawberry.argument(name="from", description="Beginning, inclusive.")],
        to: Annotated[datetime | None, argument("End, exclusive; now when left out.")] = None,
        group: Annotated[strawberry.ID | None, argument("Only alarms of the devices of this group.")] = None,
        devices: Annotated[list[strawberry.ID] | None, argument("Only alarms of these devices.")] = None,
        operators: Annotated[int, argument("How many operators share the alarms.")] = 1,
        fleeting_seconds: Annotated[float, argument("An alarm that clears sooner is fleeting.")] = 10.0,
    ) -> AlarmPerformance:
        """How well the alarm system did in a period, by the measures of ISA-18.2 and EEMUA 191."""
        end = min(to or datetime.now(UTC), datetime.now(UTC))
        if not EARLIEST <= from_ < end:
            raise DdmsError(Code.INVALID, "`from` must be before `to`, and before now", field="from")
        if (end - from_).days > MOST_DAYS:
            raise DdmsError(Code.INVALID, Sentence("the period has at most {} days", MOST_DAYS), field="from")
        if not 1 <= operators <= MOST_OPERATORS:
            raise DdmsError(Code.INVALID, Sentence("`operators` is 1 to {}", MOST_OPERATORS), field="operators")
        if not 0 <= fleeting_seconds <= 86_400:
            raise DdmsError(Code.INVALID, Sentence("`fleetingSeconds` is 0 to {}", 86_400), field="fleetingSeconds")
        return AlarmPerformance(
            from_=from_, to=end, operators=operators, fleeting_seconds=fleeting_seconds,
            devices=await _devices(info, group, devices),
        )  # fmt: skip


async def _devices(info: Info, group: strawberry.ID | None, devices: list[strawberry.ID] | None) -> list[int] | None:
    chosen = None if devices is None else from_ids(IdKind.DEVICE, devices, "devices")
    if group is None:
        return chosen
    number = from_id(IdKind.GROUP, group, "group")
    members = [row["device_id"] for row in await info.context.database.rows(READ_DEVICES_OF_GROUP, number)]
    return members if chosen is None else [device for device in members if device in set(chosen)]
