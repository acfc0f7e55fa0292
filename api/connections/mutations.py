"""Changes of connections through GraphQL: validated, audited, in one transaction each."""

from typing import Annotated

import strawberry

from api.connections.store import change_connection
from api.connections.types import ConnectionChanges, ConnectionPayload, read
from api.graphql.context import Info
from api.graphql.described import argument, given
from api.graphql.payloads import mutation
from api.graphql.versions import Version
from api.ground.ids import IdKind, from_id


@strawberry.type
class ConnectionMutations:
    """Changes of connections."""

    @mutation
    async def update_connection(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The connection.")],  # noqa: A002 - GraphQL's word
        version: Version,
        changes: Annotated[ConnectionChanges, argument("What shall be different.")],
    ) -> ConnectionPayload:
        """Change how an endpoint is reached; what is not named stays. It acts within 5 seconds, on this connection only."""
        number = from_id(IdKind.CONNECTION, id)
        async with info.context.database.transaction() as statements:
            await change_connection(statements, info.context.actor, number, version=version, changes=given(changes))
        (connection,) = await read(info, number)
        return ConnectionPayload(connection=connection)
