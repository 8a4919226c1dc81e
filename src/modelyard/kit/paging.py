"""Windows over lists: offset and limit, or a token for the next page; checked once."""

import base64
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import Parameter

from modelyard.kit import context
from modelyard.kit.errors import BadRequest
from modelyard.kit.wire import PaginatedMetadataV1, PaginationV1

T = TypeVar("T")

Offset = Annotated[int, Parameter(ge=0, le=2**53)]
Limit = Annotated[int, Parameter(ge=0, le=2**53)]

MAX_LIMIT = 1000


class Page(msgspec.Struct, frozen=True):
    """Which rows of a list are asked for. A limit over 1,000 is served as 1,000."""

    offset: int
    limit: int

    @property
    def rows(self) -> int:
        """The number of rows to fetch at most."""
        return min(self.limit, MAX_LIMIT)


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """One page of rows and the number of all rows that the caller may see."""

    rows: list[T]
    total: int


def page_of_ten(offset: Offset = 0, limit: Limit = 10) -> Page:
    """The window of most lists: ten rows unless asked otherwise."""
    return Page(offset, limit)


def paged(page: Page, total: int) -> PaginatedMetadataV1:
    """Metadata of a list reply."""
    return PaginatedMetadataV1(
        request_id=context.request_id.get(),
        notices=[],
        offset=page.offset,
        limit=page.limit,
        total_count=total,
        pagination=PaginationV1(offset=page.offset, limit=page.limit, total_count=total),
    )


def page_token(offset: int) -> str:
    """The token of the page that begins at an offset; clients hand it back as it is."""
    return base64.urlsafe_b64encode(b"offset:%d" % offset).decode().rstrip("=")


def offset_of(token: str | None) -> int:
    """The offset that a page token stands for, 0 without one; raises BadRequest for what is no token of ours."""
    if not token:
        return 0
    try:
        mark, _, digits = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).partition(b":")
    except ValueError:
        mark, digits = b"", b""
    if mark != b"offset" or not digits.isdigit() or len(digits) > 15:
        raise BadRequest("The page token is not one of this list; leave it out to get the first page.")
    return int(digits)


def next_token(offset: int, limit: int, found: int) -> str | None:
    """The token of the next page, when one row more than `limit` was asked for and found."""
    return page_token(offset + limit) if found > limit > 0 else None
