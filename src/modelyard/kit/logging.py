"""Structured logs: one JSON object a line, with the request id wherever there is one."""

import logging
import logging.handlers
import sys
from pathlib import Path
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from modelyard.kit import context


def configure_logging(
    process: str,
    *,
    level: str = "info",
    style: str = "json",
    file: Path | None = None,
    max_bytes: int = 20 * 2**20,
    files_kept: int = 5,
) -> None:
    """Sends structlog and the standard library's loggers to one place, rotating when it is a file."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_request,
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if style == "console" else _as_json
    )
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = _RotatingFile(file, maxBytes=max_bytes, backupCount=files_kept)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Rotates by what it has written, without asking the file system at every line."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - the library's
        return self.stream is not None and self.stream.tell() >= self.maxBytes


def _with_request(_: Any, __: str, event: EventDict) -> EventDict:
    if request_id := context.request_id.get():
        event["request_id"] = request_id
    return event


def _as_json(_: Any, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
