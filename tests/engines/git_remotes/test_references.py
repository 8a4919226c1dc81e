"""References: what git would take as a name."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from modelyard.engines.git_remotes import Reference, reference
from modelyard.kit.errors import BadRequest


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        ("Head", None, Reference("Head")),
        ("Head", "", Reference("Head")),
        ("Branch", "feature/x-1", Reference("Branch", "feature/x-1")),
        ("Branch", "a@b", Reference("Branch", "a@b")),
        ("Tag", "v1.0", Reference("Tag", "v1.0")),
        ("Commit", "ABCDEF1", Reference("Commit", "abcdef1")),
        ("Commit", "a" * 64, Reference("Commit", "a" * 64)),
    ],
)
def test_references(kind: str, value: str | None, made: Reference) -> None:
    assert reference(kind, value) == made


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("head", None), ("Head", "main"), ("Ref", "x"), ("Branch", None), ("Tag", ""), ("Commit", None),
        ("Commit", "abcdef"), ("Commit", "a" * 41), ("Commit", "g" * 40), ("Commit", "abcdef1\n"),
        *(
            ("Branch", name)
            for name in [
                "-x", "--upload-pack=x", "a..b", "a b", "a\n", "a\x00", "a\x7f", "a~1", "a^", "a:b", "a?", "a*",
                "a[", "a\\b", "x.lock", "a.lock/b", "a@{0}", "@", "/a", "a/", "a//b", ".a", "a/.b", "a.",
                "x" * 241, "\udcff",
            ]
        ),
    ],
)  # fmt: skip
def test_what_is_no_reference(kind: str, value: str | None) -> None:
    with pytest.raises(BadRequest):
        reference(kind, value)


@settings(max_examples=60, deadline=None)
@given(some.text(alphabet="ab./-@{}~^:?*[\\ \n", min_size=1, max_size=8))
def test_git_agrees(name: str) -> None:
    try:
        reference("Branch", name)
    except BadRequest:
        return
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)
