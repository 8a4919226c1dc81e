"""SQL of the git repositories that belong to projects."""

import msgspec

from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page

_COLUMNS = "id, project_id, is_main, name, uri, host, protocol, service_provider, ref_type, ref_value, added_by_id"


class CodeRepository(msgspec.Struct, frozen=True):
    """A git repository of a project, and the reference that its jobs use unless told otherwise."""

    id: str
    project_id: str
    is_main: bool
    name: str
    uri: str
    host: str | None
    protocol: str
    service_provider: str
    ref_type: str
    ref_value: str | None
    added_by_id: str


async def repositories_of(db: Executor, project_id: str) -> list[CodeRepository]:
    """All repositories of a project: the main one first, then the imported ones by name."""
    return await db.rows(
        CodeRepository,
        f"SELECT {_COLUMNS} FROM code_repositories WHERE project_id = $1 ORDER BY is_main DESC, lower(name)",
        project_id,
    )


async def list_imported(db: Executor, project_id: str, page: Page) -> Listed[CodeRepository]:
    """One page of the imported repositories of a project, by name."""
    where = "project_id = $1 AND NOT is_main"
    rows = await db.rows(
        CodeRepository,
        f"SELECT {_COLUMNS} FROM code_repositories WHERE {where} ORDER BY lower(name) LIMIT $2 OFFSET $3",
        project_id, page.rows, page.offset,
    )  # fmt: skip
    return Listed(rows, await db.value(f"SELECT count(*) FROM code_repositories WHERE {where}", project_id))


async def find_repository(db: Executor, project_id: str, repository_id: str) -> CodeRepository | None:
    """The repository with this id, if it is one of this project."""
    return await db.row(
        CodeRepository,
        f"SELECT {_COLUMNS} FROM code_repositories WHERE project_id = $1 AND id = $2",
        project_id, repository_id,
    )  # fmt: skip


async def add_repository(tx: Transaction, repository: CodeRepository) -> bool:
    """Adds a repository; False when the project has one of that name."""
    added = await tx.execute(
        f"INSERT INTO code_repositories ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT (project_id, lower(name)) DO NOTHING",
        *msgspec.structs.astuple(repository),
    )
    return added == 1


async def set_reference(tx: Transaction, repository_id: str, ref_type: str, ref_value: str | None) -> None:
    """Chooses what later jobs take of a repository unless told otherwise."""
    await tx.execute(
        "UPDATE code_repositories SET ref_type = $2, ref_value = $3 WHERE id = $1",
        repository_id, ref_type, ref_value,
    )  # fmt: skip


async def remove_repository(tx: Transaction, repository_id: str) -> None:
    """Takes a repository out of its project."""
    await tx.execute("DELETE FROM code_repositories WHERE id = $1", repository_id)


async def set_credential(tx: Transaction, repository_id: str, user_id: str, credential_id: str) -> None:
    """Chooses with which of their own credentials a person reaches a repository."""
    await tx.execute(
        "INSERT INTO code_repository_credentials (repository_id, user_id, credential_id) VALUES ($1, $2, $3)"
        " ON CONFLICT (repository_id, user_id) DO UPDATE SET credential_id = excluded.credential_id",
        repository_id, user_id, credential_id,
    )  # fmt: skip


async def chosen_credential(db: Executor, repository_id: str, user_id: str) -> str | None:
    """The id of the credential that a person has chosen for a repository."""
    credential_id: str | None = await db.value(
        "SELECT credential_id FROM code_repository_credentials WHERE repository_id = $1 AND user_id = $2",
        repository_id, user_id,
    )  # fmt: skip
    return credential_id
