"""`modelyard doctor`: what this machine offers, what is isolated and what is not."""

import shutil
import sys
from typing import Annotated

import typer

from modelyard.cli.output import out
from modelyard.engines.compute.machine import machine
from modelyard.engines.compute.sandbox import isolation_report
from modelyard.git_hosting import check_git_settings
from modelyard.mailing import check_mail_settings
from modelyard.settings import BadSettings, load_settings

_PROGRAMS = {
    "git": "jobs cannot fetch git repositories.",
    "ssh": "git repositories are reached over https only.",
}


def doctor(home: Annotated[str | None, typer.Option(help="Home folder to look at.")] = None) -> None:
    """Look at this machine and say what works, what is missing and what is not isolated."""
    problems = 0
    try:
        settings = load_settings(home=home)
        check_git_settings(settings)
        check_mail_settings(settings)
        _good(f"Settings are valid; the home is {settings.home_path}.")
    except BadSettings as wrong:
        _bad(f"Settings: {wrong}")
        raise typer.Exit(1) from None
    here = machine()
    _good(f"Python {sys.version.split()[0]} on {sys.platform}.")
    gpus = f", {here.gpus} GPUs" if here.gpus else ", no GPU"
    _good(f"{here.cores} cores, {here.memory_bytes / 2**30:.1f} GiB of memory{gpus}.")
    place = settings.home_path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    (_good if free > 2 * 2**30 else _bad)(f"{free / 2**30:.1f} GiB free where the home is.")
    problems += free <= 2 * 2**30
    for program, without in _PROGRAMS.items():
        found = shutil.which(program)
        (_good if found else _warn)(
            f"{program} is {found}." if found else f"{program} is not installed: {without}"
        )
    report = isolation_report(settings.job_isolation, settings.job_network)
    (_good if report.isolated else _warn)(report.summary)
    for sentence in report.details:
        out.print(f"    {sentence}", highlight=False)
    raise typer.Exit(1 if problems else 0)


def _good(message: str) -> None:
    out.print(f"[green]ok[/]    {message}", highlight=False)


def _warn(message: str) -> None:
    out.print(f"[yellow]note[/]  {message}", highlight=False)


def _bad(message: str) -> None:
    out.print(f"[red]bad[/]   {message}", highlight=False)
