"""What commands print: tables and progress for people, JSON for machines."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

out = Console()
err = Console(stderr=True)


def error(message: str) -> None:
    """One sentence on standard error."""
    err.print(f"[bold red]modelyard:[/] {message}", highlight=False, soft_wrap=True)


def as_json(value: Any) -> None:
    """A value as indented JSON on standard output."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Rows under headings."""
    shown = Table(*columns, title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for row in rows:
        shown.add_row(*row)
    out.print(shown)


def lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings as a log has them: one line each, whole, however wide the terminal is."""
    cells = [columns, *([_plain(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        out.print(line, style=None if number else "bold", markup=False, highlight=False, soft_wrap=True)


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
