"""Options and arguments that several commands take."""

from pathlib import Path
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

Output = Annotated[
    Path | None,
    typer.Option(help="Folder to write to; the current one for a file, else one named after what is fetched."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="Dataset, as name, project/name or owner/project/name; an id will do, too."
    ),
]
DatasetPath = Annotated[str, typer.Argument(metavar="PATH", help="A file or folder of the dataset.")]
SnapshotName = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Snapshot, by its number, a tag or its id.")]
OfSnapshot = Annotated[
    str | None,
    typer.Option("--snapshot", help="Snapshot, by its number, a tag or its id; the live files when left out."),
]
