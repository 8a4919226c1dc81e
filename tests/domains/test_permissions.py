"""Who may do what in a project: every operation, by every role, at every visibility, given to a person or through
an organization."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelyard.app import OPERATIONS
from modelyard.domains.users import ProjectRole, Right, Visibility, project_rights
from tests.client import Modelyard, Person
from tests.contract.validation import contract
from tests.domains.experiments.tracking import run
from tests.domains.projects.conftest import make, tar, upload
from tests.domains.registered_models.jobs import registers
from tests.domains.registered_models.jobs import speaker as speaker_of
from tests.domains.registered_models.runs import new_run, put_file
from tests.domains.running import as_

Request = tuple[str, str, dict[str, Any]]
ROLES: list[ProjectRole | None] = [*ProjectRole, None]
V1 = "/api/projects/v1/projects"
BETA = "/api/projects/beta/projects"
JOBS = "/api/jobs/v1/jobs"
MODEL = "/api/registeredmodels/v1/m"
STAGES = "/api/registeredmodels/v1/versionstages/{w.project}"
BY_JOB = "/api/registeredmodels/v1/by-job/versions/1"

BY_ID = {str(handler.operation_id): handler for handler in OPERATIONS}
IN_PROJECTS = sorted(
    name for name, one in BY_ID.items() if (guard := one.opt["guard"]) and guard.scope == "project"
)

_numbers = itertools.count()


class World:
    """A project with something of everything, and a person for every role."""

    def __init__(self, modelyard: Modelyard, admin: Person, owner: Person) -> None:
        self.modelyard, self.admin, self.owner = modelyard, admin, owner
        self.people: dict[ProjectRole | None, Person] = {}
        self.visibility = Visibility.PRIVATE
        self.project = self.name = self.job = self.commit = self.key = self.organization = self.environment = ""
        self.run = self.reproduction = ""

    async def fill(self, visibility: Visibility, *, through_organizations: bool) -> None:
        """Makes the project, gives the roles, and puts something of everything into it."""
        self.visibility = visibility
        self.environment = await as_(self.admin).plain_python()
        for role in ROLES:
            self.people[role] = await self.modelyard.person(f"a-{role or 'nobody'}")
        self.people[ProjectRole.OWNER] = self.owner
        owner_id = await self._account(self.owner, through_organizations)
        made = await self.owner.post("/v4/projects", {"name": "p", "visibility": visibility, "ownerId": owner_id})
        self.project, self.name = made["id"], f"{made['ownerUsername']}/p"
        for role, person in self.people.items():
            if role not in {None, ProjectRole.OWNER}:
                account = await self._account(person, through_organizations)
                await self.owner.post(f"{V1}/{self.project}/collaborators", {"id": account, "role": role})
        self.commit = (await upload(self.owner, self.name, "main.py", b"print()"))["commitId"]
        listed = await self.owner.get(f"/v1/projects/{self.name}/files/{self.commit}//")
        self.key = next(file["key"] for file in listed["data"] if file["path"] == "main.py")
        self.job = await self.new_job()
        self.run = await self.new_registered_run()
        self.reproduction = await self.new_reproduction()

    @property
    def owner_name(self) -> str:
        """The name of the account that owns the project."""
        return self.name.partition("/")[0]

    async def _account(self, person: Person, through_organizations: bool) -> str:
        if not through_organizations:
            return person.id
        body = {"name": f"of-{person.name}", "members": []}
        return str((await person.post("/api/organizations/v1/organizations", body))["org"]["id"])

    async def waiting_job(self) -> str:
        """A job that nobody runs."""
        body = {"projectId": self.project, "runCommand": "true", "environmentId": self.environment}
        return str((await self.admin.post(JOBS, body))["job"]["id"])

    async def new_job(self) -> str:
        """A finished job."""
        job = await self.waiting_job()
        await self.modelyard.db.execute("UPDATE jobs SET status = 'Succeeded' WHERE id = $1", job)
        await self.modelyard.db.execute("DELETE FROM work WHERE subject_id = $1", job)
        return job

    async def new_registered_run(self) -> str:
        """A run of which the first version of the model `m` is made."""
        project = {"id": self.project}
        run = await new_run(self.admin, project)
        await put_file(self.admin, run, "forest/MLmodel")
        tags = [{"key": "modelyard.project", "value": self.project}]
        await self.admin.post("/api/2.0/mlflow/registered-models/create", {"name": "m", "tags": tags})
        body = {"description": "", "experimentRunId": run, "artifact": "forest"}
        await self.admin.post(f"{MODEL}/versions", body)
        return run

    async def new_reproduction(self) -> str:
        """A job that does again what made the first version of the model `by-job`."""
        job = await self.new_job()
        await self.modelyard.db.execute("UPDATE jobs SET status = 'Succeeded' WHERE id = $1", job)
        speaker = await speaker_of(self.owner, {"id": job})
        run_id = await run(speaker, "0")
        await registers(speaker, "by-job", f"runs:/{run_id}/model", run_id)
        started = (await self.admin.post(f"{BY_JOB}/reproductions"))["jobId"]
        await self.modelyard.db.execute("DELETE FROM work WHERE subject_id = $1", started)
        return str(started)

    async def new_goal(self) -> str:
        """A goal of the project."""
        reply = await self.admin.post(f"{V1}/{self.project}/goals", {"title": "goal"})
        return str(reply["goal"]["id"])

    async def new_tag(self) -> str:
        """A tag of the project."""
        name = f"tag-{next(_numbers)}"
        (tag,) = await self.admin.post(f"/v4/projects/{self.project}/tags", {"tagNames": [name]})
        return str(tag["id"])

    async def new_job_tag(self) -> str:
        """A tag of the job."""
        body = {"projectId": self.project, "tagName": f"tag-{next(_numbers)}"}
        return str((await self.admin.post(f"{JOBS}/{self.job}/tags", body))["tag"]["id"])

    async def new_repository(self) -> str:
        """An imported repository."""
        body = {"uri": f"https://git.example.org/r{next(_numbers)}.git"}
        reply = await self.admin.post(f"{V1}/{self.project}/repositories", body)
        return str(reply["repository"]["id"])

    async def new_credential(self, person: Person) -> str:
        """A git credential of a person."""
        body = {"name": "c", "gitServiceProvider": "Unknown", "domain": "git.example.org", "token": "t"}
        reply = await person.post(f"/v4/accounts/{person.id}/gitcredentials", body)
        return str(reply["credential"]["id"])

    async def new_collaborator(self) -> str:
        """Somebody with a role in the project."""
        person = await self.modelyard.person(f"extra-{next(_numbers)}")
        body = {"id": person.id, "role": "resultsConsumer"}
        await self.admin.post(f"{V1}/{self.project}/collaborators", body)
        return person.id

    async def readable_dataset(self, person: Person) -> str:
        """A dataset of another project that a person may read, unless it is a stranger."""
        project = (await make(self.admin, _named("data")))["id"]
        grants = [{"targetId": person.id, "targetRole": "DatasetRwReader"}] if person.id else []
        body = {"projectId": project, "name": "d", "grants": grants}
        return str((await self.admin.post("/api/datasetrw/v1/datasets", body))["dataset"]["id"])

    async def twin(self) -> str:
        """Another project with the same people and visibility, to be archived."""
        db, name = self.modelyard.db, f"twin-{next(_numbers)}"
        twin = (await make(self.owner, name, self.visibility))["id"]
        await db.execute(
            "UPDATE projects SET owner_id = (SELECT owner_id FROM projects WHERE id = $1) WHERE id = $2",
            self.project,
            twin,
        )
        await db.execute(
            "INSERT INTO project_collaborators (project_id, account_id, role)"
            " SELECT $2, account_id, role FROM project_collaborators WHERE project_id = $1",
            self.project,
            twin,
        )
        return str(twin)


Build = Callable[[World, Person], Awaitable[Request]]
REQUESTS: dict[str, Build] = {}


def fixed(operation_id: str, method: str, path: str, **options: Any) -> None:
    """An operation whose request is the same for everybody; `{...}` names what the world has."""

    async def build(world: World, _: Person) -> Request:
        return method, path.format(w=world), {key: _filled(value, world) for key, value in options.items()}

    REQUESTS[operation_id] = build


def fresh(operation_id: str) -> Callable[[Build], Build]:
    """An operation that needs something new each time."""

    def note(build: Build) -> Build:
        REQUESTS[operation_id] = build
        return build

    return note


def _filled(value: Any, world: World) -> Any:
    if isinstance(value, str):
        return value.format(w=world)
    if isinstance(value, dict):
        return {name: _filled(one, world) for name, one in value.items()}
    return value


def _named(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


fixed("archiveJob", "POST", "/v4/jobs/{w.job}/archive")
fixed("unarchiveJob", "POST", "/v4/jobs/{w.job}/unarchive")
fixed("browseFiles", "GET", "/v4/projects/{w.project}/files")
fixed("changeDescription", "PUT", "/v4/projects/{w.project}/description", json={"description": "d"})
fixed(
    "changeVisibility", "PUT", "/v4/projects/{w.project}/visibility", json={"visibility": "{w.visibility.value}"}
)
fixed("findProjectByOwnerAndName", "GET", "/v4/gateway/projects/findProjectByOwnerAndName",
      params={"ownerName": "{w.owner_name}", "projectName": "p"})  # fmt: skip
fixed("getBlob", "GET", "/v1/projects/{w.name}/blobs/{w.key}")
fixed("downloadArchive", "GET", "/v4/projects/{w.project}/archive")
fixed("getFileHistory", "GET", "/v4/projects/{w.project}/files/history", params={"path": "main.py"})
fixed("getImportedRepos", "GET", V1 + "/{w.project}/repositories")
fixed("getJob", "GET", "/v4/jobs/{w.job}")
fixed("getJobDetails", "GET", "/api/jobs/beta/jobs/{w.job}")
fixed("getJobLogs", "GET", "/api/jobs/beta/jobs/{w.job}/logs")
fixed("getJobs", "GET", "/api/jobs/beta/jobs", params={"projectId": "{w.project}"})
fixed("getLinkedGoalsForJob", "GET", "/api/jobs/v1/goals", params={"jobId": "{w.job}"})
fixed("getProjectById", "GET", V1 + "/{w.project}")
fixed("getProjectFileContents", "GET", V1 + "/{w.project}/files/{w.commit}/main.py/content")
fixed("getProjectFileContentsDeprecated", "GET", BETA + "/{w.project}/files/{w.commit}/main.py/content")
fixed("getProjectGoals", "GET", V1 + "/{w.project}/goals")
fixed("getProjectResultSettings", "GET", BETA + "/{w.project}/results-settings")
fixed("getRun", "GET", "/v1/projects/{w.name}/runs/{w.job}")
fixed("getRunDefaults", "GET", "/v4/projects/{w.project}/settings")
fixed("getRunOutput", "GET", "/v1/projects/{w.name}/run/{w.job}/stdout")
fixed("getRuntimeExecutionDetails", "GET", "/v4/jobs/{w.job}/runtimeExecutionDetails")
fixed("listCollaborators", "GET", "/{w.name}/collaborators")
fixed("listCommits", "GET", "/v1/projects/{w.name}/commits")
fixed("listFiles", "GET", "/v1/projects/{w.name}/files/{w.commit}")
fixed("listFolderFiles", "GET", "/v1/projects/{w.name}/files/{w.commit}//")
fixed("listJobs", "GET", "/v4/jobs", params={"projectId": "{w.project}"})
fixed("listProjectSharedDatasets", "GET", V1 + "/{w.project}/shared-datasets")
fixed("listJobDatasets", "GET", "/v4/jobs/{w.job}/datasets")
fixed("setProjectDatasetQuota", "PUT", "/v4/projects/{w.project}/datasetQuota", json={"quotaBytes": 1})
fixed("listProjectTiers", "GET", "/v4/projects/{w.project}/hardwareTiers")
fixed("listRuns", "GET", "/v1/projects/{w.name}/runs")
fixed("listUseableEnvironments", "GET", "/v4/projects/{w.project}/useableEnvironments")
fixed("readProject", "GET", "/v4/projects/{w.project}")
fixed("replaceRunDefaults", "PUT", "/v4/projects/{w.project}/settings",
      json={"defaultEnvironmentId": "{w.environment}"})  # fmt: skip
fixed("restartJob", "POST", "/v4/jobs/restart", json={"jobId": "{w.job}"})
fixed("startJob", "POST", JOBS,
      json={"projectId": "{w.project}", "runCommand": "true", "environmentId": "{w.environment}"})  # fmt: skip
fixed("startPrivateJob", "POST", "/v4/jobs/start", json={"projectId": "{w.project}", "commandToRun": "true"})
fixed("startRun", "POST", "/v1/projects/{w.name}/runs", json={"command": ["true"]})
fixed("updateProjectResultSettings", "PUT", BETA + "/{w.project}/results-settings", json={"branch": "main"})
fixed("updateProjectStatus", "PUT", V1 + "/{w.project}/status", json={"status": "active", "isBlocked": False})
fixed("uploadFile", "PUT", "/v1/projects/{w.name}/notes.txt", content=b"words")
fixed("getRegisteredModelByName", "GET", MODEL)
fixed("patchRegisteredModelByName", "PATCH", MODEL, json={"description": "d"})
fixed("getModelApisFromRegisteredModel", "GET", f"{MODEL}/modelapis")
fixed("getRegisteredModelVersions", "GET", f"{MODEL}/versions")
fixed("createRegisteredModelVersionFromRun", "POST", f"{MODEL}/versions",
      json={"description": "", "experimentRunId": "{w.run}", "artifact": "forest"})  # fmt: skip
fixed("getRegisteredModelVersion", "GET", f"{MODEL}/versions/1")
fixed("getModelApisFromRegisteredModelVersion", "GET", f"{MODEL}/versions/1/modelapis")
fixed("updateRegisteredModelVersion", "PATCH", f"{MODEL}/versions/1", json={"description": "d"})
fixed("getReviewableModelVersionStages", "GET", f"{MODEL}/versions/1/stages")
fixed("validateModelVersionStageTransition", "POST", f"{MODEL}/versions/1/stages/validate",
      json={"targetStage": "Staging"})  # fmt: skip
fixed("getProjectModelVersionStages", "GET", STAGES)
fixed("getModelVersionLineage", "GET", f"{BY_JOB}/lineage")
fixed("reproduceModelVersion", "POST", f"{BY_JOB}/reproductions")
fixed("getModelVersionReproduction", "GET", BY_JOB + "/reproductions/{w.reproduction}")
fixed("listModels", "GET", "/v1/projects/{w.name}/models")
fixed("getEndpointState", "GET", "/v1/{w.name}/endpoint/state")
fixed("publishEndpoint", "POST", "/v1/{w.name}/endpoint/publishRelease",
      json={"bindingDefinition": {"file": "main.py", "function": "predict"}})  # fmt: skip
fixed("commitArchive", "POST", "/v4/projects/{w.project}/commits", content=tar(("a.txt", b"a")))


@fresh("stopJob")
async def _stop(world: World, _: Person) -> Request:
    return "POST", "/v4/jobs/stop", {"json": {"projectId": world.project, "jobId": await world.waiting_job()}}


@fresh("archiveProject")
async def _archive(world: World, _: Person) -> Request:
    return "DELETE", f"{BETA}/{await world.twin()}", {}


@fresh("removeProject")
async def _remove(world: World, _: Person) -> Request:
    return "DELETE", f"/v4/projects/{await world.twin()}", {}


@fresh("addGoalToProject")
async def _add_goal(world: World, _: Person) -> Request:
    return "POST", f"{V1}/{world.project}/goals", {"json": {"title": "t"}}


@fresh("updateProjectGoal")
async def _update_goal(world: World, _: Person) -> Request:
    return "PATCH", f"{V1}/{world.project}/goals/{await world.new_goal()}", {"json": {"isComplete": True}}


@fresh("deleteProjectGoal")
async def _delete_goal(world: World, _: Person) -> Request:
    return "DELETE", f"{V1}/{world.project}/goals/{await world.new_goal()}", {}


@fresh("linkJobToGoal")
async def _link_goal(world: World, _: Person) -> Request:
    options = {"params": {"jobId": world.job}, "json": {"goalId": await world.new_goal()}}
    return "POST", "/api/jobs/v1/goals", options


@fresh("unlinkJobFromGoal")
async def _unlink_goal(world: World, person: Person) -> Request:
    _, path, options = await _link_goal(world, person)
    await world.admin.request("POST", path, **options)
    return "DELETE", f"{path}/{options['json']['goalId']}", {"params": options["params"]}


@fresh("addJobTag")
async def _add_job_tag(world: World, _: Person) -> Request:
    body = {"projectId": world.project, "tagName": _named("tag")}
    return "POST", f"{JOBS}/{world.job}/tags", {"json": body}


@fresh("removeJobTag")
async def _remove_job_tag(world: World, _: Person) -> Request:
    path = f"{JOBS}/{world.job}/tags/{await world.new_job_tag()}"
    return "DELETE", path, {"params": {"projectId": world.project}}


@fresh("addTags")
async def _add_tags(world: World, _: Person) -> Request:
    return "POST", f"/v4/projects/{world.project}/tags", {"json": {"tagNames": [_named("tag")]}}


@fresh("removeTag")
async def _remove_tag(world: World, _: Person) -> Request:
    return "DELETE", f"/v4/projects/{world.project}/tags/{await world.new_tag()}", {}


@fresh("getProjectTag")
async def _get_tag(world: World, _: Person) -> Request:
    return "GET", f"/projectTags/{await world.new_tag()}", {}


@fresh("addCollaboratorToProject")
async def _add_collaborator(world: World, _: Person) -> Request:
    body = {"id": await world.new_collaborator(), "role": "contributor"}
    return "POST", f"{V1}/{world.project}/collaborators", {"json": body}


@fresh("addCollaborator")
async def _add_private_collaborator(world: World, _: Person) -> Request:
    body = {"collaboratorId": await world.new_collaborator(), "projectRole": "Contributor"}
    return "POST", f"/v4/projects/{world.project}/collaborators", {"json": body}


@fresh("removeCollaboratorFromProject")
async def _remove_collaborator(world: World, _: Person) -> Request:
    return "DELETE", f"{V1}/{world.project}/collaborators/{await world.new_collaborator()}", {}


@fresh("removeCollaborator")
async def _remove_private_collaborator(world: World, _: Person) -> Request:
    return "DELETE", f"/v4/projects/{world.project}/collaborators/{await world.new_collaborator()}", {}


@fresh("requestAccess")
async def _request_access(world: World, person: Person) -> Request:
    # Nobody asks for what they have: an owner and an administrator are refused for that, whatever their rights.
    return "POST", f"/v4/projects/{world.project}/accessRequests", {"json": {"projectRole": "Contributor"}}


@fresh("addRepoToProject")
async def _add_repository(world: World, _: Person) -> Request:
    body = {"uri": f"https://git.example.org/{_named('r')}.git"}
    return "POST", f"{V1}/{world.project}/repositories", {"json": body}


@fresh("removeRepoFromProject")
async def _remove_repository(world: World, _: Person) -> Request:
    return "DELETE", f"{V1}/{world.project}/repositories/{await world.new_repository()}", {}


@fresh("changeRepositoryReference")
async def _change_reference(world: World, _: Person) -> Request:
    path = f"/v4/projects/{world.project}/repositories/{await world.new_repository()}/defaultRef"
    return "PUT", path, {"json": {"defaultRef": {"refType": "Branch", "value": "next"}}}


@fresh("chooseRepositoryCredential")
async def _choose_credential(world: World, person: Person) -> Request:
    body = {"gitCredentialId": await world.new_credential(person if person.key else world.admin)}
    path = f"/v4/projects/{world.project}/repositories/{await world.new_repository()}/credential"
    return "PUT", path, {"json": body}


@fresh("createDataset")
async def _create_dataset(world: World, _: Person) -> Request:
    return "POST", "/api/datasetrw/v1/datasets", {"json": {"projectId": world.project, "name": _named("d")}}


@fresh("addDataset")
async def _add_dataset(world: World, _: Person) -> Request:
    return "POST", "/dataset", {"json": {"projectId": world.project, "datasetName": _named("d")}}


@fresh("linkProjectToDataset")
async def _link_dataset(world: World, person: Person) -> Request:
    options = {"json": {"datasetId": await world.readable_dataset(person)}}
    return "POST", f"{V1}/{world.project}/shared-datasets", options


@fresh("unlinkDatasetFromProject")
async def _unlink_dataset(world: World, person: Person) -> Request:
    _, path, options = await _link_dataset(world, person)
    await world.admin.request("POST", path, **options)
    return "DELETE", f"{path}/{options['json']['datasetId']}", {}


@fresh("createRegisteredModelReview")
async def _ask_for_review(world: World, person: Person) -> Request:
    newest = (await world.admin.get(f"{MODEL}/versions/1")).get("reviewSummary")
    if newest and newest["status"] == "Open":
        review = f"{MODEL}/versions/1/reviews/{newest['modelReviewId']}"
        await world.admin.patch(review, {"status": "CANCELED"}, expect=204)
    reviewer = world.admin if person is world.owner else world.owner
    body = {"targetStage": "Staging", "reviewers": [{"userId": reviewer.id}]}
    return "POST", f"{MODEL}/versions/1/reviews", {"json": body}


@fresh("createModelApi")
async def _create_model_api(world: World, _: Person) -> Request:
    source = {"type": "File", "file": "main.py", "function": "predict"}
    version = {"projectId": world.project, "source": source}
    version |= {"logHttpRequestResponse": False, "monitoringEnabled": False, "shouldDeploy": False}
    body = {"name": _named("m"), "description": "", "environmentId": world.environment, "isAsync": False}
    body |= {"strictNodeAntiAffinity": False, "environmentVariables": [], "version": version}
    return "POST", "/api/modelServing/v1/modelApis", {"json": body}


@fresh("publishModel")
async def _publish_model(world: World, _: Person) -> Request:
    body = {"projectId": world.project, "name": _named("m"), "file": "main.py", "function": "predict"}
    return "POST", "/v1/models", {"json": body | {"environmentId": world.environment}}


@fresh("setProjectModelVersionStages")
async def _choose_stages(world: World, _: Person) -> Request:
    stages = [{"label": label} for label in ("Staging", "Production", "Archived")]
    return "PUT", STAGES.format(w=world), {"json": {"items": stages}}


@fresh("copyProject")
async def _copy(world: World, _: Person) -> Request:
    return "POST", f"{V1}/{world.project}/copy-project", {"json": {"copyDatasets": False, "name": _named("copy")}}


@fresh("forkProject")
async def _fork(world: World, _: Person) -> Request:
    return "POST", f"/v4/projects/{world.project}/fork", {"json": {"name": _named("fork")}}


def test_every_operation_in_projects_is_tried() -> None:
    assert sorted(REQUESTS) == IN_PROJECTS


def test_every_right_that_the_contract_names_is_known() -> None:
    named = {
        right
        for methods in contract()["paths"].values()
        for one in methods.values()
        if isinstance(one, dict)
        for right in one.get("x-permissions", [])
    }
    assert named <= set(Right)


@pytest.mark.usefixtures("tracking")
@pytest.mark.parametrize("through_organizations", [False, True], ids=["given to people", "through organizations"])
@pytest.mark.parametrize("visibility", list(Visibility))
async def test_each_role_may_do_what_the_table_says(
    modelyard: Modelyard, admin: Person, visibility: Visibility, through_organizations: bool
) -> None:
    world = World(modelyard, admin, await modelyard.person("owner"))
    await world.fill(visibility, through_organizations=through_organizations)
    wrong = []
    for name in IN_PROJECTS:
        needed = set(BY_ID[name].opt["rights"])
        for role, person in world.people.items():
            expected = _expected(needed, role, visibility)
            wrong += await _tried(world, name, person, str(role or "nobody"), expected)
        wrong += await _tried(world, name, admin, "administrator", 200)
        wrong += await _tried(world, name, modelyard.stranger(), "stranger", 401)
    assert wrong == []


def _expected(needed: set[Right], role: ProjectRole | None, visibility: Visibility) -> int:
    if needed <= project_rights([role] if role else [], visibility, is_admin=False):
        visible = role is not None or visibility is not Visibility.PRIVATE
        return 200 if visible else 404
    return 404 if role is None and visibility is Visibility.PRIVATE else 403


async def _tried(world: World, name: str, person: Person, who: str, expected: int) -> list[str]:
    method, path, options = await REQUESTS[name](world, person)
    response = await person.request(method, path, **options)
    passed = response.is_success or (name == "requestAccess" and response.status_code == 400)
    found = 200 if passed else response.status_code
    return [] if found == expected else [f"{name} by {who}: {found} instead of {expected}: {response.text[:150]}"]
