"""Where a host really leads: DNS answers judged right before use, and the proxies of this machine."""

import asyncio
import os
import socket
from urllib.request import getproxies_environment, proxy_bypass

from modelyard.engines.git_remotes.address import refusal
from modelyard.engines.git_remotes.failures import RemoteFailure, host_not_found
from modelyard.engines.git_remotes.rules import AddressRules, as_ip

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
RESOLVE_SECONDS = 20


def proxy_variables() -> dict[str, str]:
    """The variables that tell of proxies, for a child program."""
    return {name: value for name, value in os.environ.items() if name.lower() in _PROXY_VARIABLES}


def https_proxy(host: str) -> str | None:
    """The proxy that requests to a host go through, None when they go there directly."""
    proxies = getproxies_environment()
    found = proxies.get("https") or proxies.get("all")
    return None if not found or proxy_bypass(host) else found


async def resolve(host: str, port: int, rules: AddressRules, *, by_proxy: bool = False) -> list[str]:
    """The IP addresses of a host that may be connected to, in DNS's order; they are to be used as they are.

    Empty when only a proxy knows the host. Raises RemoteFailure when there is none or the rules refuse all.
    """
    if not rules.allows_host(host, port):
        raise RemoteFailure(refusal(host))
    if as_ip(host) is not None:
        return [host]
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        if by_proxy:
            return []
        raise RemoteFailure(host_not_found(host)) from None
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    vouched_for = rules.allows_name(host, port)
    allowed = [address for address in addresses if vouched_for or _allowed(address, port, rules)]
    if not allowed:
        raise RemoteFailure(refusal(host))
    return allowed


def _allowed(address: str, port: int, rules: AddressRules) -> bool:
    literal = as_ip(address)
    return literal is not None and rules.allows_ip(literal, port)
