"""What is taken of a point in each bucket, and how several become one."""

from enum import StrEnum

from api.graphql.described import describe_enum
from api.ground.buckets import Calendar

__all__ = ("Calendar", "Measure", "Over")


class Measure(StrEnum):
    """What is taken of each point: the column of `series`, by its name there."""

    AVERAGE = "average"
    TIME_WEIGHTED_AVERAGE = "weighted"
    MIN = "lowest"
    MAX = "highest"
    FIRST = "first"
    LAST = "last"
    COUNT = "count"
    INCREASE = "increase"
    RATE = "rate"
    STANDARD_DEVIATION = "deviation"
    STATE_SECONDS = "in_state"
    STARTS = "entered"


class Over(StrEnum):
    """How the points of a term become one."""

    SUM = "sum"
    MEAN = "avg"
    MIN = "min"
    MAX = "max"


describe_enum(
    Measure,
    name="Measure",
    description="What is taken of each point in each bucket, as in `series`.",
    values={
        "AVERAGE": "The average of its readings.",
        "TIME_WEIGHTED_AVERAGE": "The average in which each value counts by how long it held.",
        "MIN": "The lowest value.",
        "MAX": "The highest value.",
        "FIRST": "The first value.",
        "LAST": "The last value.",
        "COUNT": "How many readings with a value.",
        "INCREASE": "What a counter counted.",
        "RATE": "What a counter counted an hour.",
        "STANDARD_DEVIATION": "How far the values lie around their average.",
        "STATE_SECONDS": "For how many seconds it was in `state`.",
        "STARTS": "How often it came into `state`.",
    },
)
describe_enum(
    Over,
    name="Over",
    description="How the points of a term become one.",
    values={
        "SUM": "Their sum.",
        "MEAN": "Their average, in which each point counts the same.",
        "MIN": "The lowest of them.",
        "MAX": "The highest of them.",
    },
)
describe_enum(
    Calendar,
    name="Calendar",
    description="Buckets by the calendar of the site, as the configuration has it.",
    values={
        "HOUR": "Hours of the site's clock.",
        "SHIFT": "Shifts; what lies between two of them is a bucket without a name.",
        "DAY": "Days, of 23 or 25 hours where the clock changes.",
        "WEEK": "Weeks, from the configured day on.",
        "MONTH": "Months.",
        "QUARTER": "Quarters of the year.",
        "YEAR": "Years.",
        "FISCAL_QUARTER": "Quarters of the fiscal year.",
        "FISCAL_YEAR": "Fiscal years, from the configured month on.",
    },
)
