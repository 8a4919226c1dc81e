"""`modelyard datasets`: datasets themselves."""

from typing import Annotated, Any

import typer

from modelyard.cli import dataset_access, dataset_files, dataset_snapshots, dataset_versions
from modelyard.cli.asking import confirm
from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import (
    Found,
    dataset_name,
    datasets,
    find_dataset,
    find_project,
    find_snapshot,
    full_name,
    snapshots,
)
from modelyard.cli.options import DatasetName, Json, OfProject, Yes
from modelyard.cli.output import as_json, brief, count_of, fields, moment, say, size_of, table

app = typer.Typer(no_args_is_help=True, help="Datasets: their files, snapshots, and who may use them.")
app.add_typer(dataset_files.app)
app.add_typer(dataset_snapshots.app)
app.add_typer(dataset_versions.app)
app.add_typer(dataset_access.app)

V1 = "/api/datasetrw/v1/datasets"


@app.command("list")
def list_datasets(
    project: Annotated[
        str | None,
        typer.Option(help="Only those of this project and those that it shares; name or owner/name."),
    ] = None,
    json: Json = False,
) -> None:
    """List the datasets that you have a role on, newest first."""
    server = Server.find()
    found, unseen = (list(datasets(server)), 0) if project is None else _used_by(server, project)
    if json:
        as_json(found)
        return
    rows = (
        [
            dataset_name(one),
            str(len(one["snapshotIds"])),
            ", ".join(sorted(one["tags"])),
            one["id"],
            brief(one["description"]),
        ]
        for one in found
    )
    table(["DATASET", "SNAPSHOTS", "TAGS", "ID", "DESCRIPTION"], rows, flexible=["TAGS", "DESCRIPTION"])
    if unseen:
        say(f"{count_of(unseen, 'shared dataset')} more: you have no role there.")


@app.command("create")
def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name; project/name and owner/project/name will do, too.")
    ],
    project: OfProject = None,
    description: Annotated[str, typer.Option(help="A few words about it.")] = "",
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SNAPSHOT",
            help="What it is to begin with: a snapshot of a dataset of that project, as DATASET@NUMBER or"
            " DATASET@TAG.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make a dataset, empty or from a snapshot.

    Only you have a role on it, until you grant others one.
    """
    server = Server.find()
    place, _, own_name = name.rpartition("/")
    if place and project is not None:
        raise CommandError(f"'{name}' says in which project the dataset is to be; leave --project out.")
    there = find_project(server, place or project)
    body: dict[str, Any] = {"name": own_name, "description": description}
    if source is None:
        body["projectId"] = there["id"]
    else:
        body["snapshotId"] = _source(server, source, there)["id"]
    made = server.post(V1, body)["dataset"]
    if json:
        as_json(made)
    else:
        say(f"Made the dataset {full_name(there)}/{made['name']}: {made['id']}")


@app.command("info")
def info(dataset: DatasetName, project: OfProject = None, json: Json = False) -> None:
    """Show one dataset.

    What it takes and may take, its snapshots and tags, and who has a role on it.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    usage = server.get(f"/v4/datasetrw/datasets/{found['id']}/usage")
    taken = list(snapshots(server, found))
    grants = server.get(f"{V1}/{found['id']}/grants")["grantDetails"]
    if json:
        as_json(found | {"usage": usage, "snapshots": taken, "grants": grants})
        return
    tags = [f"{tag} (snapshot {one['number']})" for one in taken for tag in one["tags"]]
    whole = f"{size_of(usage['projectSizeBytes'])}{_limit(usage.get('projectQuotaBytes'))}"
    fields(
        {
            "Dataset": dataset_name(found),
            "Description": found["description"],
            "Files": f"{usage['fileCount']:,}",
            "Size": f"{size_of(usage['sizeBytes'])}{_limit(usage.get('quotaBytes'))}",
            "All of the project": whole,
            "Snapshots": f"{usage['snapshotCount']:,} ({size_of(usage['snapshotBytes'])})",
            "Tags": ", ".join(tags),
            "Roles": ", ".join(f"{one['targetName']} ({dataset_access.role_name(one)})" for one in grants),
            "Made": moment(found["createdAt"]),
            "Id": found["id"],
        }
    )


@app.command("describe")
def describe(dataset: DatasetName, description: str, project: OfProject = None) -> None:
    """Replace the description of a dataset."""
    server = Server.find()
    found = find_dataset(server, dataset, project)
    server.patch(f"{V1}/{found['id']}", {"description": description})
    say(f"The description of {dataset_name(found)} is replaced.")


@app.command("rename")
def rename(
    dataset: DatasetName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    project: OfProject = None,
) -> None:
    """Rename a dataset.

    Jobs that start from now on find it under the new name.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    renamed = server.patch(f"{V1}/{found['id']}", {"name": name})["dataset"]
    say(f"{dataset_name(found)} is {dataset_name(found | renamed)}.")


@app.command("delete")
def delete(dataset: DatasetName, project: OfProject = None, yes: Yes = False) -> None:
    """Delete a dataset with all its snapshots.

    It cannot be brought back.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    name = dataset_name(found)
    if not yes:
        what = count_of(len(found["snapshotIds"]), "snapshot")
        confirm(
            f"Delete {name} and its {what}? It cannot be brought back.",
            f"{name} was not deleted; answer y, or give --yes.",
        )
    server.delete(f"{V1}/{found['id']}")
    say(f"Deleted {name}.")


def _used_by(server: Server, project: str) -> tuple[list[Found], int]:
    """The datasets of a project and those that it shares, as far as one sees them; how many more it shares."""
    project_id = find_project(server, project)["id"]
    shared = set(
        server.get(f"/api/projects/v1/projects/{project_id}/shared-datasets")["dataset"]["sharedDatasetIds"]
    )
    own = list(datasets(server, projectIdsToInclude=project_id))
    seen = (
        [one for one in datasets(server, projectIdsToExclude=project_id) if one["id"] in shared] if shared else []
    )
    return own + seen, len(shared) - len(seen)


def _source(server: Server, source: str, project: Found) -> Found:
    """The snapshot that a new dataset in a project is to begin with."""
    name, _, version = source.rpartition("@")
    if not name:
        raise CommandError(f"--from {source}: give DATASET@NUMBER or DATASET@TAG.")
    dataset = find_dataset(server, name, None if "/" in name else full_name(project))
    if dataset["projectId"] != project["id"]:
        raise CommandError(
            f"--from {source}: a dataset made from a snapshot is in the same project, {full_name(dataset)}."
        )
    return find_snapshot(server, dataset, version)


def _limit(quota: int | None) -> str:
    return "" if quota is None else f" of {size_of(quota)}"
