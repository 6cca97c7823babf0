"""Where requests come from: addresses as proxies write them, and which proxies are ours."""

from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from ipaddress import IPv4Network as Network

from django.conf import settings

Address = IPv4Address | IPv6Address
SOCKET_FILE = "unix"  # in TRUSTED_PROXIES: a proxy that comes by a socket file, which has no address


def read_address(text: str) -> Address | None:
    """The address in `text`: alone, with a port (`1.2.3.4:567`, `[::1]:567`), or IPv4 mapped into IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@cache
def networks(names: frozenset[str]) -> tuple[Network | IPv6Network, ...]:
    """The networks of names, each an address or a network; what is neither is left out, and checks say so."""
    return tuple(ip_network(name, strict=False) for name in names if is_network(name))


def is_network(text: str) -> bool:
    try:
        return bool(ip_network(text, strict=False))
    except ValueError:
        return False


def is_trusted(address: str) -> bool:
    """Whether a proxy of ours is at `address`, "" for a socket file."""
    if not address:
        return bool({SOCKET_FILE, ""} & set(settings.TRUSTED_PROXIES))
    found = read_address(address)
    return bool(found) and any(found in network for network in networks(frozenset(settings.TRUSTED_PROXIES)))


def client_of(peer: str, forwarded: str) -> str:
    """Where a request came from, as far as it is believed.

    Each proxy appends whom it saw, so `forwarded` is read from its end, as far as the proxies are ours.
    """
    hops = forwarded.split(",")
    address = str(read_address(peer) or peer)
    while is_trusted(address) and hops and (hop := read_address(hops[-1])):
        address, hops = str(hop), hops[:-1]
    return address[:45]
