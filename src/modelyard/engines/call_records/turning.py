"""Has segments turned into Parquet files by a child process, which is gone afterwards with all it has read."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

_SECONDS = 300.0
_MODULE = "modelyard.engines.call_records.parquet"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A segment that is to be turned, and the folder for its files.

    `redacted_fields` are left out besides those that were to be when the calls were made. For `input_names` and
    `in_rows` see redacting.
    """

    segment: str
    folder: str
    redacted_fields: Sequence[str] = ()
    input_names: Sequence[str] = ()
    in_rows: bool = False
    metadata: dict[str, str] = {}


class Part(msgspec.Struct, frozen=True):
    """A file with the calls of one day in UTC, as in 2025-01-31."""

    day: str
    path: str
    calls: int


class NotTurned(Exception):
    """Segments could not be turned; the message says why."""


_decoder = msgspec.json.Decoder(list[list[Part] | None])


async def turned(turns: Sequence[Turn]) -> list[list[Part] | None]:
    """The files of each segment; None for one that cannot be read. Raises NotTurned."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", _MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_SECONDS):
            answer, errors = await process.communicate(msgspec.json.encode(turns))
    except TimeoutError:
        raise NotTurned(f"It took longer than {_SECONDS:.0f} seconds.") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise NotTurned(errors.decode("utf-8", "replace").strip()[-2000:])
    return _decoder.decode(answer)


def _environment() -> dict[str, str]:
    """What Python needs to be started, and nothing of the server's own variables."""
    known = ("PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in known if name in os.environ}


def part_name(segment: Path) -> str:
    """The name of the files of a segment: turned again, it has the same."""
    return f"part-{segment.name.partition('-')[0]}.parquet"
