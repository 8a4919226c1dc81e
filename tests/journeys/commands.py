"""The `modelyard` command as somebody gives it."""

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import msgspec

from modelyard.cli import main
from tests.journeys.running import RunningServer


class Done(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """What it printed, read as JSON."""
        return msgspec.json.decode(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The words of each line below the headings of a table."""
        return [line.split() for line in self.out.splitlines()[1:]]


def environment_of(server: RunningServer, key: str = "") -> dict[str, str]:
    """The variables by which a command finds a server: through its home, or with a key."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "DOMINO_"))}
    return plain | {"MODELYARD_HOME": str(server.home)} | ({"MODELYARD_API_KEY": key} if key else {})


def modelyard(
    server: RunningServer, words: Sequence[str], *, key: str = "", cwd: Path | None = None, stdin: str = ""
) -> Done:
    """Runs one command to its end, in this process: a process for each takes most of a second.

    With a key it speaks as whom the key belongs to, else as the administrator.
    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.dict(os.environ, environment_of(server, key), clear=True),
        mock.patch.object(sys, "argv", ["modelyard", *words]),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


class Somebody:
    """A person at the command line, with an account of that name."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self.server, self.name = server, name
        made = modelyard(server, ["user", "create", name, "--email", f"{name}@example.org"])
        assert made.code == 0, made.err
        self.key = made.out.strip()

    def does(self, *words: str, stdin: str = "", cwd: Path | None = None) -> Done:
        """What a command prints that succeeds."""
        done = modelyard(self.server, words, key=self.key, stdin=stdin, cwd=cwd)
        assert done.code == 0, done.err
        return done

    def is_refused(self, *words: str, stdin: str = "", cwd: Path | None = None) -> str:
        """The sentence with which a command fails."""
        done = modelyard(self.server, words, key=self.key, stdin=stdin, cwd=cwd)
        assert (done.code, done.out) == (1, ""), done.out + done.err
        assert "Traceback" not in done.err
        return " ".join(done.err.split())
