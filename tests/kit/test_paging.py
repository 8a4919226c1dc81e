"""Page tokens stand for offsets, and only our own are taken."""

import base64

import pytest

from modelyard.kit.errors import BadRequest
from modelyard.kit.paging import next_token, offset_of, page_token


@pytest.mark.parametrize("offset", [0, 1, 25, 99_999_999])
def test_tokens_come_back_as_their_offsets(offset: int) -> None:
    assert offset_of(page_token(offset)) == offset


def test_no_token_is_the_first_page() -> None:
    assert (offset_of(None), offset_of("")) == (0, 0)


def test_only_a_full_page_has_a_next_one() -> None:
    assert next_token(50, 25, 25) is None
    assert offset_of(next_token(50, 25, 26)) == 75
    assert next_token(50, 0, 1) is None


@pytest.mark.parametrize(
    "token",
    ["25", "x", "ü", "%%%", "a" * 5000, *(base64.b64encode(raw).decode() for raw in (b"offset:", b"offset:-1"))],
)
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(BadRequest, match="page token"):
        offset_of(token)
