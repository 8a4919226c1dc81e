"""Options and arguments that several commands take."""

from typing import Annotated, Literal, get_args

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

OfProject = Annotated[
    str | None, typer.Option(help="Project, as name or owner/name; your quick-start when left out.")
]
ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="Project, as name or owner/name.")]
AccountName = Annotated[str, typer.Argument(metavar="ACCOUNT", help="A person or an organization, by name.")]

VisibilityName = Literal["Public", "Searchable", "Private"]
RoleName = Literal["contributor", "launcherUser", "resultsConsumer", "projectImporter"]
ROLES = f"{', '.join(get_args(RoleName))}."

Reference = Annotated[
    str | None, typer.Option("--ref", help="branch:NAME, tag:NAME or commit:ID; the default branch when left out.")
]
Credential = Annotated[
    str | None,
    typer.Option(help="Your git credential for it, by name; when left out, your newest for its host."),
]
