"""Addresses of repositories: what is accepted, and the one form in which they are kept and shown."""

import ipaddress
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import msgspec

from modelyard.engines.git_remotes.rules import AddressRules, as_ip, is_host_name
from modelyard.kit.errors import BadRequest

Protocol = Literal["https", "ssh", "local"]

MAX_ADDRESS_BYTES = 2048
DEFAULT_SSH_USER = "git"
FORMS = "Use https://host/path, ssh://user@host/path or user@host:path."
_PORTS: dict[Protocol, int] = {"https": 443, "ssh": 22}
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>/.*)?")
_SCP = re.compile(r"(?:(?P<user>[^@/:]*)@)?(?P<host>\[[^\]/]*\]|[^:/@\[\]]+):(?P<path>.*)")
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a repository is. `uri` holds no secret; `host` and `port` are None on this machine."""

    uri: str
    protocol: Protocol
    host: str | None
    port: int | None
    path: str
    user: str | None = None

    @property
    def suggested_name(self) -> str:
        """The last segment of the path, without `.git`."""
        name = unquote(self.path.rstrip("/").rsplit("/", 1)[-1])
        return name.removesuffix(".git") or name


def parse_address(uri: str, rules: AddressRules) -> Address:
    """An address in its normal form; raises BadRequest, never with the text of the address in its message.

    Accepted are `https://host[:port]/path`, `ssh://[user@]host[:port]/path`, `user@host:path`, and an
    absolute path below one of the administrator's folders. DNS is not asked here but when connecting.
    """
    _check_text(uri)
    if uri.startswith("/"):
        return _local(uri, rules)
    # `ext::sh -c ...` and its like make git run programs.
    if re.match(r"[A-Za-z0-9+.-]*::", uri):
        raise BadRequest(f"Transport helpers (name::address) are not allowed for git repositories. {FORMS}")
    if url := _URL.fullmatch(uri):
        return _from_url(url["scheme"].lower(), url["authority"], url["path"] or "", rules)
    if scp := _SCP.fullmatch(uri):
        return _from_scp(scp["user"], scp["host"], scp["path"], rules)
    raise BadRequest(f"This is not the address of a git repository. {FORMS}")


def _check_text(uri: str) -> None:
    try:
        size = len(uri.encode())
    except UnicodeEncodeError:
        raise BadRequest("The address of the git repository is not valid Unicode text.") from None
    if not uri:
        raise BadRequest(f"The address of the git repository is missing. {FORMS}")
    if size > MAX_ADDRESS_BYTES:
        raise BadRequest(f"The address of the git repository is longer than {MAX_ADDRESS_BYTES} bytes.")
    if _BLANK_OR_CONTROL.search(uri):
        raise BadRequest("The address of the git repository has white space or a control character in it.")


def _from_url(scheme: str, authority: str, path: str, rules: AddressRules) -> Address:
    userinfo, at, place = authority.rpartition("@")
    if at and (scheme == "https" or ":" in userinfo):
        raise BadRequest(
            "The address has a user name, password or token before its host; take it out and put it in a git "
            "credential."
        )
    if scheme not in {"https", "ssh"}:
        raise BadRequest(f"Git repositories are reached by https or ssh only, not by {scheme}. {FORMS}")
    protocol: Protocol = "https" if scheme == "https" else "ssh"
    host, port = _host_and_port(place, protocol, rules)
    path = _checked_path(path, encoded=True)
    shown = _bracketed(host) + ("" if port == _PORTS[protocol] else f":{port}")
    if protocol == "https":
        return Address(uri=f"https://{shown}{path}", protocol=protocol, host=host, port=port, path=path)
    user = _user(userinfo if at else DEFAULT_SSH_USER)
    return Address(
        uri=f"ssh://{user}@{shown}{path}", protocol=protocol, host=host, port=port, path=path, user=user
    )


def _from_scp(user: str | None, place: str, path: str, rules: AddressRules) -> Address:
    if user is None:
        raise BadRequest(f"The address names no user before its host. {FORMS}")
    host, port = _host_and_port(place, "ssh", rules)
    user, path = _user(user), _checked_path(path, encoded=False)
    uri = f"{user}@{_bracketed(host)}:{path}"
    return Address(uri=uri, protocol="ssh", host=host, port=port, path=path, user=user)


def _user(user: str) -> str:
    if not _USER.fullmatch(user):
        raise BadRequest("The user name in the address may have letters, digits and _.+- only.")
    return user


def _host_and_port(place: str, protocol: Protocol, rules: AddressRules) -> tuple[str, int]:
    matched = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d{0,5}))?", place, re.ASCII)
    if not matched or not matched[1]:
        raise BadRequest(f"The host or the port in the address is missing or not valid. {FORMS}")
    port = int(matched[2]) if matched[2] else _PORTS[protocol]
    if not 0 < port < 65536:
        raise BadRequest("The port in the address is not between 1 and 65535.")
    host = _host(matched[1].lower())
    if not rules.allows_host(host, port):
        raise BadRequest(refusal(host))
    return host, port


def refusal(host: str) -> str:
    """What is said of a host that the rules refuse."""
    return (
        f"The host {host} is an internal address of this machine or network, and git repositories there may not "
        "be used. An administrator can allow it with the setting git_allowed_hosts."
    )


def _host(text: str) -> str:
    """A host's normal form: a lower-case name or an address as ipaddress prints it."""
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address("" if "%" in text else text.strip("[]")))
        except ValueError:
            raise BadRequest("The IPv6 address in brackets is not valid.") from None
    name = text.removesuffix(".")
    if as_ip(name) is not None or is_host_name(name):
        return name
    if re.fullmatch(r"(?:[0-9a-fx]+\.)*(?:[0-9]+|0x[0-9a-f]*)", name):
        raise BadRequest("The host is a number that is not a plain IP address; write it as four decimal numbers.")
    raise BadRequest(
        "The host in the address is not a legal DNS name (letters, digits, '-' and '.') or IP address."
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _checked_path(path: str, *, encoded: bool) -> str:
    """The path without slashes at its end; with `encoded`, judged as the server will read it."""
    kept = path.rstrip("/")
    if "?" in kept or "#" in kept:
        raise BadRequest("The address has a query or fragment (? or #); give the repository's address only.")
    if encoded and not kept.isascii():
        raise BadRequest("The address has characters that are not ASCII; write them percent-encoded.")
    read = unquote(kept, errors="replace") if encoded else kept
    if not read.strip("/"):
        raise BadRequest("The address has a host but no path to a repository.")
    if "\\" in read or _BLANK_OR_CONTROL.search(read.replace(" ", "")):
        raise BadRequest("The path of the repository has a backslash or a control character.")
    _check_segments(read.strip("/").split("/"))
    return kept


def _check_segments(segments: Iterable[str]) -> None:
    for segment in segments:
        if segment in {".", ".."}:
            raise BadRequest("The path of the repository has a dot segment; give the path itself.")
        # A server's git could read it as an option.
        if segment.startswith("-"):
            raise BadRequest("A part of the repository's path begins with '-', which git could read as an option.")


def _local(uri: str, rules: AddressRules) -> Address:
    path = _checked_path(uri, encoded=False)
    check_local(Path(path), rules)
    return Address(uri=path, protocol="local", host=None, port=None, path=path)


def check_local(path: Path, rules: AddressRules) -> Path:
    """The real path of a repository on this machine; raises BadRequest when the rules do not allow it.

    All of the repository has to be below an allowed folder, whatever links and files of git lead to.
    """
    inner = path / ".git"
    pieces = [folder / name for folder in (path, inner) for name in ("", "HEAD", "objects", "refs", "packed-refs")]
    if not all(rules.holds_path(piece) for piece in pieces):
        raise BadRequest(
            "Repositories on this machine may only be used below the folders that an administrator allows with "
            "the setting git_allowed_paths."
        )
    borrowed = [folder / name for folder in (path, inner) for name in ("objects/info/alternates", "commondir")]
    # os.path says no where Path raises, for names too long and folders of others.
    if any(map(os.path.exists, borrowed)) or any(map(os.path.isfile, (path, inner))):
        raise BadRequest(
            "This repository uses files of another one (it is a worktree, a submodule or a shared clone); use "
            "that."
        )
    return Path(os.path.realpath(path))
