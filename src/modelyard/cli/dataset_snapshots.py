"""`modelyard datasets`: snapshots and their tags."""

import time
from typing import Annotated

import typer

from modelyard.cli.asking import confirm
from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import Found, dataset_name, find_dataset, find_snapshot, snapshots
from modelyard.cli.options import DatasetName, Json, OfProject, SnapshotName, Yes
from modelyard.cli.output import as_json, brief, count_of, err, moment, say, size_of, table

app = typer.Typer()

FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0
_UNDER_WAY = {"pending", "copying"}

TagName = Annotated[str, typer.Argument(metavar="TAG", help="A name for one snapshot of the dataset.")]


@app.command("snapshot")
def snapshot(
    dataset: DatasetName,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files and folders of it; all when left out.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="A tag that points at it.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is taken.")] = True,
    project: OfProject = None,
    json: Json = False,
) -> None:
    """Take a snapshot of the live files of a dataset.

    It is a state that nothing changes any more.
    """
    if tag and not wait:
        raise CommandError("--tag is for a snapshot that is taken; leave --no-wait out.")
    server = Server.find()
    found = find_dataset(server, dataset, project)
    path = f"/api/datasetrw/v1/datasets/{found['id']}"
    snapshot_id = server.work("POST", f"{path}/snapshots", {"relativeFilePaths": paths or []})["snapshot"]["id"]
    taken = _taken(server, found, snapshot_id, wait=wait)
    if tag:
        server.post(f"{path}/tags", {"tagName": tag, "snapshotId": snapshot_id})
        taken = taken | {"tags": [tag]}
    if json:
        as_json(taken)
        return
    name = f"Snapshot {taken['number']} of {dataset_name(found)}"
    if taken["status"] in _UNDER_WAY:
        say(f"{name} is {taken['status']}.")
        return
    say(
        f"{name}{f', {tag},' if tag else ''} is taken: {count_of(taken['fileCount'], 'file')},"
        f" {size_of(taken['sizeBytes'])}."
    )
    if "problem" in taken:
        say(taken["problem"])


@app.command("snapshots")
def list_snapshots(dataset: DatasetName, project: OfProject = None, json: Json = False) -> None:
    """List the snapshots of a dataset, newest first."""
    server = Server.find()
    found = list(snapshots(server, find_dataset(server, dataset, project)))
    if json:
        as_json(found)
        return
    table(
        ["#", "STATUS", "TAGS", "TAKEN", "FILES", "SIZE", "ABOUT"],
        (
            [
                str(one["number"]),
                one["status"],
                ", ".join(one["tags"]),
                moment(one["createdAt"]),
                f"{one['fileCount']:,}" if "fileCount" in one else "",
                size_of(one["sizeBytes"]) if "sizeBytes" in one else "",
                brief(_about(one)),
            ]
            for one in found
        ),
        flexible=["TAGS", "ABOUT"],
    )


@app.command("tag")
def tag(dataset: DatasetName, snapshot: SnapshotName, tag: TagName, project: OfProject = None) -> None:
    """Point a tag at a snapshot.

    A tag points at one snapshot; from another one it moves away.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    wanted = find_snapshot(server, found, snapshot)
    server.post(f"/api/datasetrw/v1/datasets/{found['id']}/tags", {"tagName": tag, "snapshotId": wanted["id"]})
    say(f"{tag} is snapshot {wanted['number']} of {dataset_name(found)}.")


@app.command("untag")
def untag(dataset: DatasetName, tag: TagName, project: OfProject = None) -> None:
    """Remove a tag; the snapshot stays."""
    server = Server.find()
    found = find_dataset(server, dataset, project)
    if tag not in found["tags"]:
        raise CommandError(f"{dataset_name(found)} has no tag {tag}.")
    server.delete(f"/api/datasetrw/v1/datasets/{found['id']}/tags/{tag}")
    say(f"{dataset_name(found)} has no tag {tag} any more.")


@app.command("delete-snapshot")
def delete_snapshot(
    dataset: DatasetName, snapshot: SnapshotName, project: OfProject = None, yes: Yes = False
) -> None:
    """Delete a snapshot.

    It cannot be brought back. Its space is given back when no job uses it any more.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    wanted = find_snapshot(server, found, snapshot)
    name = f"snapshot {wanted['number']} of {dataset_name(found)}"
    if not yes:
        tags = f" ({', '.join(wanted['tags'])})" if wanted["tags"] else ""
        confirm(
            f"Delete {name}{tags}? It cannot be brought back.",
            f"{name.capitalize()} was not deleted; answer y, or give --yes.",
        )
    server.delete(f"/v4/datasetrw/snapshots/{wanted['id']}")
    say(f"Deleted {name}.")


def _taken(server: Server, dataset: Found, snapshot_id: str, *, wait: bool) -> Found:
    """A new snapshot, when it is taken if that is waited for; raises CommandError when that fails."""
    path, pause = f"/v4/datasetrw/snapshots/{snapshot_id}", FIRST_WAIT
    taken: Found = server.get(path)
    with err.status(f"Taking snapshot {taken['number']} of {dataset_name(dataset)} ..."):
        while wait and taken["status"] in _UNDER_WAY:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_WAIT)
            taken = server.get(path)
    if taken["status"] not in {"active", *_UNDER_WAY}:
        name = f"Snapshot {taken['number']} of {dataset_name(dataset)}"
        raise CommandError(f"{name} is {taken['status']}: {taken.get('problem', 'somebody deleted it.')}")
    return taken


def _about(snapshot: Found) -> str:
    paths = ", ".join(snapshot["relativeFilePaths"])
    about = [snapshot.get("problem", ""), f"only {paths}" if paths else "", snapshot["description"]]
    return "; ".join(filter(None, about))
