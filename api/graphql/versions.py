"""The version of what a mutation changes, as arguments: so that nobody undoes what somebody else did meanwhile."""

from typing import Annotated, TypeAlias

from api.graphql.described import argument

Version: TypeAlias = Annotated[
    int, argument("The version that you read: a change by somebody else meanwhile is a CONFLICT.")
]
OptionalVersion: TypeAlias = Annotated[
    int | None, argument("The version that you read: a change by somebody else meanwhile is then a CONFLICT.")
]
