"""`modelyard models logs`: what is said of a version of a model API, and what its replicas say."""

import sys
import time
from collections.abc import Iterable
from typing import Annotated, Literal

import typer

from modelyard.cli.connection import Server
from modelyard.cli.finding import Found, find_api_version, find_model_api
from modelyard.cli.model_apis import ApiName, ApiProject, ApiVersion, path_of

# These are commands of `modelyard models`.
app = typer.Typer()

POLL_SECONDS = 0.3
# So long after a version is over its last lines may still be on their way.
SETTLE_SECONDS = 1.0

Kind = Literal["build", "deployment", "instance"]
ADDRESSES: dict[Kind, str] = {"build": "buildLogs", "deployment": "deploymentLogs", "instance": "instanceLogs"}
OVER = {"Stopped", "Failed"}


class VersionLog:
    """The logs of a version as they grow: each line is given once."""

    def __init__(self, server: Server, version: Found, kinds: Iterable[Kind]) -> None:
        self._server, self._path = server, path_of(version)
        self._since: dict[Kind, int] = dict.fromkeys(kinds, 0)

    def fresh(self) -> list[Found]:
        """The lines that have come since the last time, those of one log behind those of another."""
        return [line for kind in self._since for line in self._fresh(kind)]

    def _fresh(self, kind: Kind) -> list[Found]:
        since = self._since[kind]
        asked = {} if kind == "deployment" else {"sinceTimeNano": since}
        reply = self._server.get(f"{self._path}/{ADDRESSES[kind]}", **asked)
        lines = [line for line in reply["logs"] if line["timeNano"] > since]
        self._since[kind] = max((line["timeNano"] for line in lines), default=since)
        return lines


@app.command("logs")
def logs(
    api: ApiName,
    version: ApiVersion = None,
    kind: Annotated[
        Kind | None, typer.Option(help="build, deployment or instance; all of them when left out.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the version is over.")] = False,
    project: ApiProject = None,
) -> None:
    """Print the logs of a version, the newest unless named: of its build, its deployment and its replicas."""
    server = Server.find()
    found = find_api_version(server, find_model_api(server, api, project), version)
    log = VersionLog(server, found, [kind] if kind else ADDRESSES)
    while True:
        # Asked before its lines: what is over says no more.
        is_over = not follow or _is_over(server, found)
        if is_over and follow:
            time.sleep(SETTLE_SECONDS)
        while lines := log.fresh():
            for line in lines:
                print_line(line)
        if is_over:
            return
        time.sleep(POLL_SECONDS)


def print_line(line: Found) -> None:
    """A line where its program has printed it, or on standard output."""
    stream = sys.stderr if line["streamType"].lower() == "stderr" else sys.stdout
    stream.write(line["log"] + "\n")
    stream.flush()


def _is_over(server: Server, version: Found) -> bool:
    deployment = server.get(path_of(version))["deployment"]
    return deployment["status"] in OVER and not deployment["isPending"]
