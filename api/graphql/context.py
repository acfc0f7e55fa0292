"""What every resolver is given: who asks, from where, and the parts of the program."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import strawberry

from api.graphql.described import describe_enum
from api.ground.actor import Actor
from api.ground.budget import Budgets
from api.ground.callers import Caller, Callers, network_of
from api.ground.database import Database
from api.ground.roles import Role
from api.live.hub import Hub
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

describe_enum(
    Role,
    name="Role",
    description="What a caller may do; each role includes the next one.",
    values={
        "OWNER": "Everything, also tokens and users.",
        "ADMIN": "Devices, points, profiles and groups.",
        "VIEWER": "Read only.",
    },
)


@dataclass(kw_only=True, slots=True)
class Context:
    """One request, or one websocket; `caller` is None for somebody without a token."""

    database: Database
    hub: Hub
    callers: Callers
    budgets: Budgets
    address: str
    settings: Settings = field(default_factory=Settings)
    caller: Caller | None = None
    authorization: str | None = None
    connection_params: dict[str, object] | None = None
    batches: dict[object, Any] = field(default_factory=dict)
    """What is being asked together for many objects; see `together`."""

    def require(self, least: Role) -> Caller:
        """Return the caller if the role suffices."""
        if self.caller is None:
            raise DdmsError(
                Code.UNAUTHENTICATED,
                "send a token as `Authorization: Bearer ddms_…`; make one with `ddms token create` or signIn",
            )
        if not self.caller.role.includes(least):
            raise DdmsError(
                Code.FORBIDDEN,
                Sentence("this needs the role {}, the token has {}", least.value, self.caller.role.value),
            )
        return self.caller

    @property
    def who(self) -> int | str:
        """Whose budget and share it is."""
        return self.caller.account if self.caller else network_of(self.address)

    @property
    def actor(self) -> Actor:
        """Who it is for the audit log."""
        return Actor(name=self.caller.name if self.caller else "nobody", address=self.address)


Info: TypeAlias = strawberry.Info[Context, None]
