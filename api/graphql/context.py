"""What every resolver is given: who asks, from where, and the parts of the program."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import strawberry

from api.graphql.described import describe_enum
from api.ground.actor import Actor, ActorKind, Transport, client_name
from api.ground.budget import Budgets
from api.ground.callers import Caller, Callers, network_of
from api.ground.database import Database
from api.ground.failures import ASKER
from api.ground.ids import IdKind, to_id
from api.ground.roles import Role
from api.ground.sight import Sight, read_sights
from api.ground.turns import SERVED
from api.live.hub import Hub
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

describe_enum(
    Role,
    name="Role",
    description="What a caller may do; each role includes the next one.",
    values={
        "OWNER": "Everything, also tokens and users.",
        "ADMIN": "Devices, points, profiles, groups and alarms.",
        "VIEWER": "Read only.",
    },
)


@dataclass(kw_only=True, slots=True)
class Context:
    """One request, or one websocket; `caller` is None for somebody without a token."""

    everything: Database
    """The whole database: for what is no device's, such as the caller's own account."""
    hub: Hub
    callers: Callers
    budgets: Budgets
    address: str
    settings: Settings = field(default_factory=Settings)
    caller: Caller | None = None
    authorization: str | None = None
    cookie: str | None = None
    """The secret of the session whose cookie a websocket's handshake brought."""
    connection_params: dict[str, object] | None = None
    client: str | None = None
    """What the client calls itself, as it came."""
    transport: Transport = Transport.GRAPHQL
    cookies: tuple[str, ...] = ()
    """Headers Set-Cookie for the answer: the browser gets a new secret, or loses the one it had."""
    batches: dict[object, Any] = field(default_factory=dict)
    """What is being asked together for many objects; see `together`."""
    sights: set[Sight] = field(default_factory=set)
    """What was in sight when something that is followed began; a limited person's connection ends when it changes."""

    @property
    def database(self) -> Database:
        """The database as the caller sees it: of a limited person only the devices of that person's groups."""
        if self.person is None:
            return self.everything
        return self.everything.of_person(self.person)

    @property
    def person(self) -> int | None:
        """The caller's number if the rights reach to some devices only; None for everybody else."""
        return self.caller.user_id if self.caller and self.caller.limited else None

    async def sight(self) -> Sight | None:
        """Return the devices in sight, for what is followed; None for all."""
        if self.person is None:
            return None
        sight = (await read_sights(self.everything, [self.person]))[self.person]
        self.sights.add(sight)
        return sight

    def require(self, least: Role, *, before_password: bool = False) -> Caller:
        """Return the caller if the role suffices, and, but for what may come before it, a password was chosen."""
        if self.caller is None:
            raise DdmsError(
                Code.UNAUTHENTICATED,
                "send a token as `Authorization: Bearer ddms_…`; make one with `ddms token create` or signIn",
            )
        if not self.caller.role.includes(least):
            raise DdmsError(
                Code.FORBIDDEN,
                Sentence("this needs the role {}; yours is {}", least.value, self.caller.role.value),
            )
        if self.caller.must_change_password and not before_password:
            sentence = "your password was given to you: choose your own by changePassword, then all else is open"
            raise DdmsError(Code.FORBIDDEN, sentence)
        return self.caller

    def most_age(self, wished: float | None) -> float:
        """Return how old history may be that is read, in seconds."""
        return self.settings.replica_lag_seconds if wished is None else wished

    @property
    def who(self) -> int | str:
        """Whose budget and share it is."""
        return self.caller.account if self.caller else network_of(self.address)

    def serve(self) -> None:
        """Have what is done from here on count as the caller's: turns at the database, failures."""
        SERVED.set(self.who)
        ASKER.set(self.actor)

    @property
    def actor(self) -> Actor:
        """Who it is for the audit."""
        caller = self.caller
        if caller is None:
            kind, name, id_, token = ActorKind.NOBODY, "nobody", None, None
        else:
            person = caller.user_id is not None
            kind, name, token = (
                ActorKind.PERSON if person else ActorKind.TOKEN,
                caller.name,
                to_id(IdKind.TOKEN, caller.token_id),
            )
            id_ = token if caller.user_id is None else to_id(IdKind.USER, caller.user_id)
        return Actor(
            name=name,
            address=self.address,
            kind=kind,
            id=id_,
            token=token,
            client=self.client and client_name(self.client),
            transport=self.transport,
        )


Info: TypeAlias = strawberry.Info[Context, None]
