"""Sentences about projects and jobs, for tests that really run them."""

import asyncio
import time
from typing import Any

from tests.client import Person

SECONDS = 60


class AsPerson:
    """`as_(ada).start_job(...)`: what somebody does with a project."""

    def __init__(self, person: Person) -> None:
        self.person = person

    async def makes_project(self, name: str = "work", **files: str) -> str:
        """A private project with files; its id."""
        body = {"name": name, "description": "", "visibility": "Private"}
        project = (await self.person.post("/api/projects/beta/projects", body))["project"]["id"]
        for path, text in files.items():
            await self.uploads(name, path.replace("__", "."), text)
        return str(project)

    async def uploads(self, project_name: str, path: str, text: str) -> None:
        """A file."""
        url = f"/v1/projects/{self.person.name}/{project_name}/{path}"
        response = await self.person.request("PUT", url, content=text.encode())
        assert response.status_code == 201, response.text

    async def plain_python(self) -> str:
        """The id of the environment without packages."""
        found = (await self.person.get("/v1/environments"))["data"]
        return str(next(one["id"] for one in found if one["name"] == "Plain Python"))

    async def starts_job(self, project: str, command: str, expect: int = 200, **more: Any) -> dict[str, Any]:
        """A job in the environment without packages."""
        body = {"projectId": project, "runCommand": command}
        if "environmentId" not in more:
            body["environmentId"] = await self.plain_python()
        reply = await self.person.post("/api/jobs/v1/jobs", body | more, expect=expect)
        return dict(reply.get("job", reply))

    async def waits_for(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job when it is over."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = (await self.person.get(f"/api/jobs/beta/jobs/{job['id']}"))["job"]
            if found["status"]["isCompleted"]:
                return dict(found)
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.03)

    async def waits_for_status(self, job: dict[str, Any], status: str) -> None:
        """Until the job has come so far."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = (await self.person.get(f"/api/jobs/beta/jobs/{job['id']}"))["job"]["status"]
            if found["executionStatus"] == status:
                return
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.03)

    async def runs(self, project: str, command: str, **more: Any) -> dict[str, Any]:
        """A job, from its start to its end."""
        return await self.waits_for(await self.starts_job(project, command, **more))

    async def log(self, job: dict[str, Any], kind: str = "stdOut") -> list[str]:
        """The lines of a job's log."""
        reply = await self.person.get(f"/api/jobs/beta/jobs/{job['id']}/logs", logType=kind)
        return [line["log"] for line in reply["logs"]["logContent"]]


def as_(person: Person) -> AsPerson:
    """What this person does."""
    return AsPerson(person)
