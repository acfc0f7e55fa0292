"""`latest`: the newest readings of many devices, as columns."""

import time
from typing import Annotated

import numpy as np
import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.scalars import IdColumn, NumberColumn, QualityColumn, TextColumn, TimeColumn
from api.ground.ids import IdKind, from_ids
from api.live.latest import LatestReadings, chosen, of_database, of_mirror


@output_type
class LatestColumns:
    """The newest readings as columns of one length, by device and point; a point never read is left out."""

    newest: strawberry.Private[LatestReadings]

    @resolver
    def point_id(self) -> IdColumn:
        """The point of each reading."""
        return IdColumn(self.newest.encoded_points)

    @resolver
    def device_id(self) -> IdColumn:
        """The device of each point."""
        return IdColumn(self.newest.encoded_devices)

    @resolver
    def key(self) -> TextColumn:
        """The key of each point."""
        return TextColumn(self.newest.encoded_keys)

    @resolver
    def time(self) -> TimeColumn:
        """When each was read."""
        return TimeColumn(self.newest.encoded_times)

    @resolver
    def age(self) -> NumberColumn:
        """How long ago each was read, in seconds."""
        return NumberColumn(np.round(time.time() - self.newest.times / 1000, 3))

    @resolver
    def value(self) -> NumberColumn:
        """The value of each; null when it is bad or a text."""
        return NumberColumn(self.newest.encoded_values)

    @resolver
    def quality(self) -> QualityColumn:
        """The quality code of each."""
        return QualityColumn(self.newest.encoded_qualities)

    @resolver
    def text(self) -> TextColumn:
        """The text of each, of an integer beyond 2^53 all of its digits; null when its point has another number."""
        return TextColumn(self.newest.encoded_texts)

    @resolver
    def value_name(self) -> TextColumn:
        """What the value of each is called: `Fault`; null without a name."""
        return TextColumn(self.newest.encoded_value_names)


@output_type
class Latest:
    """The newest reading of each chosen point."""

    count: int = field(description="How many points were read at least once.")
    columns: LatestColumns = field(description="The readings as columns.")


@strawberry.type
class LatestQueries:
    """Queries about the newest readings."""

    @resolver
    async def latest(
        self,
        info: Info,
        devices: Annotated[list[strawberry.ID] | None, argument("All points of these devices.")] = None,
        points: Annotated[list[strawberry.ID] | None, argument("These points.")] = None,
    ) -> Latest:
        """The newest readings of devices and points, or of all of them when neither is given."""
        wanted = None if points is None else from_ids(IdKind.POINT, points, "points")
        of = None if devices is None else from_ids(IdKind.DEVICE, devices, "devices")
        hub = info.context.hub
        if not hub.connected.is_set() or info.context.person is not None:
            newest = await of_database(info.context.database, wanted, of)
        elif wanted is None and of is None:
            newest = hub.newest.get()
        else:
            newest = of_mirror(hub.mirror, chosen(hub.mirror.directory, wanted, of))
        return Latest(count=len(newest.points), columns=LatestColumns(newest=newest))
