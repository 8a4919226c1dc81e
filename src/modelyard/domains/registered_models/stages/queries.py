"""SQL of the stages of projects, and of the stage that a version is in."""

from modelyard.kit.db import Executor, Transaction


async def own_stages(db: Executor, project_id: str) -> list[str]:
    """The stages that a project has chosen, in the order of promotion; none when it has the defaults."""
    return await db.values(
        "SELECT label FROM project_model_stages WHERE project_id = $1 ORDER BY place", project_id
    )


async def hold_stages(tx: Transaction, project_id: str) -> None:
    """Has nobody choose other stages for a project until the transaction ends."""
    await tx.execute("SELECT FROM projects WHERE id = $1 FOR SHARE", project_id)


async def lock_stages(tx: Transaction, project_id: str) -> None:
    """Has no version of a project move, nor anybody else choose stages, until the transaction ends."""
    await tx.execute("SELECT FROM projects WHERE id = $1 FOR NO KEY UPDATE", project_id)


async def replace_stages(tx: Transaction, project_id: str, labels: list[str]) -> None:
    """Chooses the stages of a project."""
    await tx.execute("DELETE FROM project_model_stages WHERE project_id = $1", project_id)
    await tx.execute(
        "INSERT INTO project_model_stages (project_id, place, label)"
        " SELECT $1, s.place, s.label FROM unnest($2::text[]) WITH ORDINALITY AS s (label, place)",
        project_id, labels,
    )  # fmt: skip


async def stages_in_use(db: Executor, project_id: str) -> list[str]:
    """The stages that versions of a project are in, or would come into by a review that is open."""
    return await db.values(
        "SELECT v.stage FROM registered_models m JOIN model_versions v ON v.model_id = m.id"
        " WHERE m.project_id = $1 UNION SELECT r.target_stage FROM registered_models m"
        " JOIN model_reviews r ON r.model_id = m.id WHERE m.project_id = $1 AND r.status = 'Open' ORDER BY 1",
        project_id,
    )


async def lock_version(tx: Transaction, model_id: str, version: int) -> str | None:
    """The stage that a version is in now; None when it is gone.

    Its model is locked: until the transaction ends nobody else moves, reviews or deletes one of its versions.
    """
    stage: str | None = await tx.value(
        "SELECT v.stage FROM registered_models m JOIN model_versions v ON v.model_id = m.id"
        " WHERE m.id = $1 AND v.version = $2 FOR UPDATE OF m",
        model_id, version,
    )  # fmt: skip
    return stage


async def others_in_stage(tx: Transaction, model_id: str, version: int, stage: str) -> list[int]:
    """The versions of a model, beside one, that are in a stage."""
    return await tx.values(
        "SELECT version FROM model_versions WHERE model_id = $1 AND version <> $2 AND stage = $3 ORDER BY version",
        model_id, version, stage,
    )  # fmt: skip


async def set_stage(tx: Transaction, model_id: str, version: int, stage: str) -> None:
    """Moves a version into a stage."""
    await tx.execute(
        "UPDATE model_versions SET stage = $3, updated_at = now() WHERE model_id = $1 AND version = $2",
        model_id, version, stage,
    )  # fmt: skip
