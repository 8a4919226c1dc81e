"""Settings: one frozen object, read once from the environment and one optional file, checked at start."""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import msgspec
from msgspec import Meta

PREFIX = "MODELYARD_"

Whole = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
Port = Annotated[int, Meta(ge=0, le=65535)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an administrator can choose.

    Each field is read from the environment variable `MODELYARD_<FIELD>`, else from the field of the same
    name in `$MODELYARD_HOME/modelyard.toml` (or the file that MODELYARD_CONFIG names), else it has the
    default below. Lists are comma-separated in the environment.
    """

    home: Annotated[str, Meta(description="Folder of everything the platform keeps.")] = "~/.modelyard"
    host: Annotated[str, Meta(description="Address the API listens on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port the API listens on; 0 takes a free one.")] = 8765
    database_url: Annotated[
        str, Meta(description="A PostgreSQL 15+ to use instead of the embedded one, as postgresql:// URL.")
    ] = ""
    admin_api_key: Annotated[
        str, Meta(description="API key of the first administrator; one is made when empty.")
    ] = ""
    public_url: Annotated[
        str, Meta(description="The URL that users reach the server by, when a proxy stands before it.")
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="Addresses whose X-Forwarded-* headers are believed.")
    ] = ()
    database_pool_size: Annotated[Positive, Meta(description="Connections of one API process.")] = 10
    max_body_bytes: Annotated[Positive, Meta(description="Largest JSON or form body.")] = 10 * 2**20
    max_upload_bytes: Annotated[Positive, Meta(description="Largest file that is uploaded into a project.")] = (
        5 * 2**30
    )
    request_timeout_seconds: Annotated[
        Positive, Meta(description="Time to answer a request, uploads and downloads excepted.")
    ] = 60
    upload_timeout_seconds: Annotated[Positive, Meta(description="Time an upload may take.")] = 3600
    job_isolation: Annotated[
        Literal["auto", "bubblewrap", "none"],
        Meta(description="bubblewrap refuses to run jobs without it; auto uses it where it works."),
    ] = "auto"
    job_network: Annotated[
        Literal["host", "none"], Meta(description="What jobs reach, when bubblewrap isolates them.")
    ] = "host"
    job_stop_grace_seconds: Annotated[
        Positive, Meta(description="Time between asking a job to stop and forcing it.")
    ] = 10
    job_max_log_bytes: Annotated[Positive, Meta(description="Longest log kept of one job.")] = 2 * 2**30
    job_run_token_seconds: Annotated[
        Positive, Meta(description="Life of a run's own API token; it is renewed while the run lives.")
    ] = 900
    model_start_timeout_seconds: Annotated[
        Positive, Meta(description="Time that a replica of a served model may take to load its model.")
    ] = 300
    dataset_max_file_bytes: Annotated[
        Positive, Meta(description="Largest file that is uploaded into a dataset.")
    ] = 2**40
    dataset_quota_bytes: Annotated[
        Whole, Meta(description="Bytes that the live files of one dataset may have; 0 for no limit.")
    ] = 0
    project_dataset_quota_bytes: Annotated[
        Whole, Meta(description="Bytes that the live files of all datasets of a project may have; 0 for no limit.")
    ] = 0
    model_max_body_bytes: Annotated[Positive, Meta(description="Largest body of a call of a model API.")] = (
        10 * 2**20
    )
    model_max_log_bytes: Annotated[
        Positive, Meta(description="Longest log kept of one replica of a model API; a longer one begins anew.")
    ] = 64 * 2**20
    model_queue_size: Annotated[
        Positive,
        Meta(description="Calls of one version of a model API that may wait while all its replicas work."),
    ] = 256
    async_prediction_max_bytes: Annotated[
        Positive, Meta(description="Largest request for an asynchronous prediction.")
    ] = 2**20
    async_prediction_max_open: Annotated[
        Positive, Meta(description="Asynchronous predictions of one model API that may wait or be made at a time.")
    ] = 1000
    async_prediction_seconds: Annotated[
        Positive,
        Meta(description="Time that an asynchronous prediction may take, unless its model API says otherwise."),
    ] = 600
    async_prediction_keep_seconds: Annotated[
        Positive,
        Meta(
            description="Time for which results of asynchronous predictions are kept; so long at most predictions"
            " wait for their model to run."
        ),
    ] = 7 * 86_400
    model_record_max_bytes: Annotated[
        Positive, Meta(description="Bytes that are kept of the body and of the answer of a recorded call.")
    ] = 64 * 2**10
    model_record_seconds: Annotated[
        Positive, Meta(description="Time after which recorded calls are put into their dataset.")
    ] = 60
    model_record_spool_bytes: Annotated[
        Positive,
        Meta(description="Bytes of recorded calls that may wait for their dataset; the oldest are dropped first."),
    ] = 2**30
    git_allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Loopback, link-local and such hosts whose git repositories may be used all the same: "
            "names, host:port, IP addresses or networks such as 127.0.0.0/8."
        ),
    ] = ()
    git_allowed_paths: Annotated[
        tuple[str, ...], Meta(description="Folders of this machine below which git repositories may be used.")
    ] = ()
    git_ca_file: Annotated[
        str,
        Meta(description="PEM file of certificates that https git servers are trusted by, besides the system's."),
    ] = ""
    git_timeout_seconds: Annotated[
        Positive, Meta(description="Time that one fetch, check-out or push of a git repository may take.")
    ] = 600
    github_api_url: Annotated[
        str,
        Meta(
            description="API of the GitHub that repositories are created at: https://api.github.com, or "
            "https://HOST/api/v3 of a GitHub Enterprise Server. No git host is configured when empty."
        ),
    ] = ""
    smtp_host: Annotated[
        str, Meta(description="Mail server through which notifications are sent; none are mailed when empty.")
    ] = ""
    smtp_port: Annotated[Port, Meta(description="Port of the mail server.")] = 587
    smtp_security: Annotated[
        Literal["none", "starttls", "tls"],
        Meta(
            description="How the connection to the mail server is encrypted: not, after STARTTLS, from its start."
        ),
    ] = "starttls"
    smtp_user: Annotated[
        str, Meta(description="Account at the mail server; mail is sent without logging in when empty.")
    ] = ""
    smtp_password: Annotated[str, Meta(description="Password of that account.")] = ""
    smtp_from: Annotated[
        str, Meta(description="E-mail address that notifications come from, such as modelyard@example.org.")
    ] = ""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level logged.")] = (
        "info"
    )
    log_format: Annotated[
        Literal["json", "console"], Meta(description="JSON lines for machines, or text for people.")
    ] = "json"
    log_max_bytes: Annotated[Positive, Meta(description="Size at which a log file is rotated.")] = 20 * 2**20
    log_files_kept: Annotated[Positive, Meta(description="Rotated log files kept of each process.")] = 5

    def __repr__(self) -> str:
        """Nothing but the home: some settings are secrets, and this may get into a log."""
        return f"Settings(home={self.home!r})"

    @property
    def home_path(self) -> Path:
        """The home folder, absolute."""
        return Path(self.home).expanduser().absolute()


class BadSettings(Exception):
    """A setting is unknown or has a value it cannot have; the message names it."""


_LISTS = {name for name, kind in get_type_hints(Settings).items() if get_origin(kind) is tuple}


def load_settings(environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
    """Reads settings: overrides (command-line flags) first, then environment, file, defaults.

    Raises BadSettings for unknown names and wrong values.
    """
    environ = dict(os.environ) if environ is None else environ
    chosen = {name: value for name, value in overrides.items() if value is not None}
    from_environment = {
        name: environ[PREFIX + name.upper()]
        for name in Settings.__struct_fields__
        if environ.get(PREFIX + name.upper())
    }
    merged = from_environment | chosen
    from_file = _read_file(environ, merged.get("home"))
    values: dict[str, Any] = from_file | merged
    for name in _LISTS & values.keys():
        if isinstance(values[name], str):
            values[name] = [part.strip() for part in values[name].split(",") if part.strip()]
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{error} (environment variables {PREFIX}<NAME>, or modelyard.toml)") from None


def _read_file(environ: dict[str, str], home: Any) -> dict[str, Any]:
    named = environ.get(PREFIX + "CONFIG")
    path = Path(named) if named else Settings(home=str(home or Settings().home)).home_path / "modelyard.toml"
    if not path.is_file():
        if named:
            raise BadSettings(f"{PREFIX}CONFIG names {named}, which is not a file.")
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is not valid TOML: {error}") from None
