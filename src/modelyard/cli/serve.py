"""`modelyard serve`."""

import asyncio
from typing import Annotated

import typer

from modelyard.cli.connection import CommandError
from modelyard.cli.output import err
from modelyard.kit.logging import configure_logging
from modelyard.settings import BadSettings, load_settings


def serve(
    home: Annotated[str | None, typer.Option(help="Folder of everything the platform keeps.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
) -> None:
    """Start the platform and keep it running until Ctrl-C or SIGTERM."""
    # Only this command needs them.
    from modelyard.git_hosting import check_git_settings  # noqa: PLC0415
    from modelyard.mailing import check_mail_settings  # noqa: PLC0415
    from modelyard.supervisor import CannotStart, supervise  # noqa: PLC0415

    try:
        settings = load_settings(home=home, host=host, port=port)
        check_git_settings(settings)
        check_mail_settings(settings)
        configure_logging("supervisor", level="warning", style=settings.log_format)
        asyncio.run(supervise(settings, lambda url: _announce(url, str(settings.home_path))))
    except (BadSettings, CannotStart) as refusal:
        raise CommandError(str(refusal)) from None


def _announce(url: str, home: str) -> None:
    err.print(f"[bold green]Modelyard is ready[/] at [bold]{url}[/]", highlight=False)
    err.print(f"  API description  {url}/docs", highlight=False)
    err.print(f"  administrator    admin, key in {home}/admin-api-key", highlight=False, soft_wrap=True)
    err.print(f"  logs             {home}/logs", highlight=False, soft_wrap=True)
