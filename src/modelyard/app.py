"""Composition root of the API: settings in, ASGI application out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, Reference, SecurityScheme
from litestar.types import ASGIApp

from modelyard import __version__, platform
from modelyard.dataset_storage import dataset_storage
from modelyard.domains.audit_trail import routes as audit_trail
from modelyard.domains.datasets import Storage
from modelyard.domains.datasets import legacy as datasets_legacy
from modelyard.domains.datasets import routes as datasets
from modelyard.domains.datasets.files import routes as dataset_files
from modelyard.domains.datasets.grants import routes as dataset_grants
from modelyard.domains.datasets.sharing import routes as dataset_sharing
from modelyard.domains.datasets.snapshots import routes as dataset_snapshots
from modelyard.domains.datasets.uploads import DatasetUploads
from modelyard.domains.datasets.uploads import routes as dataset_uploads
from modelyard.domains.environments import legacy as environments_legacy
from modelyard.domains.environments import routes as environments
from modelyard.domains.environments import seed_environments
from modelyard.domains.experiments import files as tracking_files
from modelyard.domains.experiments import pages as tracking_pages
from modelyard.domains.experiments import routes as experiments
from modelyard.domains.experiments import rules as tracking_rules
from modelyard.domains.experiments.addresses import TRACKING
from modelyard.domains.experiments.protocol import render_any_failure
from modelyard.domains.git_credentials import routes as git_credentials
from modelyard.domains.hardware_tiers import legacy as hardware_tiers_legacy
from modelyard.domains.hardware_tiers import routes as hardware_tiers
from modelyard.domains.hardware_tiers import seed_tiers
from modelyard.domains.jobs import data_routes as job_datasets
from modelyard.domains.jobs import defaults as job_defaults
from modelyard.domains.jobs import legacy as jobs_legacy
from modelyard.domains.jobs import routes as jobs
from modelyard.domains.model_apis import NAMES_BELOW as MODEL_API_NAMES_BELOW
from modelyard.domains.model_apis import legacy as model_apis_legacy
from modelyard.domains.model_apis import routes as model_apis
from modelyard.domains.model_apis.calls import routes as model_api_pages
from modelyard.domains.model_apis.calls.app import ModelCalls
from modelyard.domains.model_apis.calls.recorded import Recorder
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.collaborators import routes as model_api_collaborators
from modelyard.domains.model_apis.logs import routes as model_api_logs
from modelyard.domains.model_apis.predictions import routes as async_predictions
from modelyard.domains.model_apis.predictions.service import PredictionLimits
from modelyard.domains.model_apis.recording import routes as model_api_recording
from modelyard.domains.model_apis.registered import routes as model_apis_of_models
from modelyard.domains.model_apis.tokens import routes as model_api_tokens
from modelyard.domains.model_apis.variables import routes as model_api_variables
from modelyard.domains.model_apis.versions import routes as model_api_versions
from modelyard.domains.model_apis.volumes import routes as model_api_volumes
from modelyard.domains.notifications import routes as notifications
from modelyard.domains.notifications import set_mail_delivery
from modelyard.domains.organizations import routes as organizations
from modelyard.domains.projects import Throttle, Uploads, collaboration, settle_copies
from modelyard.domains.projects import archives as project_archives
from modelyard.domains.projects import files as project_files
from modelyard.domains.projects import history as project_history
from modelyard.domains.projects import legacy as projects_legacy
from modelyard.domains.projects import routes as projects
from modelyard.domains.projects.code_repositories import routes as code_repositories
from modelyard.domains.projects.copying import routes as project_copies
from modelyard.domains.projects.goals import routes as project_goals
from modelyard.domains.projects.tags import legacy as project_tags
from modelyard.domains.registered_models import BETA, NAMES_BELOW
from modelyard.domains.registered_models import routes as registered_models
from modelyard.domains.registered_models.lineage import routes as model_lineage
from modelyard.domains.registered_models.protocol import files as tracked_files
from modelyard.domains.registered_models.protocol import models as tracked_models
from modelyard.domains.registered_models.protocol import versions as tracked_versions
from modelyard.domains.registered_models.reproductions import routes as model_reproductions
from modelyard.domains.registered_models.reviews import routes as model_reviews
from modelyard.domains.registered_models.stages import protocol as tracked_stages
from modelyard.domains.registered_models.stages import routes as model_stages
from modelyard.domains.registered_models.versions import routes as model_versions
from modelyard.domains.users import Caller, authenticate, ensure_administrator
from modelyard.domains.users import legacy as users_legacy
from modelyard.domains.users import routes as users
from modelyard.engines.compute.machine import machine
from modelyard.engines.git import GitStore
from modelyard.engines.git.local import LocalGitStore
from modelyard.engines.git_remotes import AddressRules, GitHost, GitRemotes
from modelyard.engines.logs import LogStore
from modelyard.engines.logs.local import LocalLogStore
from modelyard.engines.serving.pool import LocalEndpoints
from modelyard.engines.tracker import Tracker
from modelyard.engines.tracker.local import LocalTracker
from modelyard.engines.tracker.place import TrackerPlace
from modelyard.git_hosting import address_rules, git_host, git_remotes
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, connect
from modelyard.kit.description import JsonDescription
from modelyard.kit.edge import Edge
from modelyard.kit.migrations import migrate
from modelyard.kit.operation import operations_of
from modelyard.kit.paging import page_of_ten
from modelyard.mailing import is_mailing
from modelyard.model_calls import call_recorder, prediction_limits
from modelyard.settings import Settings

COPIES_AT_ONCE = 2

# What handlers and guards may take by name: made with the application, one for all requests.
HELD: dict[str, type] = {
    "db": Database,
    "git": GitStore,
    "uploads": Uploads,
    "dataset_uploads": DatasetUploads,
    "copies": Throttle,
    "remotes": GitRemotes,
    "address_rules": AddressRules,
    "git_host": GitHost,
    "log_store": LogStore,
    "vault": Vault,
    "storage": Storage,
    "tracker": Tracker,
    "router": Router,
    "recorder": Recorder,
    "prediction_limits": PredictionLimits,
}

OPERATIONS = operations_of(
    platform,
    users,
    users_legacy,
    git_credentials,
    organizations,
    notifications,
    projects,
    projects_legacy,
    project_goals,
    project_tags,
    collaboration,
    project_files,
    code_repositories,
    project_copies,
    project_history,
    project_archives,
    hardware_tiers,
    hardware_tiers_legacy,
    environments,
    environments_legacy,
    datasets,
    dataset_grants,
    dataset_sharing,
    dataset_snapshots,
    dataset_files,
    dataset_uploads,
    datasets_legacy,
    jobs,
    jobs_legacy,
    job_defaults,
    job_datasets,
    registered_models,
    model_versions,
    tracked_models,
    tracked_versions,
    tracked_files,
    model_stages,
    tracked_stages,
    model_reviews,
    model_lineage,
    model_reproductions,
    model_apis,
    model_api_versions,
    model_api_tokens,
    model_api_collaborators,
    model_api_variables,
    model_api_volumes,
    model_api_logs,
    model_apis_of_models,
    async_predictions,
    model_api_recording,
    model_apis_legacy,
    model_api_pages,
    audit_trail,
    experiments,
    tracking_files,
    tracking_pages,
)
OPERATIONS += tracking_rules.HANDLERS


def create_app(settings: Settings, dsn: str) -> Litestar:
    """The application over the database at `dsn`; it opens and closes its connections with its lifespan."""
    dependencies = {
        "page": Provide(page_of_ten, sync_to_thread=False),
        "caller": Provide(_caller),
        "public_url": Provide(_public_url(settings), sync_to_thread=False),
    }
    return Litestar(
        route_handlers=OPERATIONS,
        dependencies=dependencies | {name: _held(name, kind) for name, kind in HELD.items()},
        exception_handlers={Exception: render_any_failure},
        lifespan=[_opened(settings, dsn)],
        openapi_config=_description(),
        request_max_body_size=settings.max_body_bytes,
        on_app_init=[_without_logging],
    )


def edge(app: Litestar, settings: Settings) -> ASGIApp:
    """The application as it is served: behind its edge, and beside the calls of models."""
    behind_edge = Edge(
        app,
        settings.request_timeout_seconds,
        settings.upload_timeout_seconds,
        rewrites=(project_files.UPLOAD, BETA, *TRACKING),
        names_below=(NAMES_BELOW, MODEL_API_NAMES_BELOW),
    )
    return ModelCalls(behind_edge, app.state, settings.model_max_body_bytes, settings.request_timeout_seconds)


def _opened(settings: Settings, dsn: str) -> Any:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.git = LocalGitStore(settings.home_path / "repos")
        app.state.uploads = Uploads(settings.home_path / "uploads", settings.max_upload_bytes)
        app.state.uploads.sweep(2 * settings.upload_timeout_seconds)
        app.state.copies = Throttle(COPIES_AT_ONCE)
        app.state.address_rules = address_rules(settings)
        app.state.remotes = git_remotes(settings, app.state.address_rules)
        app.state.git_host = git_host(settings, app.state.address_rules)
        app.state.log_store = LocalLogStore(settings.home_path / "runs")
        app.state.storage = dataset_storage(settings)
        app.state.dataset_uploads = DatasetUploads(app.state.storage, settings.dataset_max_file_bytes)
        app.state.tracker = LocalTracker(TrackerPlace(settings.home_path))
        app.state.tracker.sweep(2 * settings.upload_timeout_seconds)
        app.state.vault = Vault.open(settings.home_path / "secret.key")
        app.state.db = await connect(dsn, max_size=settings.database_pool_size)
        app.state.router = Router(app.state.db, dsn, LocalEndpoints(), settings.model_queue_size)
        app.state.recorder = call_recorder(app.state.db, settings)
        app.state.prediction_limits = prediction_limits(settings)
        try:
            await _fill(app.state.db, app.state.git, app.state.vault, settings)
            # Beside the first requests: it may have to wait for somebody who uses a dataset.
            recovering = asyncio.create_task(app.state.dataset_uploads.recover(app.state.db))
            listening = asyncio.create_task(app.state.router.listen())
            recording = asyncio.create_task(app.state.recorder.run())
            yield
            recovering.cancel()
            listening.cancel()
            recording.cancel()
        finally:
            await app.state.recorder.close()
            await app.state.router.close()
            await app.state.tracker.close()
            await app.state.db.close()

    return lifespan


async def _fill(db: Database, git: GitStore, vault: Vault, settings: Settings) -> None:
    """Brings the database up to date, makes what a fresh installation has, and settles what a crash left."""
    await migrate(db)
    here = machine()
    await seed_tiers(db, here.cores, here.memory_bytes, here.gpus)
    await seed_environments(db, vault)
    if settings.admin_api_key:
        await ensure_administrator(db, settings.admin_api_key)
    await set_mail_delivery(db, is_on=is_mailing(settings))
    await settle_copies(db, git)


# A function of its own: Litestar refuses the same one at two layers, and guards provide `authenticate` too.
async def _caller(request: Request[Any, Any, State], db: Database) -> Caller:
    return await authenticate(request, db)


def _public_url(settings: Settings) -> Any:
    """Where people reach this server: as the settings say, else as this request did."""

    def give(request: Request[Any, Any, State]) -> str:
        return (settings.public_url or str(request.base_url)).rstrip("/")

    return give


def _held(name: str, kind: type) -> Provide:
    """What the application holds by this name from its start to its end."""

    def give(state: State) -> Any:
        return state[name]

    give.__annotations__["return"] = kind
    return Provide(give, sync_to_thread=False)


def _without_logging(config: AppConfig) -> AppConfig:
    config.logging_config = None
    return config


def _description() -> OpenAPIConfig:
    schemes: dict[str, SecurityScheme | Reference] = {
        "DominoApiKey": SecurityScheme(type="apiKey", name="X-Domino-Api-Key", security_scheme_in="header"),
        "BearerAuthentication": SecurityScheme(type="http", scheme="bearer"),
    }
    return OpenAPIConfig(
        title="Modelyard",
        version=__version__,
        description="The REST API of Modelyard. Paths below `/api` follow Domino Data Lab's public API.",
        path="/schema",
        render_plugins=[JsonDescription(path="/openapi.json")],
        components=Components(security_schemes=schemes),
        security=[{"DominoApiKey": []}, {"BearerAuthentication": []}],
        use_handler_docstrings=True,
    )
