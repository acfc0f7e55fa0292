"""What a person may do with backups."""

from typing import Annotated

import strawberry

from api.backups import restores, store
from api.backups.restores import Restore, RestorePayload
from api.backups.types import Backup, BackupPayload
from api.graphql.context import Info
from api.graphql.described import argument
from api.graphql.payloads import mutation
from api.ground.ids import IdKind, from_id

Id = Annotated[strawberry.ID, argument("The backup.")]


async def _payload(info: Info, number: int) -> BackupPayload:
    return BackupPayload(backup=Backup.of(await store.read(info.context.everything, number)))


@strawberry.type
class BackupMutations:
    """What a person may do with backups."""

    @mutation
    async def create_backup(
        self,
        info: Info,
        portable: Annotated[
            bool, argument("Hold history as rows, which any edition of the storage reads; larger and slower.")
        ] = False,
    ) -> BackupPayload:
        """Ask for a backup of the whole database; it is made next, and `backup` tells how far it is. One that was asked for and is not made yet is returned."""
        async with info.context.everything.transaction() as statements:
            number = await store.create(statements, info.context.actor, portable=portable)
        return await _payload(info, number)

    @mutation
    async def cancel_backup(self, info: Info, id: Id) -> BackupPayload:  # noqa: A002 - GraphQL's word
        """End a backup that waits or is being made, or its verification; nothing is left of it."""
        number = from_id(IdKind.BACKUP, id)
        async with info.context.everything.transaction() as statements:
            await store.cancel(statements, info.context.actor, number)
        return await _payload(info, number)

    @mutation
    async def verify_backup(self, info: Info, id: Id) -> BackupPayload:  # noqa: A002
        """Ask for a backup to be restored into a scratch database and compared with its manifest."""
        number = from_id(IdKind.BACKUP, id)
        async with info.context.everything.transaction() as statements:
            await store.verify(statements, info.context.actor, number)
        return await _payload(info, number)

    @mutation
    async def keep_backup(
        self,
        info: Info,
        id: Id,  # noqa: A002
        kept: Annotated[bool, argument("False: it may be removed again when newer ones follow.")] = True,
    ) -> BackupPayload:
        """Keep a backup however many follow."""
        number = from_id(IdKind.BACKUP, id)
        async with info.context.everything.transaction() as statements:
            await store.keep(statements, info.context.actor, number, kept=kept)
        return await _payload(info, number)

    @mutation
    async def delete_backup(self, info: Info, id: Id) -> BackupPayload:  # noqa: A002
        """Remove the files of a backup, here and at the second place; that it was there stays in the list of those that were removed."""
        number = from_id(IdKind.BACKUP, id)
        async with info.context.everything.transaction() as statements:
            await store.remove(statements, info.context.actor, number)
        return await _payload(info, number)

    @mutation
    async def restore_backup(
        self,
        info: Info,
        id: Id,  # noqa: A002
        database: Annotated[
            str,
            argument("The name of the new database, on the server of the backups; it must not be there, or be empty."),
        ],
    ) -> RestorePayload:
        """Ask for a backup to be restored into a new database, beside the one in use; `restore` tells how far it is and how to switch over. Asked for again after it failed, it goes on."""
        number = from_id(IdKind.BACKUP, id)
        async with info.context.everything.transaction() as statements:
            new = await restores.ask(statements, info.context.actor, number, database)
        return RestorePayload(restore=Restore.of(await restores.read(info.context.everything, new)))

    @mutation
    async def cancel_restore(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The restore.")],  # noqa: A002
    ) -> RestorePayload:
        """End a restore that waits or goes on; the new database is dropped."""
        number = from_id(IdKind.RESTORE, id)
        async with info.context.everything.transaction() as statements:
            await restores.cancel(statements, info.context.actor, number)
        return RestorePayload(restore=Restore.of(await restores.read(info.context.everything, number)))
