"""Draws docs/pictures/demo.svg: what `make demo` prints in a terminal."""

import sys
from pathlib import Path

from rich.console import Console

from modelyard.cli import demo, demo_serving, demo_steps, output

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "demo.svg"


class _Recorded:
    """Standard output of the job's log, on the recorded console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> None:
        self._console.print(text, end="", highlight=False, markup=False)

    def flush(self) -> None:
        """Nothing is held back."""


if __name__ == "__main__":
    console = Console(record=True, width=92, force_terminal=True, file=sys.stdout)
    for module in (demo, demo_serving, demo_steps, output):
        module.out = console
    sys.stdout = _Recorded(console)  # type: ignore[assignment]
    demo.demo(keep=False)
    PICTURE.write_text(console.export_svg(title="make demo"))
