"""Sentences about stages and reviews."""

from typing import Any

from modelyard.domains.registered_models.queries import RegisteredModel
from tests.client import Person
from tests.domains.projects.conftest import let
from tests.domains.registered_models.conftest import at, put_model, put_version

STAGES = "/api/registeredmodels/v1/versionstages"


class AVersion:
    """Version 1 of a model, as people speak to it."""

    def __init__(self, model: RegisteredModel, number: int) -> None:
        self.model, self.number = model, number
        self.path = at(model.name, f"/versions/{number}")

    async def details(self, person: Person) -> dict[str, Any]:
        """What the version shows."""
        found: dict[str, Any] = await person.get(self.path)
        return found

    async def stage(self, person: Person) -> str:
        """Where it is."""
        return str((await self.details(person))["currentStage"])

    async def review(self, person: Person) -> dict[str, Any]:
        """Its newest review."""
        found: dict[str, Any] = (await self.details(person))["reviewSummary"]
        return found

    async def moves(self, person: Person, stage: str, expect: int = 200) -> Any:
        """Is moved by somebody without a review."""
        return await person.patch(self.path, {"currentStage": stage}, expect=expect)

    async def asks(
        self, person: Person, *reviewers: Person | str, stage: str = "Production", expect: int = 201, **more: Any
    ) -> Any:
        """Is put up for review by somebody; the review's address."""
        body = {"targetStage": stage, "reviewers": named(*reviewers)} | more
        reply = await person.post(f"{self.path}/reviews", body, expect=expect)
        return f"{self.path}/reviews/{reply['modelReviewId']}" if expect == 201 else reply


def named(*people: Person | str) -> list[dict[str, str]]:
    """People as reviewers."""
    return [{"userId": one if isinstance(one, str) else one.id} for one in people]


async def answers(
    person: Person, review: str, decision: str = "Approved", notes: str | None = None, expect: int = 201
) -> Any:
    """Somebody's answer; the status of the review, or what is said against it."""
    body = {"decision": decision} | ({} if notes is None else {"notes": notes})
    reply = await person.post(f"{review}/responses", body, expect=expect)
    return reply["status"] if expect == 201 else reply["message"]


async def put_aversion(person: Person, project: dict[str, Any], name: str = "team/churn") -> AVersion:
    """A version of a new model."""
    model = await put_model(person, project, name)
    return AVersion(model, await put_version(person.modelyard.db, model))


async def team(owner: Person, project: dict[str, Any], **roles: str) -> dict[str, Person]:
    """New people with roles in a project, by name."""
    made = {name: await owner.modelyard.person(name) for name in roles}
    for name, role in roles.items():
        await let(owner, project, made[name], role)
    return made


async def told(person: Person) -> list[str]:
    """The kinds of what somebody was told, oldest first."""
    feed = await person.get("/v4/notifications", limit=100)
    return [one["kind"] for one in feed["notifications"]][::-1]


async def actions(person: Person, target: str) -> list[str]:
    """What was recorded of an object, oldest first."""
    path = "/api/audittrail/v1/auditevents"
    return [one["action"]["eventName"] for one in (await person.get(path, targetId=target, sort="asc"))["events"]]
