"""OpenID Connect providers: what is configured of each, and which addresses are safe to ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROLES = ("owner", "admin", "viewer")
"""What a provider may make of a person, the most powerful first."""


@dataclass(frozen=True, kw_only=True)
class RoleRule:
    """Which role the values of a claim give; the most powerful one counts."""

    claim: str
    owner: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()
    viewer: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GroupRule:
    """To which groups of devices the values of a claim limit a person."""

    claim: str
    devices: Mapping[str, tuple[str, ...]]
    """For each value the names of groups of devices."""
    everything: tuple[str, ...] = ()
    """Values whose bearers are not limited."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One provider, and what its people may do here."""

    name: str
    """In addresses and in the audit, and part of who a person is: it never changes."""
    title: str
    """On its button."""
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_auth: str = "basic"
    scopes: tuple[str, ...] = ("openid", "profile")
    hosts: tuple[str, ...] = ()
    """Other hosts than the issuer's that the provider may name for what DDMS asks it."""
    ca_file: Path | None = None
    roles: RoleRule | None = None
    groups: GroupRule | None = None
    default_role: str | None = None
    """What somebody is to whom `roles` gives nothing; without it such a person may not come in."""
    new_accounts: bool = True
    name_claim: str = "preferred_username"
    auto_redirect: bool = False
    sign_out: bool = True
    """Whether signing out of DDMS signs out at the provider too."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: only there http without TLS will do."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_safe(url: str) -> bool:
    """Whether a URL is of https, or of http on this machine, with nothing in it that hides where it leads."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    plain = bool(host) and port != 0 and "@" not in parts.netloc and "\\" not in url and url.isprintable()
    return plain and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))


def at(claims: Mapping[str, Any], path: str) -> Sequence[str]:
    """Return the texts of a claim: `groups`, or a path into objects as `realm_access.roles`; what is no text is left out."""
    found: Any = claims
    for step in (path,) if path in claims else path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return (found,)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
