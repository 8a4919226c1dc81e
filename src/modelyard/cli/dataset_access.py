"""`modelyard datasets`: who may use a dataset, where, and how much it may take."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import dataset_name, find_account, find_dataset, find_project, full_name
from modelyard.cli.options import AccountName, DatasetName, OfProject, ProjectName
from modelyard.cli.output import say, size_of
from modelyard.kit.ids import is_id

app = typer.Typer()

_ROLES = {"owner": "DatasetRwOwner", "editor": "DatasetRwEditor", "reader": "DatasetRwReader"}
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}  # fmt: skip
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?) ?([A-Za-z]{0,3})")

With = Annotated[str, typer.Option("--with", metavar="PROJECT", help="The other project, as name or owner/name.")]
Quota = Annotated[
    str, typer.Argument(metavar="BYTES", help="Such as 10GiB or 500MB; none for the server's own quota.")
]


@app.command("grant")
def grant(
    dataset: DatasetName,
    account: AccountName,
    role: Annotated[
        Literal["owner", "editor", "reader"],
        typer.Option(case_sensitive=False, help="Readers read, editors also write, owners also delete and grant."),
    ],
    project: OfProject = None,
) -> None:
    """Give a person or an organization a role on a dataset, or another one."""
    server = Server.find()
    found, who = find_dataset(server, dataset, project), find_account(server, account)
    server.post(_grants(found["id"]), {"targetId": who["id"], "targetRole": _ROLES[role]})
    say(f"{who['userName']} is {role} of {dataset_name(found)}.")


@app.command("revoke")
def revoke(dataset: DatasetName, account: AccountName, project: OfProject = None) -> None:
    """Take the role of a person or an organization on a dataset away."""
    server = Server.find()
    found, who = find_dataset(server, dataset, project), find_account(server, account)
    given = server.get(_grants(found["id"]))["grantDetails"]
    role = next((one["targetRole"] for one in given if one["targetId"] == who["id"]), None)
    if role is None:
        raise CommandError(f"{who['userName']} has no role of its own on {dataset_name(found)}.")
    server.delete(_grants(found["id"]), {"targetId": who["id"], "targetRole": role})
    say(f"{who['userName']} has no role of its own on {dataset_name(found)} any more.")


@app.command("share")
def share(dataset: DatasetName, other: With, project: OfProject = None) -> None:
    """Have another project use a dataset.

    Its jobs see the dataset read-only, when they run for somebody who has a role on it.
    """
    server = Server.find()
    found, user = find_dataset(server, dataset, project), find_project(server, other)
    server.post(_shared(user["id"]), {"datasetId": found["id"]})
    say(f"{full_name(user)} uses {dataset_name(found)}.")


@app.command("unshare")
def unshare(dataset: DatasetName, other: With, project: OfProject = None) -> None:
    """Have another project use a dataset no more."""
    server = Server.find()
    user = find_project(server, other)
    try:
        found = find_dataset(server, dataset, project)
    except CommandError:
        # Whoever has no role on it any more may still want it out of a project.
        if not is_id(dataset):
            raise
        found = {"id": dataset}
    server.delete(f"{_shared(user['id'])}/{found['id']}")
    say(f"{full_name(user)} uses {dataset_name(found) if 'name' in found else dataset} no more.")


@app.command("quota")
def quota(dataset: DatasetName, size: Quota, project: OfProject = None) -> None:
    """Choose what a dataset may take; for administrators.

    It holds for uploads and for taking snapshots; jobs are only told when they go beyond.
    """
    server, limit = Server.find(), _bytes(size)
    found = find_dataset(server, dataset, project)
    server.put(f"/v4/datasetrw/datasets/{found['id']}/quota", {"quotaBytes": limit})
    say(_quota_words(dataset_name(found), limit))


@app.command("project-quota")
def project_quota(project: ProjectName, size: Quota) -> None:
    """Choose what all datasets of a project may take together; for administrators."""
    server, limit = Server.find(), _bytes(size)
    found = find_project(server, project)
    server.put(f"/v4/projects/{found['id']}/datasetQuota", {"quotaBytes": limit})
    say(_quota_words(f"All datasets of {full_name(found)} together", limit))


def role_name(grant: dict[str, Any]) -> str:
    """The role of a grant, as it is given on the command line."""
    return next(name for name, role in _ROLES.items() if role == grant["targetRole"])


def _grants(dataset_id: str) -> str:
    return f"/api/datasetrw/v1/datasets/{dataset_id}/grants"


def _shared(project_id: str) -> str:
    return f"/api/projects/v1/projects/{project_id}/shared-datasets"


def _bytes(text: str) -> int | None:
    """A size that somebody typed, in bytes; None for `none`. Raises CommandError."""
    if text.lower() == "none":
        return None
    match = _SIZE.fullmatch(text)
    if match is None or match[2].upper() not in _UNITS:
        raise CommandError(f"{text}: give a number of bytes such as 10GiB, 500MB or 1000000, or none.")
    return int(Decimal(match[1]) * _UNITS[match[2].upper()])


def _quota_words(whose: str, limit: int | None) -> str:
    if limit is None:
        return f"{whose}: the server's own quota holds."
    return f"{whose}: up to {size_of(limit)}."
