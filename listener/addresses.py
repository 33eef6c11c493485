"""Which addresses and ports we connect to: the public internet, and what the user opened by name; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from listener.errors import ConfigError

PORTS: Final = (80, 443, 8080, 8443)

# Everything in IANA's special-purpose registries, multicast, and two addresses that clouds answer metadata on.
# `ipaddress.is_global` is not enough: it passes 224.0.0.1, 168.63.129.16 and 192.88.99.1.
# Source: https://www.iana.org/assignments/iana-ipv4-special-registry.
_REFUSED_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Global unicast is one block; NAT64, mapped, unique local, link-local and multicast addresses lie outside it.
_GLOBAL_6: Final = IPv6Network("2000::/3")
# Teredo, ORCHID, documentation and 6to4 lie inside it, and the first and last of them hide an IPv4 address.
# Source: https://www.iana.org/assignments/iana-ipv6-special-registry.
_REFUSED_6: Final = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
# Where clouds answer questions for keys, beside link-local addresses: Azure, Alibaba, Oracle, Amazon, Google.
_METADATA: Final = frozenset({"168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"})
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
_NAME: Final = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]*[a-z_][a-z0-9_-]*")


@lru_cache(maxsize=4_096)
def _parsed(address: str) -> IPv4Address | IPv6Address:
    return ip_address(address)


@lru_cache(maxsize=4_096)
def is_public(address: str) -> bool:
    """Say whether an address (dotted, or IPv6 without zone) is an ordinary one of the public internet."""
    found = _parsed(address)
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _REFUSED_4)
    # ISATAP writes a mark, then an IPv4 address, into the lower half of any prefix.
    if int(found) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return False
    return found in _GLOBAL_6 and not any(found in network for network in _REFUSED_6)


@lru_cache(maxsize=4_096)
def is_metadata(address: str) -> bool:
    """Say whether a machine's own neighbours, or a cloud's keys, may answer there; nobody is advised to open that."""
    try:
        found = _parsed(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_link_local or str(mapped or found) in _METADATA


@dataclass(frozen=True, slots=True)
class _Opening:
    """One entry of `allow_private`: a network or a host name, and its port (None: the normal ones)."""

    network: IPv4Network | IPv6Network | None
    host: str | None
    port: int | None

    def meets(self, address: str | None, host: str | None) -> bool:
        """Say whether this entry speaks of an address or of the name it was reached by."""
        if self.network is not None:
            return address is not None and _parsed(address) in self.network
        return host is not None and host == self.host


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """What the user lets us reach beside the public internet; `[network]` of the configuration.

    An entry of `allow_private` is `HOST`, `ADDRESS` or `NETWORK/BITS`, each with an optional `:PORT`
    (IPv6 with a port in brackets). It opens its port, or the normal ports where it names none.
    Raises ConfigError naming the entry that cannot be read.
    """

    allow_private: tuple[str, ...] = ()
    ports: tuple[int, ...] = PORTS
    _openings: tuple[_Opening, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Read the entries once."""
        for port in self.ports:
            if not 0 < port < 65_536:
                raise ConfigError(f"network.ports: {port} is no port; ports are 1 to 65535")
        object.__setattr__(self, "_openings", tuple(_opening(entry) for entry in self.allow_private))

    def allows(self, address: str, port: int, host: str | None = None) -> bool:
        """Say whether we may connect to `address`, reached by the name `host` (lower case, no final dot)."""
        if port in self.ports and is_public(address):
            return True
        return any(opening.meets(address, host) for opening in self._on(port))

    def allows_port(self, port: int, host: str) -> bool:
        """Say whether a URL may name this port, before anybody knows the address; networks open it for all."""
        return port in self.ports or any(
            opening.network is not None or opening.host == host for opening in self._on(port)
        )

    def opens(self, host: str) -> bool:
        """Say whether the user opened this host, a name or an address; such hosts need no manners."""
        return bool(self._openings) and any(opening.meets(_literal(host), host) for opening in self._openings)

    def _on(self, port: int) -> Iterable[_Opening]:
        return (o for o in self._openings if o.port == port or (o.port is None and port in self.ports))


def _literal(host: str) -> str | None:
    try:
        return str(_parsed(host.strip("[]")))
    except ValueError:
        return None


def _opening(entry: str) -> _Opening:
    text = entry.strip().lower()
    bracketed = re.fullmatch(r"\[([0-9a-f:.]+(?:/\d{1,3})?)\](?::(\d{1,5}))?", text)
    plain = re.fullmatch(r"([^:\[\]]+)(?::(\d{1,5}))?", text)
    match = bracketed or plain
    where, port = (match[1], match[2]) if match else (text, None)
    wrong = f"network.allow_private: {entry!r} is no host, address or network, such as '127.0.0.1:8000' or 'nas.local'"
    if port is not None and not 0 < int(port) < 65_536:
        raise ConfigError(wrong)
    number = int(port) if port else None
    try:
        return _Opening(ip_network(where, strict=False), None, number)
    except ValueError:
        if plain is None or not _NAME.fullmatch(where.removesuffix(".")):
            raise ConfigError(wrong) from None
        return _Opening(None, where.removesuffix("."), number)
