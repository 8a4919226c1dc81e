"""`modelyard datasets`: versions compared, brought back, checked and followed; and space that is given back."""

from typing import Annotated

import typer

from modelyard.cli.asking import confirm
from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import dataset_name, find_dataset, find_snapshot
from modelyard.cli.options import DatasetName, Json, OfProject, SnapshotName, Yes
from modelyard.cli.output import as_json, count_of, err, line, moment, say, size_of, table

app = typer.Typer()

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@app.command("diff")
def diff(
    dataset: DatasetName,
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="Snapshot, by number, tag or id; or live.")],
    after: Annotated[
        str, typer.Argument(metavar="AFTER", help="Snapshot to compare it with; the live files when left out.")
    ] = "live",
    limit: Annotated[int, typer.Option(help="How many files to name.", min=0, max=100_000)] = 1000,
    project: OfProject = None,
    json: Json = False,
) -> None:
    """Compare two snapshots, or one with the live files.

    Names the files that were added (+), changed (~) and removed (-), with their sizes.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    url = f"/v4/datasetrw/datasets/{found['id']}/diff"
    with err.status("Comparing ..."):
        reply = server.work("GET", url, before=before, after=after, limit=limit)
    if json:
        as_json(reply)
        return
    for one in reply["files"]:
        sizes = [size_of(one[name]) for name in ("sizeBefore", "sizeAfter") if name in one]
        line(f"{_SIGNS[one['change']]} {one['path']}  ({' -> '.join(sizes)})")
    say(f"{reply['added']:,} added, {reply['changed']:,} changed, {reply['removed']:,} removed.")
    if reply["hasMore"]:
        say(f"Only the first {limit:,} are named; give a larger --limit.")


@app.command("restore")
def restore(dataset: DatasetName, snapshot: SnapshotName, project: OfProject = None, yes: Yes = False) -> None:
    """Make the live files of a dataset those of a snapshot again."""
    server = Server.find()
    found = find_dataset(server, dataset, project)
    wanted = find_snapshot(server, found, snapshot)
    name = f"snapshot {wanted['number']}"
    if not yes:
        confirm(
            f"Make the live files of {dataset_name(found)} those of {name}? What is in no snapshot is lost.",
            f"{dataset_name(found)} was not restored; answer y, or give --yes.",
        )
    with err.status("Restoring ..."):
        path = f"/v4/datasetrw/datasets/{found['id']}/restore"
        usage = server.work("POST", path, snapshot=wanted["id"])
    what = f"{count_of(usage['fileCount'], 'file')}, {size_of(usage['sizeBytes'])}"
    say(f"The live files of {dataset_name(found)} are those of {name}: {what}.")


@app.command("verify")
def verify(dataset: DatasetName, project: OfProject = None, json: Json = False) -> None:
    """Read everything that the snapshots of a dataset hold.

    Names the files that are damaged, and ends with exit status 1 when there are any.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    with err.status(f"Reading the snapshots of {dataset_name(found)} ..."):
        read = server.work("GET", f"/v4/datasetrw/datasets/{found['id']}/verification")
    damaged = read["damaged"]
    if json:
        as_json(read)
    elif damaged:
        rows = (
            [str(one["snapshot"]), one["path"], "and those after it" if one["isList"] else ""] for one in damaged
        )
        table(["#", "DAMAGED FILE", ""], rows, flexible=["DAMAGED FILE"])
    what = f"{count_of(read['snapshots'], 'snapshot')} of {dataset_name(found)} ({size_of(read['bytes'])} read)"
    if damaged:
        raise CommandError(f"Of {what}, {count_of(len(damaged), 'file')} named above cannot be relied on.")
    say(f"Nothing is damaged in {what}.")


@app.command("uses")
def uses(dataset: DatasetName, snapshot: SnapshotName, project: OfProject = None, json: Json = False) -> None:
    """List the jobs that saw a snapshot, newest first."""
    server = Server.find()
    wanted = find_snapshot(server, find_dataset(server, dataset, project), snapshot)
    found = server.get(f"/v4/datasetrw/snapshots/{wanted['id']}/uses")["uses"]
    if json:
        as_json(found)
    else:
        table(["JOB", "SINCE"], ([one["runId"], moment(one["mountedAt"])] for one in found))


@app.command("of-job")
def of_job(job_id: str, json: Json = False) -> None:
    """List what a job saw of datasets.

    With the states in which it found and left live files: two states of one name are the same, byte for byte.
    """
    server = Server.find()
    mounts = server.get(f"/v4/jobs/{job_id}/datasets")["mounts"]
    if json:
        as_json(mounts)
        return
    rows = (
        [
            one["path"],
            "writable" if one["isWritable"] else "read-only",
            one.get("rootBefore", "")[:16],
            one.get("rootAfter", "")[:16],
        ]
        for one in mounts
    )
    table(["PATH", "ACCESS", "FOUND", "LEFT"], rows, flexible=["PATH"])


@app.command("gc")
def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would give.")] = False,
    json: Json = False,
) -> None:
    """Give back the space of what was deleted; for administrators.

    The server does so by itself soon after something was deleted.
    """
    server = Server.find()
    with err.status("Looking for what nobody uses ..."):
        given = server.work("POST", "/v4/datasetrw/collection", dryRun=dry_run)
    if json:
        as_json(given)
        return
    what = f"{count_of(given['snapshots'], 'snapshot')}, {count_of(given['datasets'], 'dataset')}"
    live = size_of(given["liveBytes"])
    space = f"{size_of(given['diskBytes'])} in the store of snapshots, {live} of live files"
    say(f"{'There would be given back' if dry_run else 'Given back'}: {space} ({what}).")
