"""What a choice of points is priced at before anybody knows how many they are; who chooses more pays for them when they are found."""

from collections.abc import Sequence
from datetime import timedelta

from api.ground.buckets import Calendar, length_of
from ddms.errors import DdmsError

_OF_DEVICE, _OF_GROUP, _OF_ALL = 20, 10, 100


def priced_points(
    points: Sequence[object] | None,
    devices: Sequence[object] | None,
    groups: Sequence[object] | None,
    keys: Sequence[object] | None,
) -> int:
    """Return how many points a choice is taken for: 20 of a device, or as many as keys, ten devices in a group."""
    each = _OF_DEVICE if keys is None else min(_OF_DEVICE, len(keys))
    if keys and devices is None and groups is None:
        return len(points or ()) + each * _OF_ALL
    return max(1, len(points or ()) + each * (len(devices or ()) + _OF_GROUP * len(groups or ())))


def priced_rows(span: timedelta, bucket: str | None, calendar: Calendar | None, most: int) -> int:
    """Return how many rows of a point a time is taken for; what cannot be is priced like the most, and refused by its field."""
    try:
        length = calendar.shortest if calendar else length_of(bucket) if bucket else None
    except DdmsError:
        length = None
    return min(most, max(1, int(span / length) + 2)) if length else most


def is_of_hours(bucket: str | None) -> bool:
    """Whether buckets are made of whole hours, so that percentiles need no readings."""
    try:
        return bucket is not None and not length_of(bucket) % timedelta(hours=1)
    except DdmsError:
        return False
