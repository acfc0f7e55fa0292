"""Which addresses DDMS may send to: what the owner of the server allows, and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Targets:
    """Networks (`10.1.0.0/16`), and names of hosts (`hooks.example.com`, `*.example.com`, `*`) that have public addresses."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Targets":
        """Read entries; what is no network is a name."""
        networks, names = [], []
        for entry in entries:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                names.append(entry.lower().rstrip("."))
        return cls(tuple(networks), tuple(names))

    def may_name(self, host: str) -> bool:
        """Return whether a host may be a target, as far as its name tells: one that lies in a network is known when it is looked up."""
        try:
            return self.may_reach(host, ip_address(host))
        except ValueError:
            return bool(self.networks) or self._is_named(host)

    def may_reach(self, host: str, address: Address) -> bool:
        """Return whether an address may be spoken to under the name of a host."""
        plain = getattr(address, "ipv4_mapped", None) or address
        if any(plain in network for network in self.networks if network.version == plain.version):
            return True
        return plain.is_global and not plain.is_multicast and self._is_named(host)

    def _is_named(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        return any(
            name in {"*", host} or (name.startswith("*.") and host.endswith(name[1:]) and host != name[1:])
            for name in self.names
        )
