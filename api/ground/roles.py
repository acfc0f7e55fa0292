"""Roles: what a caller may do."""

from enum import StrEnum


class Role(StrEnum):
    """Each role includes the next one."""

    OWNER = "owner"
    ADMIN = "admin"
    VIEWER = "viewer"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that the other may."""
        return _ORDER[self] <= _ORDER[other]


_ORDER = {role: place for place, role in enumerate(Role)}
