"""Operations on uploads into datasets."""

import re
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from litestar import MediaType, Request, Response
from litestar.datastructures import CacheControlHeader, State
from litestar.params import Parameter

from modelyard.domains.datasets.access import DatasetAccess, dataset_with
from modelyard.domains.datasets.uploads.service import DatasetUploads
from modelyard.domains.datasets.uploads.wire import EndedUpload, NewUpload
from modelyard.domains.users import Right
from modelyard.engines.uploads import Chunk, SentFile
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.safe_path import SafePath

TAG = "Datasets (private)"
FILES = "/v4/datasetrw/datasets/{datasetId:str}/snapshot/file"
# GET requests that change something: nobody on the way may keep an answer for the next.
NEVER_KEPT = CacheControlHeader(no_store=True)

_writing = dataset_with(Right.UPDATE_DATASET_RW_V2)
_SIZE_AND_NAME = re.compile(r"(\d{1,18})-.*", re.DOTALL)

HttpRequest = Request[Any, Any, State]
# As many as can be in a file name's or a disk's reach; checked further where they meet.
Count = Annotated[int, Parameter(ge=1, le=2**53)]
Checksum = Annotated[str, Parameter(pattern="^[0-9a-fA-F]{32}$", description="MD5 of the chunk in hex.")]
Identifier = Annotated[str, Parameter(description="Size of the whole file in bytes, a hyphen, its name.")]


@operation("POST", FILES + "/start", guard=_writing, tag=TAG)
async def start_upload(
    access: DatasetAccess, db: Database, dataset_uploads: DatasetUploads, data: NewUpload
) -> Response[str]:
    """Begin an upload into a dataset's live files; the reply is its key."""
    key = await dataset_uploads.start(db, access, data.file_collision_setting)
    # The framework sends a text as it is, whatever its type.
    return Response(f'"{key}"', media_type=MediaType.JSON)


@operation("GET", FILES + "/test", guard=_writing, tag=TAG, cache_control=NEVER_KEPT)
async def check_upload_chunk(
    access: DatasetAccess,
    dataset_uploads: DatasetUploads,
    key: str,
    resumableChunkNumber: Count,
    resumableIdentifier: Identifier,
    resumableTotalChunks: Count,
    checksum: Checksum,
    resumableChunkSize: Count | None = None,
    resumableRelativePath: str | None = None,
) -> Response[None]:
    """Ask whether a chunk must be sent (204) or is there (200), which only its path and chunk size can tell.

    Files of the same name and size in several folders have one identifier: without the path, the answer is
    always 204. Sending a chunk again is harmless.
    """
    file = None
    if resumableRelativePath and resumableChunkSize:
        file = _file(resumableRelativePath, resumableIdentifier, resumableChunkSize)
        file = file if file.chunks == resumableTotalChunks else None
    is_there = await dataset_uploads.has(access, key, file, resumableChunkNumber, bytes.fromhex(checksum))
    return Response(None, status_code=200 if is_there else 204)


@operation(
    "POST",
    FILES,
    guard=_writing,
    tag=TAG,
    failures=(400, 401, 403, 404, 413, 500),
    request_max_body_size=None,
)
async def upload_chunk(
    access: DatasetAccess,
    dataset_uploads: DatasetUploads,
    request: HttpRequest,
    key: str,
    resumableChunkNumber: Count,
    resumableChunkSize: Count,
    resumableCurrentChunkSize: Annotated[int, Parameter(ge=0, le=2**53)],
    resumableIdentifier: Identifier,
    resumableRelativePath: str,
    resumableTotalChunks: Count,
    checksum: Checksum,
) -> None:
    """Send one chunk of a file as the only part of a multipart body; in any order, side by side, and again."""
    chunk = Chunk(
        file=_file(resumableRelativePath, resumableIdentifier, resumableChunkSize),
        number=resumableChunkNumber,
        length=resumableCurrentChunkSize,
        checksum=bytes.fromhex(checksum),
        total=resumableTotalChunks,
    )
    await dataset_uploads.receive(access, key, chunk, request.stream())


@operation("GET", FILES + "/end/{key:str}", guard=_writing, tag=TAG, cache_control=NEVER_KEPT)
async def end_upload(
    access: DatasetAccess,
    db: Database,
    dataset_uploads: DatasetUploads,
    request: HttpRequest,
    key: str,
    targetRelativePath: str | None = None,
) -> EndedUpload:
    """Put all files of an upload into the dataset, below a folder of it, or none of them."""
    target = _as_sent(request) if targetRelativePath else SafePath("")
    return EndedUpload.of(await dataset_uploads.end(db, access, key, target))


@operation(
    "GET",
    FILES + "/cancel/{key:str}",
    guard=_writing,
    tag=TAG,
    cache_control=NEVER_KEPT,
)
async def cancel_upload(access: DatasetAccess, db: Database, dataset_uploads: DatasetUploads, key: str) -> None:
    """Forget an upload and everything that was received of it."""
    await dataset_uploads.cancel(db, access, key)


def _file(path: str, identifier: str, chunk_bytes: int) -> SentFile:
    found = _SIZE_AND_NAME.fullmatch(identifier)
    if found is None:
        raise BadRequest("resumableIdentifier is the size of the file in bytes, a hyphen and the file's name.")
    return SentFile(str(_path(path)), int(found[1]), chunk_bytes)


def _path(path: str) -> SafePath:
    """A path as clients send it, from where they are: `./a/b` is `a/b`."""
    while path.startswith("./"):
        path = path[2:]
    return SafePath(path)


def _as_sent(request: HttpRequest) -> SafePath:
    """The query's targetRelativePath. The official client does not encode it: `+` and `&` are themselves."""
    query: bytes = request.scope["query_string"]
    raw = query.partition(b"targetRelativePath=")[2]
    try:
        return _path(unquote_to_bytes(raw).decode())
    except UnicodeDecodeError:
        raise BadRequest("targetRelativePath is not valid UTF-8.") from None
