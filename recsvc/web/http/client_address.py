"""The client address of a request, for rate limits only.

A client can write any `X-Forwarded-For`, so the header is read from its right end, and only the
entries that trusted proxies of the operator have added.
"""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from recsvc.web.http.wsgi_types import Environ

ADDRESSES_KEPT = 4096
MAX_ADDRESS_LENGTH = 64
NETWORK_BITS = 64  # of IPv6: one household owns a /64 and may use all of its addresses


class ClientAddresses:
    """Names clients by their address, IPv6 ones by their /64."""

    def __init__(self, trusted_proxies: Collection[str]) -> None:
        self._trusted = [ip_network(network) for network in trusted_proxies]
        # Parsed hops by their text: parsing an address costs 3 µs.
        self._hop = lru_cache(ADDRESSES_KEPT)(self._read)

    def of(self, environ: Environ) -> str:
        """Return the name of the rightmost address that is not a trusted proxy."""
        peer: str = environ.get("REMOTE_ADDR", "")
        if not self._trusted:
            return name_of(peer)
        last = self._hop(peer[:MAX_ADDRESS_LENGTH])
        forwarded: str = environ.get("HTTP_X_FORWARDED_FOR", "")
        for text in reversed(forwarded.split(",")):
            if not last.is_trusted:
                break
            hop = self._hop(text[-MAX_ADDRESS_LENGTH:])
            if hop.name is None:  # the writer of an unreadable entry is the last known hop
                break
            last = hop
        return name_of(peer) if last.name is None else last.name

    def _read(self, text: str) -> "_Hop":
        address = _parsed(_without_port(text.strip()))
        if address is None:
            return _Hop(None, is_trusted=False)
        return _Hop(name_of(str(address)), any(address in network for network in self._trusted))


class _Hop(NamedTuple):
    """One entry of the header: its name (None if unreadable), and whether it is a trusted proxy."""

    name: str | None
    is_trusted: bool


@lru_cache(ADDRESSES_KEPT)
def name_of(text: str) -> str:
    """Return the name of a client's bucket: its address, or its /64 network for IPv6."""
    address = _parsed(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> NETWORK_BITS << NETWORK_BITS, NETWORK_BITS)))
    return text[:MAX_ADDRESS_LENGTH] if address is None else str(address)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > MAX_ADDRESS_LENGTH:
        return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _without_port(hop: str) -> str:
    """Return the address without its port: of `1.2.3.4:80`, `[::1]:80` and `::1`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
