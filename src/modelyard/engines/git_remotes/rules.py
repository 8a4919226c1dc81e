"""Which hosts and folders git addresses may lead to."""

import ipaddress
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LIKE_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
        "::/127", "fe80::/10", "ff00::/8",
        # Where clouds tell a machine its own secrets: AWS, Alibaba, Oracle, Azure.
        "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32",
    )
]  # fmt: skip
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class _Allowed(msgspec.Struct, frozen=True):
    """One entry of the administrator's list; `port` None is every port."""

    target: Network | str
    port: int | None


class AddressRules:
    """What the administrator allows beyond the safe default.

    `allowed_hosts` holds names, `host:port`, IP addresses and networks that may be reached although they are
    loopback, link-local, unspecified, multicast, reserved or a cloud's metadata service. `allowed_paths` holds
    folders below which repositories of this machine may be named. Raises ValueError, naming a wrong entry.
    """

    def __init__(self, allowed_hosts: Sequence[str] = (), allowed_paths: Sequence[str] = ()) -> None:
        self._allowed = [_entry(text.strip().lower()) for text in allowed_hosts]
        for path in allowed_paths:
            if not Path(path).is_absolute():
                raise ValueError(f"{path!r} in the allowed git paths is not an absolute path.")
        self._folders = tuple(Path(path) for path in allowed_paths)

    def allows_name(self, host: str, port: int) -> bool:
        """Whether a host is named in the list, whatever it resolves to."""
        return any(entry.target == host and entry.port in {None, port} for entry in self._allowed)

    def allows_ip(self, address: Ip, port: int) -> bool:
        """Whether an IP address may be connected to."""
        plain = _plain(address)
        if not any(plain in network for network in _REFUSED):
            return True
        return any(
            not isinstance(entry.target, str) and plain in entry.target and entry.port in {None, port}
            for entry in self._allowed
        )

    def allows_host(self, host: str, port: int) -> bool:
        """Whether a host may be tried, as far as its name tells; what DNS answers is judged when connecting."""
        if self.allows_name(host, port):
            return True
        literal = as_ip(host)
        if literal is not None:
            return self.allows_ip(literal, port)
        if host == "localhost" or host.endswith(".localhost"):
            return any(self.allows_ip(ipaddress.ip_address(loopback), port) for loopback in ("127.0.0.1", "::1"))
        return True

    def holds_path(self, path: Path) -> bool:
        """Whether a path, with all links followed, is below an allowed folder (and is not that folder)."""
        # Path.resolve raises for links in a circle.
        real = Path(os.path.realpath(path))
        return any(Path(os.path.realpath(folder)) in real.parents for folder in self._folders)


def as_ip(host: str) -> Ip | None:
    """The address that a host spells out, without brackets; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_host_name(host: str) -> bool:
    """Whether a lower-case host is a legal DNS name, and nothing that could be read as a number."""
    return len(host) <= 253 and bool(_NAME.fullmatch(host)) and not _LIKE_A_NUMBER.fullmatch(host)


def _plain(address: Ip) -> Ip:
    """The IPv4 address inside an IPv6 one that only carries it (mapped, compatible, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    number = int(address)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or 1 < number < 2**32:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    # A zone changes which link is meant, not what kind of address it is.
    return ipaddress.IPv6Address(number)


def _entry(text: str) -> _Allowed:
    host, port = text, None
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", text)
    with_port = re.fullmatch(r"([^:/]+):(\d{1,5})", text)
    if matched := bracketed or with_port:
        host, port = matched[1], int(matched[2]) if matched[2] else None
    try:
        return _Allowed(ipaddress.ip_network(host, strict=False), port)
    except ValueError:
        if not is_host_name(host):
            raise ValueError(
                f"{text!r} in the allowed git hosts is not a name, host:port, IP address or network."
            ) from None
    return _Allowed(host, port)
