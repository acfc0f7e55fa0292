"""What people do about alarms through GraphQL: many at once, each told what became of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

import strawberry

from api.alarms.enums import AlarmResult
from api.alarms.store import (
    MOST_ALARMS,
    MOST_DEVICES,
    SERVICE_DAYS,
    Became,
    Wish,
    change,
    clock,
    end,
    given_reason,
    lock,
    of_devices,
)
from api.alarms.types import Alarm, by_numbers
from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.messages import told
from api.graphql.payloads import UserError, mutation
from api.graphql.together import together
from api.ground.database import Statements
from api.ground.ids import IdKind, from_ids, to_id
from ddms import inputs
from ddms.alarms import Event, Shelf
from ddms.errors import Code, DdmsError, Sentence

MOST_ERRORS = 100
Ids = Annotated[list[strawberry.ID], argument(f"The alarms, at most {MOST_ALARMS}.")]
Until = Annotated[datetime | None, argument("When it ends; or give `hours`.")]
Hours = Annotated[float | None, argument("For how many hours from now; or give `until`.")]
Reason = Annotated[str, argument("Why; whoever comes next reads it.")]
OutDevices = Annotated[
    list[strawberry.ID] | None, argument(f"All alarms that these devices have now; at most {MOST_DEVICES} devices.")
]
OutAlarms = Annotated[list[strawberry.ID] | None, argument(f"Single alarms, at most {MOST_ALARMS}.")]


@output_type
class AlarmOutcome:
    """What became of one alarm."""

    alarm_id: strawberry.ID = field(description="The alarm.")
    result: AlarmResult = field(description="What became of it.")
    message: str | None = field(description="Why it was not done, in a sentence; null when it was.")
    number: strawberry.Private[int]

    @resolver
    async def alarm(self, info: Info) -> Alarm | None:
        """The alarm, as it is now; null when there is none."""
        return await together(info.context, by_numbers, self.number)


@output_type
class AlarmsPayload:
    """The answer of each mutation about alarms: what was not done stands in `errors`, the others were done."""

    errors: list[UserError] = field(
        default_factory=list,
        description="What was wrong with the input (then nothing was done), or with single alarms (`ids.2`; then the others were done).",
    )
    results: list[AlarmOutcome] = field(
        default_factory=list, description="What became of each alarm, in the order of the ids."
    )

    @classmethod
    def of(
        cls, became: Iterable[Became], fields: Mapping[int, str], errors: Iterable[UserError] = ()
    ) -> "AlarmsPayload":
        """Tell what became of alarms, each asked for in a field of the input."""
        became = list(became)
        mistakes = [
            UserError(code=_CODES[one.result], message=told(one.message or ""), field=fields[one.number])
            for one in became
            if one.result in _CODES
        ]
        return cls(
            errors=[*errors, *mistakes][:MOST_ERRORS],
            results=[
                AlarmOutcome(
                    alarm_id=to_id(IdKind.ALARM, one.number),
                    number=one.number,
                    result=one.result,
                    message=one.message and told(one.message),
                )
                for one in became
            ],
        )


_CODES = {
    AlarmResult.GONE: Code.NOT_FOUND,
    AlarmResult.TAKEN: Code.CONFLICT,
    AlarmResult.SHARED: Code.FORBIDDEN,
}
"""What is a mistake of the caller; that there is nothing to do is none, so that whoever asks twice is not told off."""


async def _do(info: Info, ids: list[strawberry.ID], wish: Wish) -> AlarmsPayload:
    numbers = from_ids(IdKind.ALARM, ids, "ids", MOST_ALARMS)
    async with info.context.database.transaction() as statements:
        became = await change(statements, info.context.actor, numbers, wish)
    return AlarmsPayload.of(became, _fields(numbers, "ids"))


def _fields(numbers: Iterable[int], name: str) -> dict[int, str]:
    return {number: f"{name}.{place}" for place, number in enumerate(numbers)}


def _note(text: str | None) -> str | None:
    return None if text is None else inputs.fit(inputs.text, text, "note").strip() or None


@strawberry.type
class AlarmMutations:
    """What people do about alarms."""

    @mutation
    async def acknowledge_alarms(
        self, info: Info, ids: Ids, note: Annotated[str | None, argument("What to keep in mind.")] = None
    ) -> AlarmsPayload:
        """Take note of alarms: somebody looks after them. A latched alarm whose condition is gone is released. One that
        somebody else has acknowledged, or that is over, stays as it is."""
        return await _do(info, ids, Wish(event=Event.ACKNOWLEDGED, action="alarm.acknowledge", note=_note(note)))

    @mutation
    async def note_alarms(
        self, info: Info, ids: Ids, note: Annotated[str, argument("1 to 2,000 characters.")]
    ) -> AlarmsPayload:
        """Write a note to alarms, whatever their state."""
        return await _do(info, ids, Wish(event=Event.NOTED, action="alarm.note", note=given_reason(note, "note")))

    @mutation
    async def shelve_alarms(
        self,
        info: Info,
        ids: Ids,
        *,
        reason: Reason,
        until: Until = None,
        hours: Hours = None,
        kind: Annotated[Shelf, argument("Until then, or until it clears, at the longest until then.")] = Shelf.TIMED,
    ) -> AlarmsPayload:
        """Put alarms on the shelf: they call nobody until then, at most for `shelfHours` of the configuration, and come
        back by themselves. One that somebody else has shelved stays as it is; of your own the new end counts."""
        numbers, why = from_ids(IdKind.ALARM, ids, "ids", MOST_ALARMS), given_reason(reason)
        async with info.context.database.transaction() as statements:
            time = await clock(statements)
            ends = end(time["now"], until, hours, most=time["shelf_hours"])
            wish = Wish(event=Event.SHELVED, action="alarm.shelve", note=why, until=ends, shelf=kind)
            became = await change(statements, info.context.actor, numbers, wish)
        return AlarmsPayload.of(became, _fields(numbers, "ids"))

    @mutation
    async def unshelve_alarms(
        self, info: Info, ids: Ids, note: Annotated[str | None, argument("Why.")] = None
    ) -> AlarmsPayload:
        """Take alarms from the shelf, whoever put them there. What is still active is unacknowledged again."""
        return await _do(info, ids, Wish(event=Event.UNSHELVED, action="alarm.unshelve", note=_note(note)))

    @mutation
    async def set_out_of_service(
        self,
        info: Info,
        *,
        reason: Reason,
        devices: OutDevices = None,
        alarms: OutAlarms = None,
        until: Until = None,
        hours: Hours = None,
    ) -> AlarmsPayload:
        """Put alarms out of service while devices are in maintenance, at most for a year; they call nobody, and come back
        by themselves. Limits that a device gets later are in service."""
        why = given_reason(reason)
        async with info.context.database.transaction() as statements:
            ends = end((await clock(statements))["now"], until, hours, most=SERVICE_DAYS * 24)
            wish = Wish(event=Event.OUT_OF_SERVICE, action="alarm.out_of_service", note=why, until=ends)
            return await _do_to(info, statements, devices, alarms, wish)

    @mutation
    async def return_to_service(
        self,
        info: Info,
        devices: OutDevices = None,
        alarms: OutAlarms = None,
        note: Annotated[str | None, argument("Why.")] = None,
    ) -> AlarmsPayload:
        """Return alarms to service before their time. What is still active is unacknowledged again."""
        wish = Wish(event=Event.IN_SERVICE, action="alarm.return_to_service", note=_note(note))
        async with info.context.database.transaction() as statements:
            return await _do_to(info, statements, devices, alarms, wish)


async def _do_to(
    info: Info,
    statements: Statements,
    devices: list[strawberry.ID] | None,
    alarms: list[strawberry.ID] | None,
    wish: Wish,
) -> AlarmsPayload:
    """Do it to all alarms of devices and to single ones; the audit names the devices, not each of their alarms."""
    if not devices and not alarms:
        raise DdmsError(Code.INVALID, "say which: give devices or alarms", field="devices")
    numbers = from_ids(IdKind.DEVICE, devices or (), "devices", MOST_DEVICES)
    single = from_ids(IdKind.ALARM, alarms or (), "alarms", MOST_ALARMS)
    found = await of_devices(statements, numbers)
    gone = [
        UserError(
            code=Code.NOT_FOUND,
            message=told(Sentence("there is no device {}: it may have been deleted", to_id(IdKind.DEVICE, number))),
            field=f"devices.{place}",
        )
        for place, number in enumerate(numbers)
        if number not in found
    ]
    fields = _fields(single, "alarms")
    fields |= {alarm: f"devices.{place}" for place, number in enumerate(numbers) for alarm in found.get(number, ())}
    of_these = {alarm: to_id(IdKind.DEVICE, number) for number, each in found.items() for alarm in each}
    rest = [number for number in single if number not in of_these]
    await lock(statements, [*of_these, *rest])  # all in one order, before the first of them is changed
    became = await change(statements, info.context.actor, list(of_these), wish, of=of_these)
    became += await change(statements, info.context.actor, rest, wish)
    return AlarmsPayload.of(became, fields, gone)
