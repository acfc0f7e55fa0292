"""The configuration in GraphQL: what it is, what its fields take, its versions, and how it is changed, reverted and imported."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Annotated

import strawberry

from api.files.aside import aside
from api.files.yaml import OF_CALLERS
from api.graphql.context import Context, Info
from api.graphql.described import argument, given, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Page
from api.graphql.payloads import mutation
from api.ground.database import Statements
from api.site import configuration_file
from api.site.configuration_store import READ_CONFIGURATION, Changed, change, revert
from api.site.configuration_types import (
    BY_VERSION,
    VERSIONS,
    Configuration,
    ConfigurationChanges,
    ConfigurationField,
    ConfigurationPayload,
    ConfigurationVersion,
)
from api.site.record import MEANINGS

DryRun = Annotated[bool, argument("Change nothing: only say what would be different, and what would follow.")]
Version = Annotated[int | None, argument("The version you read; another one is a CONFLICT.")]


@strawberry.type
class ConfigurationQueries:
    """Queries about the configuration."""

    @resolver
    async def configuration(self, info: Info) -> Configuration:
        """What the owner decided for the whole site."""
        return Configuration.of(await info.context.database.row(READ_CONFIGURATION))

    @resolver
    def configuration_fields(self) -> list[ConfigurationField]:
        """What can be decided: each field with its kind, unit, bounds and default, for programs that make a form of it."""
        return [ConfigurationField.of(name, meaning) for name, meaning in MEANINGS.items()]

    @resolver
    async def configuration_versions(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        descending: Descending = True,
    ) -> Connection[ConfigurationVersion]:
        """All versions of the configuration, a page at a time, the newest first: who changed what, when and from where."""
        page = Page(first=first, after=after, last=last, before=before, order=BY_VERSION, descending=descending)
        return await VERSIONS.page(
            info.context.database, page, (), lambda rows: [ConfigurationVersion.of(row) for row in rows]
        )

    @resolver
    async def configuration_yaml(
        self,
        info: Info,
        *,
        for_another_site: Annotated[
            bool, argument("Write what is of this site alone, as its name and time zone, as comments.")
        ] = False,
    ) -> str:
        """The configuration as a file of YAML, with what each field means and takes; importConfiguration reads it."""
        row = await info.context.database.row(READ_CONFIGURATION)
        return configuration_file.write(row, for_another_site=for_another_site)


@strawberry.type
class ConfigurationMutations:
    """Changes of the configuration."""

    @mutation
    async def update_configuration(
        self,
        info: Info,
        changes: Annotated[ConfigurationChanges, argument("What shall be different.")],
        version: Version = None,
        *,
        dry_run: DryRun = False,
    ) -> ConfigurationPayload:
        """Change the configuration; it is in force within seconds, without a restart."""
        context, wanted = info.context, given(changes)
        return await _done(
            context, lambda to: change(to, context.actor, context.settings, wanted, version), dry_run=dry_run
        )

    @mutation
    async def revert_configuration(
        self,
        info: Info,
        to: Annotated[int, argument("The version whose values are taken again; `configurationVersions` lists them.")],
        version: Version = None,
        *,
        dry_run: DryRun = False,
    ) -> ConfigurationPayload:
        """Take the values of an earlier version again, as a new one; fields that came later stay as they are."""
        context = info.context
        return await _done(
            context, lambda on: revert(on, context.actor, context.settings, to, version), dry_run=dry_run
        )

    @mutation
    async def import_configuration(
        self,
        info: Info,
        text: Annotated[str, argument("A file as configurationYaml writes it.")],
        version: Version = None,
        *,
        dry_run: DryRun = False,
    ) -> ConfigurationPayload:
        """Take a configuration from a file; fields that it leaves out stay. All its mistakes are told, with line and column."""
        context = info.context
        file = await aside(configuration_file.read, text, OF_CALLERS)
        return await _done(
            context,
            lambda to: configuration_file.import_configuration(to, context.actor, context.settings, file, version),
            dry_run=dry_run,
        )


async def _done(
    context: Context, work: Callable[[Statements], Awaitable[Changed]], *, dry_run: bool
) -> ConfigurationPayload:
    """Make a change, and of a dry run take it back."""
    async with context.database.transaction() as statements, statements.undone() if dry_run else nullcontext():
        return ConfigurationPayload.of(await work(statements))
