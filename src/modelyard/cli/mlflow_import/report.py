"""What an import says: how far it is, what it leaves behind, and what came of it."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from modelyard.cli.output import brief, count_of, err, error, say, size_of

# Seconds between lines about one stage where no terminal shows a bar.
LINE_SECONDS = 10.0
KINDS = (
    "experiment",
    "run",
    "metric value",
    "file",
    "logged model",
    "registered model",
    "model version",
    "trace",
)


class Report:
    """Counts of an import, and its lines on standard error."""

    def __init__(self, *, dry: bool = False) -> None:
        self._dry = dry
        self._began = time.monotonic()
        self._made: Counter[str] = Counter()
        self._there: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._bytes = 0
        self._stage = _Stage()

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left behind that ought to have come."""
        return not self._left

    def made(self, kind: str, count: int = 1) -> None:
        """So many were carried over."""
        self._made[kind] += count

    def there(self, kind: str, count: int = 1) -> None:
        """So many were there already."""
        self._there[kind] += count

    def moved(self, size: int) -> None:
        """Bytes of files that have arrived; less than none for what has to be sent again."""
        self._bytes += size
        self._stage.show(self._bytes)

    def left_behind(self, kind: str, name: str, reason: object) -> None:
        """Something could not be carried over."""
        self._left[kind] += 1
        error(f"The {kind} {name} was left behind: {str(reason).rstrip('.')}.")

    def dropped(self, what: str, count: int = 1) -> None:
        """Something that is not carried over at all, by its kind in the plural."""
        if count:
            self._dropped[what] += count

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator["_Stage"]:
        """A part of the work; what the block gets is told of each step."""
        self._stage = _Stage(name, total)
        with self._stage.shown():
            yield self._stage
        self._stage = _Stage()

    def close(self, source: str) -> None:
        """Says what came of it all."""
        seconds = time.monotonic() - self._began
        verb = "Would come" if self._dry else "Imported"
        say(f"{verb} from {source}: {_counts(self._made) or 'nothing'}.")
        if self._bytes:
            rate = size_of(int(self._bytes / max(seconds, 0.001)))
            say(f"Files: {size_of(self._bytes)} in {seconds:,.0f} s ({rate}/s).")
        if there := _counts(self._there):
            say(f"There already: {there}.")
        if self._dropped:
            dropped = ", ".join(f"{what} ({count:,})" for what, count in sorted(self._dropped.items()))
            say(f"Not carried over: {dropped}.")
        if self._left:
            error(f"Left behind: {_counts(self._left)}. The same command tries them again.")


class _Stage:
    """How far one part of the work is: a bar on a terminal, else a line now and then."""

    def __init__(self, name: str = "", total: int | None = None) -> None:
        self._name, self._total = name, total
        self._count, self._bytes, self._said = 0, 0, time.monotonic()
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[bytes]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=err, transient=True, disable=not (name and err.is_terminal))
        self._bar = self._progress.add_task(name, total=total, bytes="")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """For the time of a block."""
        with self._progress:
            yield

    def step(self, now: str = "") -> None:
        """One more is done; `now` names it."""
        self._count += 1
        self._progress.update(self._bar, completed=self._count, description=brief(f"{self._name} {now}", 60))
        self._speak()

    def show(self, size: int) -> None:
        """So many bytes of files have arrived by now."""
        self._bytes = size
        self._progress.update(self._bar, bytes=size_of(size))
        self._speak()

    def _speak(self) -> None:
        if err.is_terminal or not self._name or time.monotonic() < self._said + LINE_SECONDS:
            return
        self._said = time.monotonic()
        of = f" of {self._total:,}" if self._total is not None else ""
        say(f"{self._name}: {self._count:,}{of}, {size_of(self._bytes)} of files")


def _counts(counted: Counter[str]) -> str:
    kinds = [kind for kind in (*KINDS, *sorted(set(counted) - set(KINDS))) if counted[kind]]
    return ", ".join(count_of(counted[kind], kind) for kind in kinds)
