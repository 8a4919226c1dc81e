"""The shapes every family shares on the wire: envelopes, metadata, the failure body."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.kit import context
from modelyard.kit.errors import BadRequest

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Wire(msgspec.Struct, rename="camel", kw_only=True):
    """Base of every request and response body: camelCase on the wire, unknown request fields ignored.

    In requests an optional field is `T | None = None` (null means absent); in replies it is
    `T | UnsetType = UNSET` (absent fields are left out).
    """


class AnyCase(StrEnum):
    """Values that are read whatever their case and sent as written here."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return next((one for one in cls if isinstance(value, str) and one.lower() == value.lower()), None)


class MetadataV1(Wire):
    """What every envelope carries beside its object."""

    request_id: str
    notices: list[str]


class PaginationV1(Wire):
    """The window of a list that was asked for, and how many rows there are in all."""

    offset: int
    limit: int
    total_count: int | UnsetType = UNSET


class PaginatedMetadataV1(MetadataV1):
    """Metadata of a list.

    The contract describes the window's fields here, and requires `pagination` without describing it: both
    are sent.
    """

    offset: int
    limit: int
    pagination: PaginationV1
    total_count: int | UnsetType = UNSET


class DeleteEnvelopeV1(Wire):
    """The reply of operations that remove something."""

    success: bool
    metadata: MetadataV1


class FailureEnvelopeV1(Wire):
    """The body of every failed request; one sentence in all three places satisfies every known reader."""

    request_id: str
    errors: list[str]
    error: str
    message: str


def camel_case(name: str) -> str:
    """A name with underscores as it is on the wire."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def body_as(shape: type[T], body: bytes) -> T:
    """A request body as a shape, for guards whose object the body names; raises BadRequest."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not what this operation takes: {error}.") from None


def metadata(*notices: str) -> MetadataV1:
    """Metadata of the request being answered."""
    return MetadataV1(request_id=context.request_id.get(), notices=list(notices))


def deleted() -> DeleteEnvelopeV1:
    """The reply to a removal that took place."""
    return DeleteEnvelopeV1(success=True, metadata=metadata())


def present(value: T | None) -> T | UnsetType:
    """A row's nullable value as an optional reply field: absent when null."""
    return UNSET if value is None else value


def milliseconds(moment: datetime) -> int:
    """A moment as whole epoch milliseconds."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def epoch_ms(moment: datetime | None) -> int | UnsetType:
    """A moment as epoch milliseconds, the private API's form; absent when null."""
    return UNSET if moment is None else milliseconds(moment)
