"""`modelyard backup` and `modelyard restore`."""

from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.connection import CommandError
from modelyard.cli.output import err
from modelyard.settings import BadSettings, Settings, load_settings

Home = Annotated[str | None, typer.Option(help="Home folder.")]


def backup(file: Path, home: Home = None) -> None:
    """Write the whole home to FILE, consistently, while the server runs."""
    from modelyard.backups import BackupError, write_backup  # noqa: PLC0415 - only these commands need it

    settings = _settings(home)
    with err.status(f"Backing up {settings.home_path} ..."):
        try:
            summary = write_backup(settings, file)
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
    err.print(f"[green]Backed up[/] {summary} to {file}", highlight=False, soft_wrap=True)


def restore(file: Path, home: Home = None) -> None:
    """Bring a home back from FILE; the home must be empty and no server may run on it."""
    from modelyard.backups import BackupError, read_backup  # noqa: PLC0415 - only these commands need it

    settings = _settings(home)
    with err.status(f"Restoring {settings.home_path} ..."):
        try:
            summary = read_backup(settings, file)
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
    err.print(f"[green]Restored[/] {summary} to {settings.home_path}", highlight=False, soft_wrap=True)


def _settings(home: str | None) -> Settings:
    try:
        return load_settings(home=home)
    except BadSettings as refusal:
        raise CommandError(str(refusal)) from None
