"""What is made from what: a database of its own for each import, in a file that is deleted with its end."""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

Kind = Literal["experiment", "run", "model"]

_TABLE = """
CREATE TABLE things (
    kind text NOT NULL, source text NOT NULL, home text NOT NULL, target text NOT NULL, place text NOT NULL,
    digest text NOT NULL, is_new int NOT NULL, wanted text NOT NULL, PRIMARY KEY (kind, source)
) WITHOUT ROWID
"""


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment, a run or a logged model of the source that has its counterpart in the target.

    `home` is the experiment that it is in, by its id in the source; `place` where the counterpart's files belong.
    `digest` is what the counterpart was complete for, empty while it is not; `wanted` what it has to become
    complete for, empty when nothing is to be done. `is_new` says that this import made it.
    """

    source: str
    home: str
    target: str
    place: str = ""
    digest: str = ""
    is_new: bool = False
    wanted: str = ""


class Ledger:
    """All things of an import, however many; in order of their ids in the source."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="modelyard-import-")
        self._db = sqlite3.connect(Path(self._folder.name) / "ledger.sqlite", isolation_level=None)

    def __enter__(self) -> Self:
        # Nothing of it outlives the import: what is there is read from the target again.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(_TABLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def note(self, kind: Kind, things: Iterable[Thing]) -> None:
        """Things of which it is known what they are in the target; of two for one, the complete one counts."""
        self._db.executemany(
            "INSERT INTO things VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET target = excluded.target, place = excluded.place, digest = excluded.digest"
            " WHERE things.digest = '' AND excluded.digest <> ''",
            [(kind, *msgspec.structs.astuple(thing)) for thing in things],
        )

    def find(self, kind: Kind, source: str) -> Thing | None:
        """The thing with this id in the source."""
        row = self._db.execute(
            "SELECT source, home, target, place, digest, is_new, wanted FROM things WHERE kind = ? AND source = ?",
            (kind, source),
        ).fetchone()
        return _thing(row) if row else None

    def want(self, kind: Kind, source: str, digest: str) -> None:
        """Says what a thing has to become complete for."""
        self._db.execute("UPDATE things SET wanted = ? WHERE kind = ? AND source = ?", (digest, kind, source))

    def wanting(self, kind: Kind) -> Iterator[Thing]:
        """Things with which something is to be done; it may be done meanwhile."""
        after = ""
        while rows := self._db.execute(
            "SELECT source, home, target, place, digest, is_new, wanted FROM things"
            " WHERE kind = ? AND wanted <> '' AND source > ? ORDER BY source LIMIT 500",
            (kind, after),
        ).fetchall():
            yield from map(_thing, rows)
            after = rows[-1][0]

    def count_wanting(self, kind: Kind) -> int:
        """With how many things something is to be done."""
        found: int = self._db.execute(
            "SELECT count(*) FROM things WHERE kind = ? AND wanted <> ''", (kind,)
        ).fetchone()[0]
        return found


def _thing(row: tuple[str, str, str, str, str, int, str]) -> Thing:
    source, home, target, place, digest, is_new, wanted = row
    return Thing(
        source=source, home=home, target=target, place=place, digest=digest, is_new=bool(is_new), wanted=wanted
    )
