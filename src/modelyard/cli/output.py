"""What commands print: tables and sentences for people, JSON for machines."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import zip_longest
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

out = Console()
err = Console(stderr=True)

GAP = "  "
NARROWEST = 12


def error(message: str) -> None:
    """One sentence on standard error, about what went wrong."""
    err.print(Text.assemble(("modelyard:", "bold red"), " ", message), soft_wrap=True)


def say(message: str) -> None:
    """One sentence on standard error, about what was done."""
    err.print(message, markup=False, highlight=False, soft_wrap=True)


def as_json(value: Any) -> None:
    """A value as indented JSON on standard output."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], flexible: Collection[str] = ()) -> None:
    """Rows under headings, in which names and ids stay whole.

    On a terminal that is too narrow the cells of the `flexible` columns are folded; elsewhere a row is a line.
    """
    cells = _plain_rows(columns, rows)
    widths = _widths(cells)
    if out.is_terminal:
        _narrow(widths, [place for place, name in enumerate(columns) if name in flexible])
    _print(cells, widths)


def lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings as a log has them: one line each, whole, however wide the terminal is."""
    cells = _plain_rows(columns, rows)
    _print(cells, _widths(cells))


def line(text: str) -> None:
    """A line of a list that may be long: at once, and nothing else is known of it."""
    print(_plain(text))


def fields(values: Mapping[str, str]) -> None:
    """One thing by its fields; those without a value are left out."""
    shown = {name: value for name, value in values.items() if value}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        field = Text.assemble((name.ljust(width), "bold"), GAP, _plain(value))
        out.print(field, highlight=False, soft_wrap=True)


def brief(text: str, longest: int = 100) -> str:
    """The first line of a text, or as much of it as has room in a list."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= longest else first[: longest - 3] + "..."


def moment(text: str) -> str:
    """A time of the API, as the clock here shows it."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


def moment_at(milliseconds: int) -> str:
    """A time of the API in milliseconds since 1970, as the clock here shows it."""
    return f"{datetime.fromtimestamp(milliseconds / 1000).astimezone():%Y-%m-%d %H:%M:%S}"


def size_of(count: int) -> str:
    """A number of bytes for people."""
    if count < 2**10:
        return count_of(count, "byte")
    power = min((count.bit_length() - 1) // 10, 5)
    return f"{count / 2 ** (10 * power):,.1f} {'KMGTP'[power - 1]}iB"


def count_of(count: int, thing: str) -> str:
    """A number of things."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


@contextmanager
def progress(name: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar for bytes on their way; what the block gets is told how many more have arrived, by any thread."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        _Speed(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        bar = shown.add_task(_plain(name), total=total)
        yield lambda count: shown.advance(bar, count)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{size_of(int(speed))}/s" if speed else "", style="progress.data.speed")


def _plain_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[list[str]]:
    return [list(columns), *([_plain(cell) for cell in row] for row in rows)]


def _widths(cells: list[list[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*cells, strict=True)]


def _narrow(widths: list[int], flexible: list[int]) -> None:
    """Takes from the widest flexible columns what the terminal has no room for."""
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - out.width
    while excess > 0 and (place := max(flexible, key=widths.__getitem__, default=None)) is not None:
        if widths[place] <= NARROWEST:
            return
        widths[place] -= 1
        excess -= 1


def _print(cells: list[list[str]], widths: list[int]) -> None:
    for number, row in enumerate(cells):
        folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            padded = [part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)]
            line = Text(GAP.join(padded).rstrip(), style="" if number else "bold")
            out.print(line, highlight=False, soft_wrap=True)


def _folded(cell: str, width: int) -> list[str]:
    if cell_len(cell) <= width:
        return [cell]
    return [line.plain.rstrip() for line in Text(cell).wrap(out, width, overflow="fold")]


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
