"""Changes of annotations through GraphQL: validated, audited, in one transaction each."""

from typing import Annotated, Any

import strawberry

from api.annotations import store
from api.annotations.types import (
    AnnotationChanges,
    AnnotationInput,
    AnnotationPayload,
    DeleteAnnotationPayload,
    by_number,
)
from api.graphql.context import Info
from api.graphql.described import argument, given
from api.graphql.payloads import mutation
from api.graphql.versions import OptionalVersion
from api.ground.ids import IdKind, from_id


@strawberry.type
class AnnotationMutations:
    """Changes of annotations."""

    @mutation
    async def create_annotation(
        self,
        info: Info,
        input: Annotated[AnnotationInput, argument("The annotation.")],  # noqa: A002 - GraphQL's word
    ) -> AnnotationPayload:
        """Write down what there is to know of a time: it is shown on trends and stands in exports."""
        subjects = ((IdKind.DEVICE, input.device), (IdKind.POINT, input.point), (IdKind.GROUP, input.group))
        of: dict[str, Any] = {f"{kind.noun}_id": one and from_id(kind, one, kind.noun) for kind, one in subjects}
        wanted = store.Annotation(starts_at=input.start, ends_at=input.end, text=input.text, **of)
        async with info.context.database.transaction() as statements:
            number = await store.create_annotation(statements, info.context.actor, wanted)
        return AnnotationPayload(annotation=await by_number(info, number))

    @mutation
    async def update_annotation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The annotation.")],  # noqa: A002 - GraphQL's word
        changes: Annotated[AnnotationChanges, argument("What shall be different.")],
        version: OptionalVersion = None,
    ) -> AnnotationPayload:
        """Change an annotation; what is not named stays, and so does what it is of."""
        number = from_id(IdKind.ANNOTATION, id)
        wanted = given(changes, nullable={"ends_at"})
        async with info.context.database.transaction() as statements:
            await store.change_annotation(statements, info.context.actor, number, wanted, version)
        return AnnotationPayload(annotation=await by_number(info, number))

    @mutation
    async def delete_annotation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The annotation.")],  # noqa: A002 - GraphQL's word
    ) -> DeleteAnnotationPayload:
        """Delete an annotation. The audit keeps what it said."""
        number = from_id(IdKind.ANNOTATION, id)
        async with info.context.database.transaction() as statements:
            await store.delete_annotation(statements, info.context.actor, number)
        return DeleteAnnotationPayload(deleted_id=id)
