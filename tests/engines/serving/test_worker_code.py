"""What the worker's own code may need: it runs in environments that are not the platform's."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.engines.serving.local import WORKER

FILES = sorted(WORKER.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_python_3_9_and_imports_nothing_but_the_standard_library_and_itself(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add((node.module or "").split(".")[0])
    assert modules <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_annotations_are_not_looked_at_while_it_runs(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) for node in _annotations(tree)):
        assert "from __future__ import annotations" in path.read_text()


def _annotations(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            found = getattr(node, name, None)
            if isinstance(found, ast.AST):
                yield from ast.walk(found)
