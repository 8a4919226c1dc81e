"""From the names that people type to what the server has; each raises CommandError for what is not there."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from modelyard.cli.connection import CommandError, Refused, Server
from modelyard.kit.ids import is_id

Found = dict[str, Any]

MODEL_APIS = "/api/modelServing/v1/modelApis"

_REFERENCES = {"branch": "Branch", "tag": "Tag", "commit": "Commit"}


def myself(server: Server) -> Found:
    """The account that the key belongs to."""
    found: Found = server.get("/api/users/v1/self")["user"]
    return found


def find_account(server: Server, name: str) -> Found:
    """A person or an organization by name."""
    return _one(server.get("/v4/users"), name, "account", key="userName")


def account_names(server: Server) -> dict[str, str]:
    """The name of every account by its id."""
    return {account["id"]: account["userName"] for account in server.get("/v4/users")}


def find_organization(server: Server, name: str) -> Found:
    """An organization by name, with its members."""
    missing = CommandError(f"There is no organization {name}, or you are not a member of it.")
    account = next((one for one in server.get("/v4/users") if _same(one["userName"], name)), None)
    if account is None:
        raise missing
    try:
        found: Found = server.get(f"/api/organizations/v1/organizations/{account['id']}")["org"]
    except Refused as refusal:
        if refusal.status == 404:
            raise missing from None
        raise
    return found


def find_project(server: Server, name: str | None) -> Found:
    """A project by `owner/name`, or by name among one's own; without a name one's quick-start."""
    owner, project = _owner_and_name(server, "quick-start" if name is None else name)
    path = "/v4/gateway/projects/findProjectByOwnerAndName"
    try:
        found: Found = server.get(path, ownerName=owner, projectName=project)
    except Refused as refusal:
        if name is None and refusal.status == 404:
            raise CommandError("You have no project quick-start any more; name one with --project.") from None
        raise
    return found


def find_environment(server: Server, wanted: str) -> Found:
    """An environment by name or id."""
    listed = server.pages("/api/environments/beta/environments", "environments")
    return _one(listed, wanted, "environment", show=True)


def find_credential(server: Server, wanted: str) -> Found:
    """One's own git credential by name or id."""
    return _one(credentials(server), wanted, "git credential", show=True)


def credentials(server: Server) -> list[Found]:
    """All of one's own git credentials."""
    found: list[Found] = server.get(f"/api/users/beta/credentials/{myself(server)['id']}")["credentials"]
    return found


def find_repository(server: Server, project_id: str, wanted: str) -> Found:
    """A git repository of a project by name or id."""
    return _one(repositories(server, project_id), wanted, "git repository", show=True)


def repositories(server: Server, project_id: str) -> list[Found]:
    """The git repositories of a project, the main one first; `isMain` says which it is."""
    path = f"/api/projects/v1/projects/{project_id}"
    main = server.get(path)["project"].get("mainRepository")
    imported = server.pages(f"{path}/repositories", "repositories")
    return [*([main | {"isMain": True}] if main else []), *(one | {"isMain": False} for one in imported)]


def find_dataset(server: Server, wanted: str, project: str | None = None) -> Found:
    """A dataset with its project: by id, or by name in `project` (else the quick-start) or behind its own."""
    place, _, name = wanted.rpartition("/")
    if place and project is not None:
        raise CommandError(f"'{wanted}' says in which project the dataset is; leave --project out.")
    if not place and is_id(name) and (found := _dataset_with_id(server, name)):
        return found
    owner, in_project = _owner_and_name(server, project if project is not None else place or "quick-start")
    place = f"{owner}/{in_project}"
    among = [one for one in _datasets_there(server, place) if _same(project_of(one), place)]
    return _one(among, name, "dataset", where=f" in {place} that you have a role on", show=True)


def datasets(server: Server, **which: Any) -> Iterator[Found]:
    """Datasets that one has a role on, newest first, each with its project."""
    for one in server.pages("/api/datasetrw/v2/datasets", "datasets", includeProjectInfo=True, **which):
        yield one["dataset"] | one["projectInfo"]


def project_of(dataset: Found) -> str:
    """The project of a dataset as owner/name."""
    return f"{dataset['projectOwnerUsername']}/{dataset['projectName']}"


def dataset_name(dataset: Found) -> str:
    """A dataset as owner/project/name."""
    return f"{project_of(dataset)}/{dataset['name']}"


def snapshots(server: Server, dataset: Found) -> Iterator[Found]:
    """The snapshots of a dataset that are not deleted, newest first."""
    return server.pages(f"/v4/datasetrw/datasets/{dataset['id']}/snapshots", "snapshots")


def find_snapshot(server: Server, dataset: Found, wanted: str) -> Found:
    """A snapshot of a dataset by its number, a tag or its id."""
    for one in snapshots(server, dataset):
        if wanted in {one["id"], str(one["number"]), *one["tags"]}:
            return one
    raise CommandError(f"{dataset_name(dataset)} has no snapshot with the number, tag or id {wanted}.")


def _datasets_there(server: Server, project: str) -> Iterator[Found]:
    """The datasets of a project; all that one has a role on when one does not even see their project."""
    try:
        return datasets(server, projectIdsToInclude=find_project(server, project)["id"])
    except Refused as refusal:
        if refusal.status not in {403, 404}:
            raise
        return datasets(server)


def _dataset_with_id(server: Server, dataset_id: str) -> Found | None:
    try:
        found = server.get(f"/api/datasetrw/v1/datasets/{dataset_id}")["dataset"]
    except Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    there = datasets(server, projectIdsToInclude=found["projectId"], includeArchivedProjects=True)
    return next((one for one in there if one["id"] == dataset_id), None)


def model_apis(server: Server, name: str, project_id: str | None = None) -> list[Found]:
    """The model APIs of this name, whatever its case, that one may see; of one project if it is given."""
    asked = {"name": f"^{re.escape(name)}$", "projectId": project_id}
    return [one for one in server.pages(MODEL_APIS, "items", **asked) if _same(one["name"], name)]


def find_model_api(server: Server, wanted: str, project: str | None = None) -> Found:
    """A model API by id or name, of one project if it is given."""
    if is_id(wanted):
        try:
            found: Found = server.get(f"{MODEL_APIS}/{wanted}")
        except Refused as refusal:
            if refusal.status != 404:
                raise
        else:
            return found
    project_id = find_project(server, project)["id"] if project is not None else None
    return _one(model_apis(server, wanted, project_id), wanted, "model API", where=" that you may see")


def api_versions(server: Server, model_api: Found) -> list[Found]:
    """The versions of a model API, newest first."""
    found: list[Found] = server.get(f"{MODEL_APIS}/{model_api['id']}/versions")
    return found


def find_api_version(server: Server, model_api: Found, number: int | None) -> Found:
    """A version of a model API by its number; the newest without one."""
    versions = api_versions(server, model_api)
    found = [one for one in versions if number in {None, one["number"]}]
    if not found:
        known = ", ".join(str(one["number"]) for one in reversed(versions))
        raise CommandError(f"The model API {model_api['name']} has no version {number}; there are: {known}.")
    return found[0]


def reference(text: str | None) -> Found | None:
    """What `branch:NAME`, `tag:NAME` or `commit:ID` names in a git repository."""
    if text is None:
        return None
    kind, _, value = text.partition(":")
    if kind.lower() not in _REFERENCES or not value:
        raise CommandError(f"--ref {text}: give branch:NAME, tag:NAME or commit:ID.")
    return {"refType": _REFERENCES[kind.lower()], "value": value}


def ref_words(repository: Found) -> str:
    """The default reference of a git repository, as `reference` takes it."""
    ref = repository["defaultRef"]
    return f"{ref['refType'].lower()}:{ref['value']}" if ref.get("value") else "default branch"


def full_name(project: Found) -> str:
    """A project as owner/name."""
    return f"{project['ownerUsername']}/{project['name']}"


def _owner_and_name(server: Server, name: str) -> tuple[str, str]:
    owner, _, project = name.rpartition("/")
    if not project:
        raise CommandError(f"'{name}' names no project; give name or owner/name.")
    return owner or myself(server)["userName"], project


def _one(
    entries: Iterable[Found], wanted: str, kind: str, *, key: str = "name", where: str = "", show: bool = False
) -> Found:
    """The entry with this id, or the only one with this name; `show` tells which there are if there is none."""
    known = list(entries)
    found = [one for one in known if one["id"] == wanted] or [one for one in known if _same(one[key], wanted)]
    if len(found) > 1:
        ids = ", ".join(one["id"] for one in found)
        raise CommandError(f"There is more than one {kind} named {wanted}; give one of the ids {ids}.")
    if found:
        return found[0]
    names = ", ".join(dict.fromkeys(one[key] for one in known))
    raise CommandError(
        f"There is no {kind} {wanted}{where}" + (f"; there are: {names}." if show and names else ".")
    )


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
