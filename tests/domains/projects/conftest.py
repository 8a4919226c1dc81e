"""A project to work with, and hands that put files into it."""

import io
import tarfile
from typing import Any

import pytest

from tests.client import Person


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's private project `churn`."""
    return await make(ada, "churn")


async def make(person: Person, name: str, visibility: str = "Private", **more: Any) -> dict[str, Any]:
    """A new project of a person."""
    body = {"name": name, "description": f"About {name}", "visibility": visibility} | more
    reply = await person.post("/api/projects/beta/projects", body)
    made: dict[str, Any] = reply["project"]
    return made


async def let(owner: Person, project: dict[str, Any], person: Person, role: str) -> None:
    """Gives a person a role."""
    path = f"/api/projects/v1/projects/{project['id']}/collaborators"
    await owner.post(path, {"id": person.id, "role": role})


async def upload(person: Person, project: str, path: str, content: bytes, expect: int = 201) -> Any:
    """Uploads one file to `owner/name`; the reply's JSON."""
    response = await person.request("PUT", f"/v1/projects/{project}/{path}", content=content)
    assert response.status_code == expect, response.text
    return response.json()


async def read(person: Person, project_id: str, commit_id: str, path: str, expect: int = 200) -> Any:
    """Downloads one file at a commit."""
    url = f"/api/projects/v1/projects/{project_id}/files/{commit_id}/{path}/content"
    return await person.get(url, expect=expect)


async def newest(person: Person, project: str) -> str:
    """The newest commit of `owner/name`."""
    commits: list[str] = await person.get(f"/v1/projects/{project}/commits")
    return commits[0]


async def paths(person: Person, project: str, commit_id: str) -> set[str]:
    """The paths of all files of `owner/name` at a commit."""
    listed = await person.get(f"/v1/projects/{project}/files/{commit_id}//")
    return {file["path"] for file in listed["data"]}


def tar(*members: tarfile.TarInfo | tuple[str, bytes], mode: str = "w:gz") -> bytes:
    """A tar archive of plain files by name and content, and of members as they are."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode=mode) as file:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                file.addfile(info, io.BytesIO(member[1]))
    return archive.getvalue()
