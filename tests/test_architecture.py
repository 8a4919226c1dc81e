"""What keeps the code a pleasure to read, and import-linter cannot say."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "modelyard"
FILES = sorted(path for path in SOURCE.rglob("*.py") if "examples" not in path.parts)

LONGEST_FILE, MEDIAN_FILE, LONGEST_FUNCTION = 400, 120, 40
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}
SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS|CREATE TABLE)\b")
SQL_PLACES = {"queries.py", "kit/db.py", "kit/migrations.py"}
UNFINISHED = re.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X)\\b")


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in FILES:
        yield _name(path), ast.parse(path.read_text())


def test_files_stay_within_their_budget() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}
    assert statistics.median(lengths.values()) <= MEDIAN_FILE


def test_functions_stay_within_their_budget() -> None:
    long = {
        f"{name}:{node.name}": node.end_lineno - node.lineno + 1
        for name, tree in _parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}


def test_no_file_is_a_drawer() -> None:
    assert [_name(path) for path in FILES if path.stem in FORBIDDEN_NAMES] == []


def test_sql_stands_in_queries_only() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _parsed()
        if not any(name.endswith(place) for place in SQL_PLACES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
        if node.value != "SELECT 1"
    ]
    assert found == []


def test_domains_meet_at_front_doors() -> None:
    found = []
    for name, tree in _parsed():
        if not name.startswith("domains/"):
            continue
        here = name.split("/")[1]
        for node in ast.walk(tree):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            parts = module.split(".")
            if parts[:2] == ["modelyard", "domains"] and len(parts) > 3 and parts[2] != here:
                found.append(f"{name}:{node.lineno} imports {module}")
    assert found == []


def test_every_package_says_what_lives_there() -> None:
    missing = [name for name, tree in _parsed() if name.endswith("__init__.py") and not ast.get_docstring(tree)]
    assert missing == []


def test_nothing_is_left_unfinished() -> None:
    places = [*FILES, *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("tests/**/*.py")]
    found = [str(path.relative_to(ROOT)) for path in places if UNFINISHED.search(path.read_text())]
    assert found == []
