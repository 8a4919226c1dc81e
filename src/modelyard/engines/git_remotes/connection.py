"""One contact with a remote: its URL, git's configuration and the variables of the child that goes there."""

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from modelyard.engines.git_remotes.address import Address, check_local
from modelyard.engines.git_remotes.command import git_environment, run_git
from modelyard.engines.git_remotes.credentials import Secret, SshKey, hidden_words, sign_in
from modelyard.engines.git_remotes.failures import RemoteFailure, not_signed_in
from modelyard.engines.git_remotes.network import https_proxy, proxy_variables, resolve
from modelyard.engines.git_remotes.rules import AddressRules, as_ip

PINNING_SINCE = (2, 37)
_ABANDONED_SECONDS = 86_400
# Answers for the one place it is told of, so that no proxy or other host gets the secret.
_ASKPASS = """#!/bin/sh
case "$1" in
    "Username for 'https://$MODELYARD_GIT_PLACE'"*) printf '%s\\n' "$MODELYARD_GIT_USER" ;;
    "Password for 'https://"*"@$MODELYARD_GIT_PLACE'"*) printf '%s\\n' "$MODELYARD_GIT_PASSWORD" ;;
    *) exit 1 ;;
esac
"""
# A target on this machine may be anybody's: none of its hooks, watchers and filters run.
_LOCAL_RECEIVER = (
    "git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c receive.denyCurrentBranch=refuse "
    "-c receive.autogc=false receive-pack"
)


class Connection(msgspec.Struct, frozen=True):
    """How git reaches one address: arguments before its command, variables, and what messages must hide."""

    url: str
    host: str | None
    options: tuple[str, ...]
    environment: dict[str, str]
    hidden: tuple[str, ...] = ()
    secret_given: bool = False
    push_options: tuple[str, ...] = ()


class Connector:
    """Makes connections; keeps known SSH hosts, the trusted certificates and an empty home in `root`."""

    def __init__(self, root: Path, rules: AddressRules, ca_file: str) -> None:
        self._root = root
        self._rules = rules
        self._ca_file = ca_file
        self._version: tuple[int, ...] | None = None
        self._prepared = False

    @property
    def home(self) -> Path:
        """The empty folder that git takes for its home."""
        return self._root / ".home"

    @contextlib.asynccontextmanager
    async def connect(self, address: Address, secret: Secret | None) -> AsyncIterator[Connection]:
        """Judges the address once more, resolves and pins its host; raises RemoteFailure or BadRequest."""
        await asyncio.to_thread(self._prepare)
        if address.protocol == "https":
            yield await self._https(address, secret)
        elif address.protocol == "ssh":
            with _private_folder(self._root) as folder:
                yield await self._ssh(address, secret, folder)
        else:
            path = await asyncio.to_thread(check_local, Path(address.path), self._rules)
            environment = git_environment(self.home, "file")
            receiver = (f"--receive-pack={_LOCAL_RECEIVER}",)
            yield Connection(str(path), None, (), environment, push_options=receiver)

    async def _https(self, address: Address, secret: Secret | None) -> Connection:
        host, port = _place(address)
        if isinstance(secret, SshKey):
            raise RemoteFailure(
                f"The git credential for {host} is an SSH key, but the address is an https one. Use an access "
                "token or a password, or the ssh address of the repository."
            )
        addresses = await resolve(host, port, self._rules, by_proxy=https_proxy(host) is not None)
        settings = [
            "http.followRedirects=false", "http.sslVerify=true", "http.emptyAuth=false", "http.saveCookies=false",
            "http.lowSpeedLimit=1", "http.lowSpeedTime=120",
        ]  # fmt: skip
        if addresses and as_ip(host) is None and await self._pins(host, port):
            settings.append(f"http.curloptResolve={host}:{port}:{','.join(map(_for_curl, addresses))}")
        if self._ca_file:
            settings.append(f"http.sslCAInfo={self._root / 'trusted.pem'}")
        environment = git_environment(self.home, "https") | proxy_variables()
        if secret is not None:
            user, password = sign_in(secret, host)
            if re.search(r"[\x00-\x1f\x7f]", user + password):
                raise RemoteFailure(f"The git credential for {host} has a line break or control character in it.")
            environment |= {
                "GIT_ASKPASS": str(self._root / "askpass"),
                "MODELYARD_GIT_PLACE": address.uri.removeprefix("https://").split("/", 1)[0],
                "MODELYARD_GIT_USER": user,
                "MODELYARD_GIT_PASSWORD": password,
            }
        options = tuple(part for setting in settings for part in ("-c", setting))
        return Connection(address.uri, host, options, environment, tuple(hidden_words(secret)), secret is not None)

    async def _pins(self, host: str, port: int) -> bool:
        """Whether git can be held to the addresses that were judged; raises RemoteFailure where it must be."""
        if self._version is None:
            ended = await run_git(["version"], git_environment(self.home, ""), self._root)
            self._version = tuple(int(number) for number in re.findall(r"\d+", ended.out)[:2])
        if self._version >= PINNING_SINCE:
            return True
        if self._rules.allows_name(host, port):
            return False
        raise RemoteFailure(
            f"The git of this server is too old to reach {host} safely by https: version 2.37 or later is needed. "
            "An administrator can install it, or name the host in the setting git_allowed_hosts."
        )

    async def _ssh(self, address: Address, secret: Secret | None, folder: Path) -> Connection:
        host, port = _place(address)
        if secret is None:
            raise RemoteFailure(not_signed_in(host, secret_given=False))
        if not isinstance(secret, SshKey):
            raise RemoteFailure(
                f"The git credential for {host} is a token or password, but the address is an ssh one. Use an SSH "
                "key, or the https address of the repository."
            )
        program = shutil.which("ssh")
        if program is None:
            raise RemoteFailure(
                "The program ssh is not installed on this server; an administrator has to install it."
            )
        target = (await resolve(host, port, self._rules))[0]
        key = folder / "key"
        key.touch(mode=0o600)
        key.write_text(secret.private_key)
        settings = {
            "BatchMode": "yes", "IdentitiesOnly": "yes", "IdentityAgent": "none", "IdentityFile": _quoted(key),
            "PreferredAuthentications": "publickey", "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": _quoted(self._root / "known_hosts"), "GlobalKnownHostsFile": os.devnull,
            "HostKeyAlias": host if port == 22 else f"[{host}]:{port}", "HostName": target, "CheckHostIP": "no",
            "UpdateHostKeys": "no", "ClearAllForwardings": "yes", "ForwardAgent": "no", "ControlPath": "none",
            "PermitLocalCommand": "no", "LogLevel": "ERROR", "ConnectTimeout": "30", "ServerAliveInterval": "15",
            "ServerAliveCountMax": "8",
        }  # fmt: skip
        command = [program, "-F", os.devnull]
        command += [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        environment = git_environment(self.home, "ssh") | {
            "GIT_SSH_COMMAND": shlex.join(command),
            "GIT_SSH_VARIANT": "ssh",
        }
        return Connection(address.uri, host, (), environment, tuple(hidden_words(secret)), secret_given=True)

    def _prepare(self) -> None:
        """What connections need in `root`; the certificates are followed when their file changes."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = not self._prepared
        if first:
            _sweep(self._root)
            _write(self._root / "askpass", _ASKPASS.encode(), 0o700)
        if self._ca_file:
            self._trust(always=first)
        self._prepared = True

    def _trust(self, *, always: bool) -> None:
        """Puts the named certificates and the system's into one file."""
        trusted, own = self._root / "trusted.pem", Path(self._ca_file).expanduser()
        try:
            if always or not trusted.exists() or trusted.stat().st_mtime <= own.stat().st_mtime:
                _write(trusted, own.read_bytes() + b"\n" + _system_certificates(), 0o600)
        except OSError:
            raise RemoteFailure(
                "The file of certificates in the setting git_ca_file cannot be read; tell an administrator."
            ) from None


def _sweep(root: Path) -> None:
    """Removes what killed processes left long ago: keys, half-made mirrors, removed ones."""
    for pattern in (".private-*", ".new-*", ".old-*"):
        for left in root.glob(pattern):
            with contextlib.suppress(OSError):
                if left.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


def _place(address: Address) -> tuple[str, int]:
    if address.host is None or address.port is None:
        raise ValueError("This address is on this machine.")
    return address.host, address.port


def _for_curl(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _quoted(path: Path) -> str:
    """A path as a value of ssh's configuration: spaces kept, no tokens in it."""
    return '"' + str(path).replace("%", "%%") + '"'


def _system_certificates() -> bytes:
    """The system's own bundle, since naming a file makes git forget it."""
    named = ssl.get_default_verify_paths()
    places = [named.cafile, named.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"]
    for place in places:
        if place and Path(place).is_file():
            return Path(place).read_bytes()
    return b""


def _write(path: Path, content: bytes, mode: int) -> None:
    """Writes a file that other processes may be reading."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
    Path(name).replace(path)


@contextlib.contextmanager
def _private_folder(root: Path) -> Iterator[Path]:
    """A folder that only this account reads, removed in the end."""
    with tempfile.TemporaryDirectory(dir=root, prefix=".private-") as folder:
        yield Path(folder)
