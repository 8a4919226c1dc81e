"""The machine's package index as pip would use it, in uv's words. uv does not read pip's configuration."""

import configparser
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

_CREDENTIALS = re.compile(r"(https?://)[^/@\s]+@")
_NAMES = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "trusted-host")


def index_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables that make uv use the index that pip is configured to use; uv's own settings win.

    Precedence is pip's: environment variables, then the site's, the user's and the machine's file.
    """
    environ = os.environ if environ is None else environ
    pip = _pip_settings(environ)
    found: dict[str, str] = {}
    if index := pip.get("index-url"):
        found["UV_DEFAULT_INDEX"] = index
    if extra := pip.get("extra-index-url"):
        found["UV_INDEX"] = " ".join(extra.split())
        # pip takes the best version of all indexes; uv else stops at the first that has the package.
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if links := pip.get("find-links"):
        found["UV_FIND_LINKS"] = ",".join(links.split())
    if pip.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        found["UV_NO_INDEX"] = "1"
    if cert := pip.get("cert"):
        found["SSL_CERT_FILE"] = cert
    if hosts := pip.get("trusted-host"):
        found["UV_INSECURE_HOST"] = " ".join(hosts.split())
    own = {name: value for name, value in environ.items() if name.startswith("UV_") or name in _NETWORK}
    if "UV_INDEX_URL" in own or "UV_DEFAULT_INDEX" in own:
        found.pop("UV_DEFAULT_INDEX", None)
    return found | own


_NETWORK = frozenset({
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC",
})  # fmt: skip


def masked(line: str) -> str:
    """A line of output without credentials in its URLs."""
    return _CREDENTIALS.sub(r"\1****@", line)


def local_folders(environment: Mapping[str, str]) -> list[Path]:
    """The folders of this machine that these variables name as indexes or links."""
    words = " ".join(environment.get(name, "") for name in ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS"))
    paths = [Path(word.removeprefix("file://")) for word in re.split(r"[\s,]+", words) if "/" in word]
    return [path for path in paths if path.is_absolute() and path.is_dir()]


def _pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for path in _files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update(
                    {name: parser.get(section, name) for name in _NAMES if parser.has_option(section, name)}
                )
    for name in _NAMES:
        if value := environ.get("PIP_" + name.upper().replace("-", "_")):
            settings[name] = value
    return settings


def _files(environ: Mapping[str, str]) -> list[Path]:
    """Pip's configuration files, the weakest first."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(environ.get("HOME") or Path.home())
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    shared = [
        Path(folder) / "pip" / "pip.conf" for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")
    ]
    user = [home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    if sys.platform == "darwin":
        shared.append(Path("/Library/Application Support/pip/pip.conf"))
        user.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    files = [*shared, Path("/etc/pip.conf"), *user, Path(sys.prefix) / "pip.conf"]
    return [*files, Path(named)] if named else files
