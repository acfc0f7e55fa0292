"""What every resolver is given: who asks, from where, and the parts of the program."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import strawberry

from api.database import Database
from api.roles import Role
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

if TYPE_CHECKING:
    from api.live import Hub
    from api.tokens import Tokens
    from api.trusted import Trusted


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks: the bearer of a token."""

    token_id: int
    name: str
    role: Role
    expires_at: datetime
    trusted_only: bool = False


@dataclass(kw_only=True, slots=True)
class Context:
    """One request, or one websocket; `caller` is None for somebody without a token."""

    database: Database
    hub: "Hub"
    tokens: "Tokens"
    trusted: "Trusted"
    address: str
    settings: Settings = field(default_factory=Settings)
    caller: Caller | None = None
    authorization: str | None = None
    connection_params: dict[str, object] | None = None

    def require(self, least: Role) -> Caller:
        """Return the caller if the role suffices."""
        if self.caller is None:
            raise DdmsError(
                Code.UNAUTHENTICATED,
                "send a token as `Authorization: Bearer ddms_…`; make one with `ddms token create` or signIn",
            )
        if not self.caller.role.includes(least):
            raise DdmsError(
                Code.FORBIDDEN, f"this needs the role {least.value}, the token has {self.caller.role.value}"
            )
        return self.caller

    @property
    def actor(self) -> str:
        """The caller's name for the audit log."""
        return self.caller.name if self.caller else "nobody"


Info: TypeAlias = strawberry.Info[Context, None]
