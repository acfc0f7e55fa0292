"""What a profile asks of devices, and one difference that it makes."""

from dataclasses import dataclass
from typing import Any


@dataclass(kw_only=True, frozen=True)
class Change:
    """One difference: of a device, or of the profile itself (without a device)."""

    device: str | None = None
    device_number: int | None = None
    point: str | None = None
    limit: str | None = None
    field: str | None = None
    before: str | None = None
    after: str | None = None

    @property
    def place(self) -> tuple[str, str, str, str]:
        """By what differences are listed."""
        return (self.device or "").lower(), self.point or "", self.limit or "", self.field or ""


@dataclass(kw_only=True, frozen=True)
class Wanted:
    """The points of a profile and their limits, as the statements want them."""

    points: list[dict[str, Any]]
    limits: list[dict[str, Any]]

    @property
    def keys(self) -> list[str]:
        """The keys of the points."""
        return [point["key"] for point in self.points]
