"""Rules of stages: which a project has, and who moves a version without a review."""

from collections.abc import Iterable, Sequence

from modelyard.domains.projects import Copying, Project, on_project_copied
from modelyard.domains.registered_models.access import no_version, version_by_number
from modelyard.domains.registered_models.queries import RegisteredModel, touch_model
from modelyard.domains.registered_models.reviews.queries import find_open
from modelyard.domains.registered_models.service import KIND
from modelyard.domains.registered_models.stages import queries
from modelyard.domains.registered_models.versions.queries import FIRST_STAGE, ModelVersion
from modelyard.domains.users import Caller, ProjectRole
from modelyard.kit import events
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, Forbidden

# The tracker's own.
ARCHIVE = "Archived"
DEFAULT_STAGES = (FIRST_STAGE, "Staging", "Production", ARCHIVE)
MOST, LONGEST = 50, 100


def is_in_charge(caller: Caller, model: RegisteredModel) -> bool:
    """Whether somebody decides on a model: its owner, an owner of its project, an administrator."""
    return caller.is_admin or caller.id == model.owner_id or ProjectRole.OWNER in model.project.roles


async def stages_of(db: Executor, project_id: str) -> list[str]:
    """Every stage that a version in a project can be in, in the order of promotion; all begin with the first."""
    own = await queries.own_stages(db, project_id) or DEFAULT_STAGES
    return [*([] if FIRST_STAGE in own else [FIRST_STAGE]), *own]


def stage_named(stages: Sequence[str], wanted: str) -> str:
    """The stage of this name, whatever its case; raises BadRequest, which says which there are."""
    found = next((one for one in stages if one.lower() == wanted.strip().lower()), None)
    if found is None:
        raise BadRequest(
            f"There is no stage '{wanted[:LONGEST]}' in this project; there are: {', '.join(stages)}."
        )
    return found


async def set_stages(tx: Transaction, caller: Caller, project: Project, labels: Iterable[str]) -> list[str]:
    """Chooses the stages of a project, in the order of promotion.

    Raises BadRequest for labels that cannot be, and when one is missing that a version is in or is reviewed for.
    """
    stages = _checked(labels)
    await queries.lock_stages(tx, project.id)
    missing = set(await queries.stages_in_use(tx, project.id)) - {FIRST_STAGE, *stages}
    if missing:
        raise BadRequest(
            f"Versions are in these stages, or under review for them: {', '.join(sorted(missing))}. Keep the"
            " stages, or move the versions first."
        )
    before = await queries.own_stages(tx, project.id)
    await queries.replace_stages(tx, project.id, stages)
    await events.record(
        tx, caller, "project.modelStagesSet", "project", project.id,
        project_id=project.id, stages=stages, before={"stages": before},
    )  # fmt: skip
    return stages


@on_project_copied
async def _copy_stages(tx: Transaction, copying: Copying) -> None:
    """Has a copy of a project use the stages that the original has chosen."""
    if own := await queries.own_stages(tx, copying.original.id):
        await queries.replace_stages(tx, copying.copy.id, own)


async def move_to_stage(
    tx: Transaction, caller: Caller, model: RegisteredModel, version: ModelVersion, stage: str
) -> ModelVersion:
    """Moves a version into a stage without a review; the version as it is then.

    Raises Forbidden unless the caller is in charge of the model, NotFound when the version is gone, BadRequest
    for an unknown stage and while a review is open. A version that is there already stays as it is.
    """
    if not is_in_charge(caller, model):
        raise Forbidden(
            f"Only the owner of the model '{model.name}', owners of its project and administrators move a version"
            " without a review; ask for a review instead."
        )
    current = await locked_stage(tx, version)
    target = stage_named(await stages_of(tx, model.project.id), stage)
    if target != current:
        await refuse_under_review(tx, version)
        await put_into_stage(tx, caller, version, current, target)
    return await version_by_number(tx, caller, model.name, version.version)


async def archive_others(tx: Transaction, caller: Caller, version: ModelVersion) -> None:
    """Moves the other versions that are in the stage of this one, which has just come there, to the archive.

    Raises BadRequest when the stage is the first or the archive itself, when there is no archive in the project,
    and while a review of one of them is open.
    """
    if version.stage in {FIRST_STAGE, ARCHIVE}:
        raise BadRequest(f"archive_existing_versions: what is in the stage {version.stage} is not archived.")
    model = version.model
    for number in await queries.others_in_stage(tx, model.id, version.version, version.stage):
        other = await version_by_number(tx, caller, model.name, number)
        await move_to_stage(tx, caller, model, other, ARCHIVE)


async def locked_stage(tx: Transaction, version: ModelVersion) -> str:
    """The stage that a version is in, with its model and the project's stages locked; raises NotFound."""
    current = await queries.lock_version(tx, version.model.id, version.version)
    if current is None:
        raise no_version(version.model, version.version)
    await queries.hold_stages(tx, version.model.project.id)
    return current


async def refuse_under_review(tx: Transaction, version: ModelVersion) -> None:
    """Raises BadRequest while a review of this version is open."""
    if review := await find_open(tx, version.model.id, version.version):
        raise BadRequest(_under_review(version, review.id, review.target_stage))


async def put_into_stage(
    tx: Transaction, caller: Caller, version: ModelVersion, before: str, stage: str, **details: object
) -> None:
    """Moves a version that is locked, whoever asks."""
    model = version.model
    await queries.set_stage(tx, model.id, version.version, stage)
    await touch_model(tx, model.id)
    await events.record(
        tx, caller, "modelVersion.stageChanged", KIND, model.id,
        project_id=model.project.id, version=version.version, stage=stage, before={"stage": before}, **details,
    )  # fmt: skip


async def obstacles(db: Executor, version: ModelVersion, wanted: str) -> list[str]:
    """Why a version cannot move into a stage now, in sentences; none when it can."""
    found = []
    try:
        stage = stage_named(await stages_of(db, version.model.project.id), wanted)
        if stage == version.stage:
            found.append(already_there(version, stage))
    except BadRequest as unknown:
        found.append(unknown.message)
    if review := await find_open(db, version.model.id, version.version):
        found.append(_under_review(version, review.id, review.target_stage))
    return found


def already_there(version: ModelVersion, stage: str) -> str:
    """What is said when a version is in a stage that it is to move into."""
    return f"Version {version.version} of the model '{version.model.name}' is in the stage {stage} already."


def _under_review(version: ModelVersion, review_id: str, target: str) -> str:
    return (
        f"A review of version {version.version} of the model '{version.model.name}' for the stage {target} is open"
        f" ({review_id}); let it end, or cancel it."
    )


def _checked(labels: Iterable[str]) -> list[str]:
    """Labels without blanks around them; raises BadRequest."""
    stages = [label.strip() for label in labels]
    if not 1 <= len(stages) <= MOST:
        raise BadRequest(f"items: give 1 to {MOST} stages, these are {len(stages)}.")
    for label in stages:
        if not 1 <= len(label) <= LONGEST or not label.isprintable():
            raise BadRequest(
                f"items: a label has 1 to {LONGEST} printable characters; '{label[:LONGEST]}' has not."
            )
    # The stage that versions begin with is written in one way.
    stages = [FIRST_STAGE if label.lower() == FIRST_STAGE.lower() else label for label in stages]
    folded = [label.lower() for label in stages]
    if twice := sorted({label for label in stages if folded.count(label.lower()) > 1}):
        raise BadRequest(f"items: labels differ by more than their case; these do not: {', '.join(twice)}.")
    return stages
