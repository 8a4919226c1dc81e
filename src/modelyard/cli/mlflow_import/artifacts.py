"""Files of runs and logged models, as streams from one server to the other."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import msgspec

from modelyard.cli.connection import CommandError, Unreachable
from modelyard.cli.mlflow_import.rest import API, FILES_API, PIECE_BYTES, Json, Rest, quoted, repeated
from modelyard.cli.mlflow_import.transfer import Transfer

SCHEME = "mlflow-artifacts"
DEEPEST = 100


class Files(msgspec.Struct, frozen=True):
    """The files of a run or logged model in the source, and where they belong in the target."""

    source: str
    source_place: str
    target: str
    target_place: str
    is_new: bool
    of_model: bool = False


async def copy_files(transfer: Transfer, files: Files) -> None:
    """Copies every file that the target lacks, or has in another size.

    Raises CommandError for those that cannot be copied, when all others are there.
    """
    if stored_path(files.target_place) is None:
        raise CommandError(f"the target keeps its files at {files.target_place}, where nothing can be sent to")
    failed: list[str] = []

    async def copy(file: Json) -> None:
        try:
            await _copy(transfer, files, file["path"])
        except Unreachable:
            raise
        except CommandError as error:
            failed.append(f"the file {file['path']}: {error}")

    await transfer.each(_lacking(transfer, files, ""), copy)
    if failed:
        more = f" (and {len(failed) - 1:,} more of its files)" if len(failed) > 1 else ""
        raise CommandError(f"{failed[0].rstrip('.')}{more}")


async def _lacking(transfer: Transfer, files: Files, folder: str, depth: int = 0) -> AsyncIterator[Json]:
    """Files below a folder, one folder after another, that are to be copied."""
    if depth > DEEPEST:
        raise CommandError(f"folders are nested deeper than {DEEPEST} at {folder}")
    there = {} if files.is_new else await _sizes(transfer.target, files.target, folder, of_model=files.of_model)
    folders = []
    for entry in await _listed(transfer.source, files.source, folder, of_model=files.of_model):
        path = entry["path"]
        if entry.get("is_dir"):
            folders.append(path)
        elif path not in there or there[path] != int(entry.get("file_size", 0)):
            yield entry
        else:
            transfer.report.there("file")
    for path in folders:
        async for entry in _lacking(transfer, files, path, depth + 1):
            yield entry


async def _sizes(server: Rest, identity: str, folder: str, *, of_model: bool) -> dict[str, int]:
    listed = await _listed(server, identity, folder, of_model=of_model)
    return {entry["path"]: int(entry.get("file_size", 0)) for entry in listed if not entry.get("is_dir")}


async def _listed(server: Rest, identity: str, folder: str, *, of_model: bool) -> list[Json]:
    """What lies in a folder of a run or logged model."""
    if of_model:
        window: Json = {"artifact_directory_path": folder} if folder else {}
        path = f"{API}/logged-models/{quoted(identity)}/artifacts/directories"
    else:
        window = {"run_id": identity} | ({"path": folder} if folder else {})
        path = f"{API}/artifacts/list"
    return [entry async for entry in server.entries(path, "files", **window)]


async def _copy(transfer: Transfer, files: Files, path: str) -> None:
    await repeated(lambda: _stream(transfer, files, path))
    transfer.report.made("file")


async def _stream(transfer: Transfer, files: Files, path: str) -> None:
    """One attempt to copy a file."""
    moved, broken = 0, None

    async def pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        nonlocal moved, broken
        try:
            async for piece in response.content.iter_chunked(PIECE_BYTES):
                moved += len(piece)
                transfer.report.moved(len(piece))
                yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            broken = error
            raise

    url, params = _address(files, path)
    stored = f"{stored_path(files.target_place)}/{path}"
    try:
        async with transfer.source.reply("GET", url, params=params) as response:
            size = response.content_length
            content = pieces(response) if size != 0 else b""
            await transfer.target.put(f"{FILES_API}/{quoted(stored)}", content, size)
    except CommandError:
        transfer.report.moved(-moved)
        if broken is not None:
            raise Unreachable(f"{transfer.source.url} broke off ({broken or type(broken).__name__}).") from None
        raise


def _address(files: Files, path: str) -> tuple[str, dict[str, str]]:
    """Where a file of the source is read: where it is kept, if anybody may read there, else through its owner."""
    if stored := stored_path(files.source_place):
        return f"{FILES_API}/{quoted(f'{stored}/{path}')}", {}
    if files.of_model:
        model = f"/ajax-api/2.0/mlflow/logged-models/{quoted(files.source)}/artifacts/files"
        return model, {"artifact_file_path": path}
    return "/get-artifact", {"run_id": files.source, "path": path}


def stored_path(place: str) -> str | None:
    """The path of a place in a server's own store of files; nothing for a place elsewhere."""
    parts = urlsplit(place)
    return parts.path.strip("/") if parts.scheme == SCHEME else None
