"""Operations on versions of registered models."""

from modelyard.domains.experiments import ExperimentRun
from modelyard.domains.registered_models import service as models
from modelyard.domains.registered_models.access import (
    model_with,
    run_in_body,
    version_by_number,
    version_with,
    versions_of_model,
)
from modelyard.domains.registered_models.names import checked_name
from modelyard.domains.registered_models.queries import RegisteredModel
from modelyard.domains.registered_models.routes import TAG, V1
from modelyard.domains.registered_models.versions import service
from modelyard.domains.registered_models.versions.queries import ListedVersions, ModelVersion
from modelyard.domains.registered_models.versions.run_models import model_named, only_model
from modelyard.domains.registered_models.versions.sources import Source, Sources
from modelyard.domains.registered_models.versions.wire import (
    NewRegisteredModelVersionV1,
    PaginatedRegisteredModelVersionOverviewEnvelopeV1,
    RegisteredModelVersionDetailsV1,
    RegisteredModelVersionOverviewV1,
)
from modelyard.domains.registered_models.wire import (
    NewRegisteredModelV1,
    RegisteredModelV1,
)
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import Tracker
from modelyard.kit.db import Database
from modelyard.kit.operation import operation
from modelyard.kit.paging import paged

VERSIONS = f"{V1}/{{modelName:str}}/versions"
VERSION = f"{VERSIONS}/{{version:int}}"


@operation("POST", V1, guard=run_in_body(Right.EDIT), tag=TAG)
async def create_registered_model_from_run(
    run: ExperimentRun, caller: Caller, db: Database, tracker: Tracker, data: NewRegisteredModelV1
) -> RegisteredModelV1:
    """Make a model in a run's project, with the one model of that run as its first version."""
    checked_name(data.model_name)
    tracked = await tracker.run(run.id)
    made = await only_model(tracker, tracked)
    source = Source.of(tracked, made.source, made.location, made.logged_model_id)
    async with db.transaction() as tx:
        model = await models.create(
            tx,
            caller,
            run.project,
            data.model_name,
            description=data.description or "",
            discoverable=data.discoverable,
            tags=data.tags,
        )
        await service.register(tx, caller, model, source)
        model = await models.again(tx, caller, model.name)
    await service.catch_up(db, tracker, run.id)
    return RegisteredModelV1.of(model)


@operation("GET", VERSIONS, guard=versions_of_model, tag=TAG)
async def get_registered_model_versions(
    listed: ListedVersions,
) -> PaginatedRegisteredModelVersionOverviewEnvelopeV1:
    """The versions of a model, newest first."""
    return PaginatedRegisteredModelVersionOverviewEnvelopeV1(
        items=[RegisteredModelVersionOverviewV1.of(listed.model, version) for version in listed.rows],
        metadata=paged(listed.page, listed.total),
    )


@operation("POST", VERSIONS, guard=model_with(Right.EDIT), tag=TAG)
async def create_registered_model_version_from_run(
    model: RegisteredModel,
    caller: Caller,
    db: Database,
    tracker: Tracker,
    public_url: str,
    data: NewRegisteredModelVersionV1,
) -> RegisteredModelVersionDetailsV1:
    """Add a version: a folder of a run's files, or a model that the run logged, by its name or id."""
    run = await Sources(db, tracker, caller).run(data.experiment_run_id)
    made = await model_named(tracker, run, data.artifact)
    source = Source.of(run, made.source, made.location, made.logged_model_id)
    async with db.transaction() as tx:
        number = await service.register(tx, caller, model, source, description=data.description)
    await service.catch_up(db, tracker, run.id)
    version = await version_by_number(db, caller, model.name, number)
    return RegisteredModelVersionDetailsV1.of(version, public_url)


@operation("GET", VERSION, guard=version_with(Right.VIEW_JOBS), tag=TAG)
async def get_registered_model_version(
    model_version: ModelVersion, public_url: str
) -> RegisteredModelVersionDetailsV1:
    """Read one version of a model, with what is known of its run."""
    return RegisteredModelVersionDetailsV1.of(model_version, public_url)
