"""Who may do what with a model API: every operation, by every role there and in its project, given to a person or
through an organization."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelyard.app import OPERATIONS
from modelyard.domains.users import (
    MODEL_API_RIGHTS,
    MODEL_API_ROLES,
    ModelApiRole,
    ProjectRole,
    Right,
    model_api_rights,
)
from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import READER, grant, make_dataset
from tests.domains.model_apis.conftest import MODEL_APIS, make_model_api, version_of
from tests.domains.organizations.test_organizations import found

Request = tuple[str, str, dict[str, Any]]
# As what somebody comes to a model API: a role there, one in its project, or none.
Standing = ModelApiRole | ProjectRole | None

BY_ID = {str(handler.operation_id): handler for handler in OPERATIONS}
ON_MODEL_APIS = sorted(
    name for name, one in BY_ID.items() if (guard := one.opt["guard"]) and guard.scope == "model API"
)
STANDINGS: list[Standing] = [*ModelApiRole, *(role for role in ProjectRole if role is not ProjectRole.OWNER), None]

PRIVATE, FIRST = "/v4/models", "/v1/models"
IMAGE = {"registryUrl": "r.example.org", "username": "u", "password": "p", "repository": "m", "tag": "1"}
# What no role can do: there are no images, and nothing runs here that could be called.
REFUSED = {"exportImageForSagemaker": 400, "exportImageToRegistry": 400, "callEndpoint": 503}

_numbers = itertools.count()


class World:
    """A model API with something of everything, and somebody for every standing."""

    def __init__(self, modelyard: Modelyard, owner: Person, project: dict[str, Any]) -> None:
        self.modelyard, self.owner, self.project = modelyard, owner, project
        self.people: dict[Standing, Person] = {ProjectRole.OWNER: owner}
        self.accounts: dict[Standing, str] = {}
        self.model_api: dict[str, Any] = {}
        self.version = self.environment = ""
        self.is_of_organization = False

    async def fill(self, *, through_organizations: bool) -> None:
        """Gives the standings and makes the model API."""
        for standing in STANDINGS:
            kind = "project" if isinstance(standing, ProjectRole) else "api"
            person = self.people[standing] = await self.modelyard.person(f"{kind}-{standing or 'nobody'}")
            by_organization = through_organizations and standing is not None
            self.accounts[standing] = (
                (await found(person, f"of-{person.name}"))["id"] if by_organization else person.id
            )
            if isinstance(standing, ProjectRole):
                body = {"id": self.accounts[standing], "role": standing}
                await self.owner.post(f"/api/projects/v1/projects/{self.project['id']}/collaborators", body)
        self.is_of_organization = through_organizations
        if through_organizations:
            lab = await found(self.owner, "of-the-owner")
            sql = "UPDATE projects SET owner_id = $2 WHERE id = $1"
            await self.modelyard.db.execute(sql, self.project["id"], lab["id"])
        self.model_api = await self.new_model_api()
        self.version = self.model_api["activeVersion"]["id"]
        self.environment = self.model_api["environmentId"]

    async def new_model_api(self) -> dict[str, Any]:
        """A model API with everybody's roles, which its maker owns by the project alone."""
        made = await make_model_api(
            self.owner, self.project, _named("m"), environmentVariables=[{"key": "A", "value": "1"}]
        )
        body = [(account, standing) for standing, account in self.accounts.items()]
        for account, standing in body:
            if isinstance(standing, ModelApiRole):
                await self.owner.post(
                    f"{MODEL_APIS}/{made['id']}/collaborators",
                    {"collaborator": account, "role": standing},
                    expect=201,
                )
        sql = "DELETE FROM model_api_collaborators WHERE account_id = $1"
        await self.modelyard.db.execute(sql, self.owner.id)
        return made

    def at(self, rest: str = "") -> str:
        """The address of the model API, or of something below it."""
        return f"{MODEL_APIS}/{self.model_api['id']}{rest}"

    async def new_token(self) -> str:
        """An access token."""
        return str((await self.owner.post(self.at("/accessTokens"), {}, expect=201))["id"])

    async def new_collaborator(self) -> str:
        """Somebody with a role."""
        person = await self.modelyard.person(_named("extra"))
        # The last person who owns it cannot go: here is another one.
        body = {"collaborator": person.id, "role": "Owner"}
        await self.owner.post(self.at("/collaborators"), body, expect=201)
        return person.id

    async def new_variable(self) -> str:
        """An environment variable."""
        name = f"V{next(_numbers)}"
        await self.owner.post(self.at("/environmentVariables"), {"key": name, "value": "1"}, expect=201)
        return name

    async def readable_dataset(self, person: Person) -> str:
        """A dataset that a person may read, unless it is a stranger."""
        project = {"id": self.project["id"]}
        dataset = await make_dataset(self.owner, project, _named("d"))
        if person.id not in {"", self.owner.id}:
            await grant(self.owner, dataset, person.id, READER)
        return str(dataset["id"])

    async def become(self, status: str) -> None:
        """The version in another state."""
        wanted = status == "Running"
        sql = "UPDATE model_api_versions SET status = $2, built_at = now(), is_wanted = $3 WHERE id = $1"
        await self.modelyard.db.execute(sql, self.version, status, wanted)
        sql = "UPDATE model_apis SET production_version_id = NULL WHERE id = $1"
        await self.modelyard.db.execute(sql, self.model_api["id"])

    async def endpoint(self) -> str:
        """The address of the project's endpoint, which the model API is from now on."""
        await self.modelyard.db.execute(
            "UPDATE model_apis SET is_project_endpoint = true WHERE id = $1", self.model_api["id"]
        )
        await self.modelyard.db.execute(
            "UPDATE model_api_versions SET is_wanted = true WHERE id = $1", self.version
        )
        return f"/v1/{'of-the-owner' if self.is_of_organization else self.owner.name}/churn/endpoint"


Build = Callable[[World, Person], Awaitable[Request]]
REQUESTS: dict[str, Build] = {}


def plain(operation_id: str, method: str, rest: str, below: str = MODEL_APIS, **options: Any) -> None:
    """An operation whose request is the same for everybody; `{version}` in its address is the version's id."""

    async def build(world: World, _: Person) -> Request:
        return method, f"{below}/{world.model_api['id']}{rest.format(version=world.version)}", options

    REQUESTS[operation_id] = build


def special(operation_id: str) -> Callable[[Build], Build]:
    """An operation that needs something new each time."""

    def note(build: Build) -> Build:
        REQUESTS[operation_id] = build
        return build

    return note


def _named(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


plain("getModelApi", "GET", "")
plain("listModelApiVersions", "GET", "/versions")
plain("getModelApiVersion", "GET", "/versions/{version}")
plain("getModelApiVersionBuildLogs", "GET", "/versions/{version}/buildLogs")
plain("getModelApiVersionDeploymentLogs", "GET", "/versions/{version}/deploymentLogs")
plain("getModelApiVersionExportLogs", "GET", "/versions/{version}/exportLogs")
plain("getModelApiVersionInstanceLogs", "GET", "/versions/{version}/instanceLogs")
plain("listModelApiAccessTokens", "GET", "/accessTokens")
plain("createModelApiAccessToken", "POST", "/accessTokens", json={})
plain("listModelApiCollaborators", "GET", "/collaborators")
plain("listModelApiVolumes", "GET", "/volumes")
plain("listModelApiEnvironmentVariables", "GET", "/environmentVariables")
plain("getModelApiEnvironmentVariable", "GET", "/environmentVariables/A")
plain("updateModelApiEnvironmentVariable", "PUT", "/environmentVariables/A", json={"key": "A", "value": "2"})
plain("getModelApiRecording", "GET", "/recording", PRIVATE)
plain("setModelApiRecording", "PUT", "/recording", PRIVATE, json={"sampleRate": 0.5, "redactedFields": []})
plain("listPublishedVersions", "GET", "/versions", FIRST)
plain("exportImageToRegistry", "POST", "/{version}/exportImageToRegistry", PRIVATE, json=IMAGE)
plain("exportImageForSagemaker", "POST", "/{version}/exportImageForSagemaker", PRIVATE, json=IMAGE)


@special("publishVersion")
async def _publish_version(world: World, person: Person) -> Request:
    _, _, options = await _create_version(world, person)
    version = options["json"]
    body = {"projectId": version["projectId"], "file": "main.py", "function": "main"}
    return "POST", f"{FIRST}/{world.model_api['id']}/versions", {"json": body}


@special("callEndpoint")
async def _call_endpoint(world: World, _: Person) -> Request:
    return "POST", await world.endpoint(), {"json": {"parameters": []}}


@special("unpublishEndpoint")
async def _unpublish_endpoint(world: World, _: Person) -> Request:
    return "DELETE", await world.endpoint(), {}


@special("updateModelApi")
async def _update(world: World, _: Person) -> Request:
    body = {"name": _named("m"), "description": "", "replicas": 1, "environmentId": world.environment}
    return "PUT", world.at(), {"json": body}


@special("deleteModelApi")
async def _delete(world: World, _: Person) -> Request:
    return "DELETE", f"{MODEL_APIS}/{(await world.new_model_api())['id']}", {}


@special("createModelApiVersion")
async def _create_version(world: World, person: Person) -> Request:
    # The files of a version may be those of any project of its maker; everybody has one.
    owner = person if person.id else world.owner
    sql = "SELECT id FROM projects WHERE owner_id = $1 AND name = 'quick-start'"
    own = {"id": await world.modelyard.db.value(sql, owner.id)}
    source = {"type": "File", "file": "main.py", "function": "main"}
    return "POST", world.at("/versions"), {"json": version_of(own, source=source, shouldDeploy=False)}


@special("updateModelApiVersionProductionLabel")
async def _promote(world: World, _: Person) -> Request:
    await world.become("Running")
    return "PUT", world.at(f"/versions/{world.version}/productionLabel"), {"json": {"isProd": True}}


@special("updateModelApiVersionTargetState")
async def _start(world: World, _: Person) -> Request:
    await world.become("Stopped")
    return "PUT", world.at(f"/versions/{world.version}/targetState"), {"json": {"isRunning": True}}


@special("getModelApiAccessToken")
async def _get_token(world: World, _: Person) -> Request:
    return "GET", world.at(f"/accessTokens/{await world.new_token()}"), {}


@special("updateModelApiAccessToken")
async def _renew_token(world: World, _: Person) -> Request:
    return "PUT", world.at(f"/accessTokens/{await world.new_token()}"), {"json": {}}


@special("deleteModelApiAccessToken")
async def _revoke_token(world: World, _: Person) -> Request:
    return "DELETE", world.at(f"/accessTokens/{await world.new_token()}"), {}


@special("addModelApiCollaborator")
async def _add_collaborator(world: World, _: Person) -> Request:
    person = await world.modelyard.person(_named("extra"))
    return "POST", world.at("/collaborators"), {"json": {"collaborator": person.id, "role": "Viewer"}}


@special("getModelApiCollaborator")
async def _get_collaborator(world: World, _: Person) -> Request:
    return "GET", world.at(f"/collaborators/{await world.new_collaborator()}"), {}


@special("updateModelApiCollaborator")
async def _change_collaborator(world: World, _: Person) -> Request:
    account = await world.new_collaborator()
    return "PUT", world.at(f"/collaborators/{account}"), {"json": {"collaborator": account, "role": "Owner"}}


@special("removeModelApiCollaborator")
async def _remove_collaborator(world: World, _: Person) -> Request:
    await world.new_collaborator()
    return "DELETE", world.at(f"/collaborators/{await world.new_collaborator()}"), {}


@special("createModelApiEnvironmentVariable")
async def _add_variable(world: World, _: Person) -> Request:
    return "POST", world.at("/environmentVariables"), {"json": {"key": f"V{next(_numbers)}", "value": "1"}}


@special("deleteModelApiEnvironmentVariable")
async def _remove_variable(world: World, _: Person) -> Request:
    return "DELETE", world.at(f"/environmentVariables/{await world.new_variable()}"), {}


@special("createModelApiVolume")
async def _attach(world: World, person: Person) -> Request:
    body = {"name": await world.readable_dataset(person), "mountPath": f"/data/{next(_numbers)}"}
    return "POST", world.at("/volumes"), {"json": body | {"volumeType": "Dataset", "readOnly": True}}


@special("deleteModelApiVolume")
async def _detach(world: World, person: Person) -> Request:
    _, path, options = await _attach(world, world.owner)
    await world.owner.post(path, options["json"], expect=201)
    return "DELETE", world.at(f"/volumes/{options['json']['name']}"), {}


def test_every_operation_on_model_apis_is_tried() -> None:
    assert sorted(REQUESTS) == ON_MODEL_APIS


def test_a_role_has_all_rights_of_the_one_below_it() -> None:
    viewer, editor, owner = (MODEL_API_RIGHTS[role] for role in reversed(ModelApiRole))
    assert viewer < editor < owner < model_api_rights([], is_admin=True)


@pytest.mark.parametrize("through_organizations", [False, True], ids=["given to people", "through organizations"])
async def test_each_role_may_do_what_the_table_says(
    modelyard: Modelyard, ada: Person, admin: Person, project: dict[str, Any], through_organizations: bool
) -> None:
    world = World(modelyard, ada, project)
    await world.fill(through_organizations=through_organizations)
    wrong = []
    for name in ON_MODEL_APIS:
        needed = set(BY_ID[name].opt["rights"])
        for standing, person in world.people.items():
            wrong += await _tried(world, name, person, standing or "nobody", _expected(needed, standing))
        wrong += await _tried(world, name, admin, "administrator", 200)
        wrong += await _tried(world, name, modelyard.stranger(), "stranger", 401)
    assert wrong == []


def _expected(needed: set[Right], standing: Standing) -> int:
    role = MODEL_API_ROLES.get(standing) if isinstance(standing, ProjectRole) else standing
    if role is None:
        return 404
    return 200 if needed <= MODEL_API_RIGHTS[role] else 403


async def _tried(world: World, name: str, person: Person, who: str, expected: int) -> list[str]:
    method, path, options = await REQUESTS[name](world, person)
    response = await person.request(method, path, **options)
    passed = response.is_success or response.status_code == REFUSED.get(name)
    given = 200 if passed else response.status_code
    return [] if given == expected else [f"{name} by {who}: {given} instead of {expected}: {response.text[:150]}"]
