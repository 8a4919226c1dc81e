"""Trees of hashes: the same files have the same root, and only what differs is written or read."""

import random
from collections.abc import Sequence

import pytest

from modelyard.engines.trees import (
    PIECE_BYTES,
    Entry,
    Key,
    Kind,
    building,
    children_of,
    content_key,
    lists_over,
    reading,
)


class Nodes(dict[Key, bytes]):
    """Nodes in memory, and which were read."""

    def __init__(self) -> None:
        super().__init__()
        self.were_read: list[Key] = []

    def put(self, key: Key, data: bytes, children: list[Key]) -> None:
        assert children == children_of(data)
        self[key] = data

    def read(self, key: Key) -> bytes:
        self.were_read.append(key)
        return self[key]


def entry(path: str, content: str = "") -> Entry:
    return Entry(path, Kind.FILE, len(content), content_key(content.encode()) if content else b"")


def many(count: int) -> list[Entry]:
    return sorted((entry(f"d{n % 7}/f{n:05}", f"content {n}") for n in range(count)), key=lambda one: one.path)


@pytest.fixture
def nodes() -> Nodes:
    return Nodes()


@pytest.mark.parametrize("count", [0, 1, 5, 500, 20_000])
def test_a_tree_has_the_entries_it_was_made_of(nodes: Nodes, count: int) -> None:
    root = building.build(many(count), nodes.put)
    assert list(reading.entries(root, nodes.read)) == many(count)
    whole = reading.whole(root, nodes.read)
    assert (whole.entries, whole.files) == (count, count)
    assert whole.bytes == sum(one.size for one in many(count))


def test_entries_are_read_from_any_path_on(nodes: Nodes) -> None:
    entries = many(3000)
    root = building.build(entries, nodes.put)
    for start in ("", "a", "d3", "d3/f01500", "d6/f02995", "e"):
        expected = [one for one in entries if one.path >= start]
        assert list(reading.entries(root, nodes.read, start)) == expected
    nodes.were_read.clear()
    next(reading.entries(root, nodes.read, "d3/f01500"))
    assert len(nodes.were_read) < 6


def test_one_path_and_one_folder(nodes: Nodes) -> None:
    root = building.build([entry("a", "1"), entry("b-c", "2"), entry("b/x", "3"), entry("b0", "4")], nodes.put)
    assert reading.find(root, nodes.read, "b/x") == entry("b/x", "3")
    assert reading.find(root, nodes.read, "b") is None
    assert [one.path for one in reading.below(root, nodes.read, "b")] == ["b/x"]
    assert [one.path for one in reading.below(root, nodes.read, "a")] == ["a"]
    assert [one.path for one in reading.below(root, nodes.read, "")] == ["a", "b-c", "b/x", "b0"]


@pytest.mark.parametrize("seed", range(30))
def test_a_changed_tree_is_the_tree_of_the_changed_entries(nodes: Nodes, seed: int) -> None:
    chance = random.Random(seed)
    before = {one.path: one for one in many(chance.choice([0, 1, 60, 1000, 5000]))}
    changes: dict[str, Entry | None] = {}
    for number in range(chance.choice([1, 3, 50, 400])):
        known = sorted(before) or ["z"]
        path = chance.choice([chance.choice(known), f"new/{number}", f"d{number % 7}/g{number}", f"~{number}"])
        changes[path] = chance.choice([None, entry(path, f"other {number}")])
    after = {path: one for path, one in (before | changes).items() if one is not None}
    root = building.build(before.values(), nodes.put)
    edited = building.edited(root, sorted(changes.items()), nodes.read, nodes.put)
    assert edited == building.build([after[path] for path in sorted(after)], building.forget)
    expected = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    assert [one.path for one in reading.differences(root, edited, nodes.read)] == expected


def test_one_change_writes_a_handful_of_nodes(nodes: Nodes) -> None:
    root = building.build(many(50_000), nodes.put)
    before, nodes.were_read = set(nodes), []
    path = many(50_000)[25_000].path
    edited = building.edited(root, [(path, entry(path, "changed"))], nodes.read, nodes.put)
    assert len(nodes.keys() - before) <= 5
    nodes.were_read.clear()
    assert [one.path for one in reading.differences(root, edited, nodes.read)] == [path]


def test_a_node_does_not_grow_without_bound(nodes: Nodes) -> None:
    def never_ends(count: int) -> Sequence[Entry]:
        found: list[Entry] = []
        number = 0
        while len(found) < count:
            path = f"{number:07}"
            if not building._ends(path, 0):
                found.append(entry(path))
            number += 1
        return found

    entries = never_ends(3000)
    root = building.build(entries, nodes.put)
    assert list(reading.entries(root, nodes.read)) == entries
    assert max(len(data) for data in nodes.values()) < 20_000


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 17])
def test_the_content_of_a_file_from_any_place_to_any_other(nodes: Nodes, size: int) -> None:
    content = random.Random(size).randbytes(size)
    pieces = [content[place : place + PIECE_BYTES] for place in range(0, size, PIECE_BYTES)]
    keys = [content_key(piece) for piece in pieces]
    nodes.update(zip(keys, pieces, strict=True))
    key = keys[0] if keys else b""
    if len(keys) > 1:
        for key, data, children in lists_over(keys):
            nodes.put(key, data, children)
    one = Entry("f", Kind.FILE, size, key)
    assert b"".join(reading.content(one, nodes.read)) == content
    for first, after in ((0, 1), (size // 2, size), (5, 5), (PIECE_BYTES - 1, PIECE_BYTES + 1), (size, size + 9)):
        assert b"".join(reading.content(one, nodes.read, first, after)) == content[first:after]


def test_a_file_of_many_pieces_has_lists_of_lists(nodes: Nodes) -> None:
    keys = [content_key(str(number).encode()) for number in range(2000)]
    key = b""
    for key, data, children in lists_over(keys):
        nodes.put(key, data, children)
    assert list(reading.pieces_of(Entry("f", Kind.FILE, 2000 * PIECE_BYTES, key), nodes.read)) == keys
