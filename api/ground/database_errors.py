"""What errors of the database mean to a caller."""

from collections.abc import Callable

import asyncpg

from ddms.errors import Code, DdmsError


def _levels() -> DdmsError:
    return DdmsError(
        Code.INVALID,
        "the limits of a point are not in order, or the hysteresis leaves no band between them",
        field="limits",
    )


_TAKEN: dict[str, Callable[[], DdmsError]] = {
    "connections_endpoint_key": lambda: DdmsError(
        Code.ALREADY_EXISTS,
        "another connection has this endpoint already: move the devices there by updateDevice instead",
        field="endpoint",
    ),
    "devices_name_key": lambda: DdmsError(
        Code.ALREADY_EXISTS, "a device of this name exists already: choose another name", field="name"
    ),
    "groups_name_key": lambda: DdmsError(
        Code.ALREADY_EXISTS, "a group of this name exists already: choose another name", field="name"
    ),
    "limits_band": _levels,
    "limits_level_key": lambda: DdmsError(
        Code.INVALID, "a point has one limit of each level: change the one that is there", field="limits"
    ),
    "limits_order": _levels,
    "points_device_key": lambda: DdmsError(
        Code.ALREADY_EXISTS, "a point of this key exists already in this device: choose another key", field="key"
    ),
    "profiles_name_key": lambda: DdmsError(
        Code.ALREADY_EXISTS, "a profile of this name exists already: choose another name", field="name"
    ),
    "users_name_key": lambda: DdmsError(
        Code.ALREADY_EXISTS, "a user of this name exists already: choose another name", field="name"
    ),
}
"""What each constraint means that two callers at once may meet. Each error is made anew: one that is raised again keeps all its tracebacks alive."""


def of_database(error: Exception) -> DdmsError | None:
    """Return what a database error means to a caller, or None when it is our own mistake."""
    match error:
        case asyncpg.IntegrityConstraintViolationError():
            taken = _TAKEN.get(error.constraint_name or "")
            return taken() if taken else None
        case asyncpg.InsufficientPrivilegeError() if "permission denied" not in str(error):  # a policy, of row security
            return out_of_sight()
        case asyncpg.QueryCanceledError() | TimeoutError():
            return DdmsError(Code.TIMEOUT, "the database took too long: ask for less, or try again later")
        case asyncpg.InvalidParameterValueError() if "time zone" in str(error):
            return DdmsError(
                Code.INVALID,
                "the database does not know this time zone: write its name of today, as America/Los_Angeles for US/Pacific",
                field="time_zone",
            )
        case asyncpg.DataError():
            return DdmsError(
                Code.INVALID, "a value cannot be stored: texts are Unicode without null characters, numbers are finite"
            )
        case asyncpg.PostgresConnectionError() | asyncpg.CannotConnectNowError() | asyncpg.AdminShutdownError():
            return unavailable()
        case (
            asyncpg.InsufficientResourcesError()
            | asyncpg.ReadOnlySQLTransactionError()
            | asyncpg.PostgresSystemError()
            | asyncpg.ObjectNotInPrerequisiteStateError()
        ):
            return DdmsError(
                Code.UNAVAILABLE,
                "the database cannot do that at the moment, it is full, read only or at a limit: /health says more; try again later",
            )
        case asyncpg.TransactionRollbackError():
            return _rolled_back(error)
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | OSError():  # a lost connection is all of these
            return unavailable()
        case _:
            return None


def _rolled_back(error: Exception) -> DdmsError:
    if "recovery" not in str(error):
        return DdmsError(Code.UNAVAILABLE, "somebody changed the same at the same moment: try again")
    sentence = "a replica of the database had to end it, because what it reads was removed: try again, with the header `Cache-Control: no-cache`"
    return DdmsError(Code.UNAVAILABLE, sentence)


def out_of_sight() -> DdmsError:
    """Return the error for a change that would leave what a limited person may change."""
    return DdmsError(
        Code.FORBIDDEN, "your rights reach to the devices of your groups only: this would change, make or leave others"
    )


def foreign() -> DdmsError:
    """Return the error for an endpoint at which a limited person may ask nothing."""
    return DdmsError(
        Code.FORBIDDEN,
        "your rights do not reach to this endpoint: devices outside of your groups are there, and whoever may change all devices adds yours",
        field="endpoint",
    )


def unavailable() -> DdmsError:
    """Return the error for a database that is away."""
    return DdmsError(Code.UNAVAILABLE, "the database cannot be reached at the moment: try again in a few seconds")
