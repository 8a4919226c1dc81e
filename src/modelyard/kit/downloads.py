"""Replies with the bytes of files: whole or in part, and none where the client has them already."""

import re
from collections.abc import Iterator
from typing import Any

from litestar import MediaType, Response

from modelyard.kit.archives import ArchiveFormat
from modelyard.kit.description import BINARY
from modelyard.kit.failures import failure_body
from modelyard.kit.open_file import OpenFile
from modelyard.kit.streaming import PieceStream

# Up to this size a file is sent in one piece.
WHOLE_BYTES = 2**20

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


def file_reply(file: OpenFile, asked: dict[str, str]) -> Response[Any]:
    """A file by the headers that ask for it; 206 for a part of it, 304 when the client has it, 416 for no part."""
    headers = {"etag": f'"{file.version}"', "accept-ranges": "bytes"}
    if _is_held(asked, headers["etag"]):
        return Response(b"", status_code=304, headers=headers)
    part = _part_of(asked, headers["etag"], file.size)
    first, after = part or (0, file.size)
    if part is not None and first >= after:
        headers["content-range"] = f"bytes */{file.size}"
        body = failure_body(f"The file has {file.size} bytes, and none in the range that was asked for.")
        return Response(body, status_code=416, media_type=MediaType.JSON, headers=headers)
    if part is not None:
        headers["content-range"] = f"bytes {first}-{after - 1}/{file.size}"
    headers["content-length"] = str(after - first)
    pieces, status = file.pieces(first, after), 200 if part is None else 206
    if after - first <= WHOLE_BYTES:
        return Response(b"".join(pieces), status_code=status, media_type=BINARY, headers=headers)
    return PieceStream(pieces, status_code=status, media_type=BINARY, headers=headers)


def archive_reply(
    pieces: Iterator[bytes], asked: dict[str, str], version: str, name: str, kind: ArchiveFormat
) -> Response[Any]:
    """An archive of this name; 304 when the client has this version of it."""
    etag = f'"{version}"'
    if _is_held(asked, etag):
        return Response(b"", status_code=304, headers={"etag": etag})
    disposition = f'attachment; filename="{name}.{kind}"'
    return PieceStream(pieces, media_type=BINARY, headers={"etag": etag, "content-disposition": disposition})


def _is_held(asked: dict[str, str], etag: str) -> bool:
    """Whether the client says that it has this version already."""
    held = asked.get("if-none-match", "")
    return held.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in held.split(",")}


def _part_of(asked: dict[str, str], etag: str, size: int) -> tuple[int, int] | None:
    """The first byte that is asked for and the one after the last; None when it is the whole file.

    They may be equal or beyond the end: then the file has no such part. Several ranges at once, units but
    bytes and ranges of another version are passed over, as they may be.
    """
    found = _RANGE.fullmatch(asked.get("range", ""))
    if found is None or asked.get("if-range", etag).strip() != etag:
        return None
    first, last = found.groups()
    if not first:
        return (max(size - int(last), 0), size) if last else None
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size
