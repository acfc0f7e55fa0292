"""The enums of alarms as GraphQL shows them."""

from enum import StrEnum

from api.graphql.described import describe_enum
from ddms.alarms import Event, Shelf, State


class AlarmSource(StrEnum):
    """What an alarm watches."""

    LIMIT = "limit"
    DEVICE = "device"
    CONNECTION = "connection"
    SYSTEM = "system"


describe_enum(
    AlarmSource,
    name="AlarmSource",
    description="What an alarm watches.",
    values={
        "LIMIT": "A limit of a point.",
        "DEVICE": "Whether a device answers.",
        "CONNECTION": "Whether anything behind a connection answers.",
        "SYSTEM": "DDMS itself.",
    },
)
describe_enum(
    State,
    name="AlarmState",
    description="The states of ISA-18.2. That an alarm is shelved, suppressed or out of service comes beside it.",
    values={
        "NORMAL": "Gone, and somebody knows that it was there.",
        "UNACKNOWLEDGED": "There, and nobody has taken note.",
        "ACKNOWLEDGED": "There, and somebody has taken note.",
        "RETURNED": "Gone before anybody took note.",
        "LATCHED_UNACKNOWLEDGED": "Gone, held by a latched limit; nobody has taken note.",
        "LATCHED_ACKNOWLEDGED": "Gone, held by a latched limit until it is acknowledged once more.",
    },
)
describe_enum(
    Shelf,
    name="ShelfKind",
    description="How an alarm is shelved.",
    values={
        "TIMED": "Until a time.",
        "ONCE": "Until it clears, at the longest until a time.",
    },
)
describe_enum(
    Event,
    name="AlarmEventKind",
    description="What may happen to an alarm.",
    values={
        "RAISED": "The condition came.",
        "CLEARED": "The condition went.",
        "UNCERTAIN": "The newest reading is bad or missing: nobody knows whether it is still there.",
        "CERTAIN": "A good reading says again how it is.",
        "ACKNOWLEDGED": "Somebody took note.",
        "NOTED": "Somebody wrote a note.",
        "SHELVED": "Somebody shelved it.",
        "UNSHELVED": "Somebody took it from the shelf.",
        "SHELF_ENDED": "Its time on the shelf was over, or it cleared.",
        "SUPPRESSED": "Another alarm explains it.",
        "UNSUPPRESSED": "That one is over.",
        "OUT_OF_SERVICE": "Somebody put it out of service.",
        "IN_SERVICE": "Somebody returned it to service.",
        "SERVICE_DUE": "The time of its maintenance was over.",
        "WITHDRAWN": "Its limit, point, device or connection was disabled or removed.",
    },
)


class AlarmOrder(StrEnum):
    """By what alarms are listed."""

    PRIORITY = "priority"
    RAISED = "raised"
    CHANGED = "changed"


describe_enum(
    AlarmOrder,
    name="AlarmOrder",
    description="By what alarms are listed.",
    values={
        "PRIORITY": "Critical first, and of one priority the newest first.",
        "RAISED": "By when they were raised last; those that never were come first.",
        "CHANGED": "By when they last changed their state.",
    },
)


class AlarmResult(StrEnum):
    """What became of an alarm."""

    DONE = "done"
    NOTHING = "nothing"
    TAKEN = "taken"
    GONE = "gone"
    SHARED = "shared"


describe_enum(
    AlarmResult,
    name="AlarmResult",
    description="What became of an alarm that somebody wanted to change.",
    values={
        "DONE": "It was done.",
        "NOTHING": "There was nothing to do: nothing to acknowledge, not on a shelf, in service already.",
        "TAKEN": "Somebody else has shelved it, or put it out of service; nothing was changed.",
        "GONE": "There is no such alarm, or not any more.",
        "SHARED": "Devices out of your sight share the connection; nothing was changed.",
    },
)
