"""Paths from outside cannot leave their tree."""

import pytest

from modelyard.kit.errors import BadRequest
from modelyard.kit.safe_path import SafePath


@pytest.mark.parametrize(
    ("raw", "path"), [("a/b", "a/b"), ("//a//b/", "a/b"), ("", ""), ("ü/😀.txt", "ü/😀.txt"), ("...", "...")]
)
def test_normal_paths(raw: str, path: str) -> None:
    assert SafePath(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        "..",
        "a/../b",
        "./a",
        "a/.",
        "a\0b",
        "a\nb",
        "a\\b",
        ".git/config",
        "a/.GIT",
        "x" * 256,
        "a/" * 3000,
        "\ud800",
    ],
)
def test_refused_paths(raw: str) -> None:
    with pytest.raises(BadRequest):
        SafePath(raw)
