"""What a command asks the person for: a confirmation, a secret that must not stand in the command."""

import getpass
import sys
from pathlib import Path

from modelyard.cli.connection import CommandError
from modelyard.cli.output import err


def confirm(question: str, otherwise: str) -> None:
    """Goes on when the answer is yes; else raises CommandError, which says what was not done."""
    err.print(f"{question} [y/N] ", end="", markup=False, highlight=False, soft_wrap=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError(otherwise)


def secret(name: str, option: str, file: str | None) -> str:
    """A secret, without line ends behind it: from a file, from standard input (`-`), else asked for unseen.

    Raises CommandError for what cannot be read or is empty.
    """
    text = (_asked(name, option) if file is None else file_text(file, option)).rstrip("\r\n")
    if not text:
        raise CommandError(f"The {name} is empty.")
    return text


def file_text(file: str, option: str) -> str:
    """The text of a file, or of standard input for `-`; raises CommandError."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).expanduser().read_text()
    except OSError as error:
        raise CommandError(f"{option} {file}: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{option} {file}: this is not a text file.") from None


def _asked(name: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise CommandError(
            f"There is no terminal to ask for the {name}; give {option} FILE, or - to read it here."
        )
    try:
        return getpass.getpass(f"{name[0].upper()}{name[1:]}: ", sys.stderr)
    except EOFError:
        raise CommandError(f"No {name} was given.") from None
