"""Spans in OpenTelemetry's protocol, of which the tracker makes traces: each is looked up by its id."""

import zlib

import msgspec

from modelyard.domains.experiments.access import WRITE, demand_new_or_own, visible_run
from modelyard.domains.experiments.asked import At, HttpRequest, Place, one, project_named
from modelyard.domains.experiments.service import experiment_by_id
from modelyard.domains.users import Caller
from modelyard.engines.tracker import Tracker
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest, TooLarge

PROTOBUF = "application/x-protobuf"
EXPERIMENT, RUN = "x-mlflow-experiment-id", "x-mlflow-run-id"
_MOST_BYTES = 50 * 2**20
_MOST_TRACES = 1000
_WINDOWS = {"gzip": 31, "deflate": 15}


class Exported(msgspec.Struct, frozen=True):
    """Spans that may be handed on, uncompressed, and with which headers."""

    content: bytes
    headers: dict[str, str]


async def _load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Exported:
    named = await one(request, At(Place.HEADER, EXPERIMENT))
    access = await experiment_by_id(db, tracker, caller, named, project_named(request), write=True)
    headers = {"content-type": PROTOBUF, EXPERIMENT: access.experiment.id}
    if run_id := request.headers.get(RUN):
        headers[RUN] = (await visible_run(db, tracker, caller, run_id, WRITE)).id
    content = _uncompressed(await request.body(), request.headers.get("content-encoding", ""))
    if request.headers.get("content-type", "").partition(";")[0].strip() != PROTOBUF:
        raise BadRequest(f"Spans are taken as {PROTOBUF}; set the exporter's protocol to http/protobuf.")
    for trace_id in _traces_in(content):
        await demand_new_or_own(db, tracker, caller, trace_id)
    return Exported(content, headers)


exportable = Guard("exported", _load, rights=(WRITE,), scope="experiment")


def _uncompressed(content: bytes, encoding: str) -> bytes:
    if not encoding:
        return content
    if encoding.lower() not in _WINDOWS:
        raise BadRequest(f"Content-Encoding is one of {', '.join(_WINDOWS)}.")
    reader = zlib.decompressobj(_WINDOWS[encoding.lower()])
    try:
        plain = reader.decompress(content, _MOST_BYTES)
    except zlib.error as error:
        raise BadRequest(f"The body cannot be uncompressed: {error}.") from None
    if reader.unconsumed_tail:
        raise TooLarge(f"The spans have more than {_MOST_BYTES:,} bytes; send fewer at once.")
    return plain


def _traces_in(content: bytes) -> set[str]:
    """The traces that spans are of, by the ids that the tracker gives them."""
    # Only who sends spans needs it.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
        ExportTraceServiceRequest,
    )

    exported = ExportTraceServiceRequest()
    try:
        exported.ParseFromString(content)
    except DecodeError:
        raise BadRequest("The body is no export of spans.") from None
    found = {
        f"tr-{int.from_bytes(span.trace_id, 'big'):032x}"
        for resource in exported.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    if len(found) > _MOST_TRACES:
        raise BadRequest(f"Send spans of at most {_MOST_TRACES:,} traces at once.")
    return found
