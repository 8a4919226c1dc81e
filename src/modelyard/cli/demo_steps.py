"""What the demonstration says of its steps."""

from modelyard.cli.output import out


def step(text: str) -> None:
    """What comes now."""
    out.print(f"[bold cyan]==>[/] [bold]{text}[/]", highlight=False)


def done(text: str) -> None:
    """What has come of it."""
    out.print(f"    [green]{text}[/]", highlight=False)
