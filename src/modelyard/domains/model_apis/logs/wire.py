"""Shapes of the logs of versions on the wire."""

from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.kit.wire import Wire


class ModelApiVersionLogTag(Wire):
    """Something known of a line."""

    key: str
    value: str


class ModelApiVersionLogLine(Wire):
    """A line: epoch milliseconds, the same moment in epoch nanoseconds, its text and its stream."""

    timestamp: int
    time_nano: int
    log: str
    stream_type: str
    tags: list[ModelApiVersionLogTag]

    @classmethod
    def of(cls, time_ns: int, text: str, stream: str, **tags: str) -> Self:
        """A stored line, tagged by its stream and by what else is known of it."""
        return cls(
            timestamp=time_ns // 1_000_000,
            time_nano=time_ns,
            log=text,
            stream_type=stream,
            tags=[
                ModelApiVersionLogTag(key=key, value=value) for key, value in {**tags, "stream": stream}.items()
            ],
        )


class ModelApiVersionBuildLogs(Wire):
    """How a version was built, or is being built; the last line's `timeNano` is the cursor to go on from."""

    model_id: str
    model_version_id: str
    status: str
    logs: list[ModelApiVersionLogLine]
    build_id: str | UnsetType = UNSET
    since_time_nano: str | UnsetType = UNSET


class ModelApiVersionDeploymentLogs(Wire):
    """How a version was started, served, stopped; its status now."""

    status: str | UnsetType = UNSET
    logs: list[ModelApiVersionLogLine] | UnsetType = UNSET


class ModelApiVersionExportLogs(Wire):
    """How the image of a version was exported."""

    model_id: str
    model_version_id: str
    status: str
    logs: list[ModelApiVersionLogLine]
    since_time_nano: str | UnsetType = UNSET


class ModelApiVersionInstanceLogs(Wire):
    """What the replicas of a version print, in one order; the last line's `timeNano` is the cursor to go on from.

    `maxResults` is how many lines a reply has at most.
    """

    model_id: str
    model_version_id: str
    max_results: int
    logs: list[ModelApiVersionLogLine]
    pod_name: str | UnsetType = UNSET
    container_name: str | UnsetType = UNSET
    since_time_nano: str | UnsetType = UNSET
    tail: bool | UnsetType = UNSET
