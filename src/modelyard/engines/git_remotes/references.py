"""What of a repository is wanted: its default branch, a branch, a tag or a commit."""

import re
from typing import Literal, cast, get_args

import msgspec

from modelyard.kit.errors import BadRequest

ReferenceKind = Literal["Head", "Branch", "Tag", "Commit"]

MAX_REF_BYTES = 240
_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}|[0-9a-fA-F]{64}")
# git-check-ref-format(1), and what the shell of a job would trip over at the very front.
_ILLEGAL = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|/$|\.$|(?:^|/)\.|\.lock(?:/|$)|^@$")


class Reference(msgspec.Struct, frozen=True):
    """What to take of a repository; `value` is a branch's or tag's name or a commit's id. See `reference`."""

    kind: ReferenceKind
    value: str | None = None


class Fetched(msgspec.Struct, frozen=True):
    """What a reference stood for: a commit's full id, and the branch it is the tip of, where one was asked for."""

    commit_id: str
    branch: str | None = None


def reference(kind: str, value: str | None) -> Reference:
    """A checked reference; raises BadRequest for what git would not take as such a name."""
    if kind not in get_args(ReferenceKind):
        raise BadRequest(f"A git reference is one of {', '.join(get_args(ReferenceKind))}.")
    known = cast("ReferenceKind", kind)
    if known == "Head":
        if value:
            raise BadRequest("The git reference Head is the default branch and takes no value.")
        return Reference("Head")
    if not value:
        raise BadRequest(f"The git reference {known} needs a value.")
    if known == "Commit":
        if not _COMMIT.fullmatch(value):
            raise BadRequest("A commit is given by 7 to 40 (or 64) hexadecimal digits of its id.")
        return Reference(known, value.lower())
    _check_name(known, value)
    return Reference(known, value)


def _check_name(kind: str, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise BadRequest(f"The {kind.lower()}'s name is not valid Unicode text.") from None
    if size > MAX_REF_BYTES:
        raise BadRequest(f"The {kind.lower()}'s name is longer than {MAX_REF_BYTES} bytes.")
    if _ILLEGAL.search(value):
        raise BadRequest(
            f"{value[:100]!r} cannot be the name of a {kind.lower()}: git allows no spaces, no control "
            "characters, none of ~^:?*[\\, no '..', '@{' or '//', no '-', '/' or '.' at the front and no '/', '.' "
            "or '.lock' at the end."
        )
