"""Operations on the logs of a version."""

from typing import Annotated

from litestar.params import Parameter

from modelyard.domains.model_apis.access import VersionAccess, version_with
from modelyard.domains.model_apis.logs import service
from modelyard.domains.model_apis.logs.service import MOST_LINES, InstanceRequest
from modelyard.domains.model_apis.logs.wire import (
    ModelApiVersionBuildLogs,
    ModelApiVersionDeploymentLogs,
    ModelApiVersionExportLogs,
    ModelApiVersionInstanceLogs,
)
from modelyard.domains.model_apis.versions.routes import VERSION
from modelyard.domains.users import Right
from modelyard.engines.logs import LogStore
from modelyard.kit.db import Database
from modelyard.kit.operation import operation
from modelyard.kit.wire import present

TAG = "ModelAPIVersion"

_reading = version_with(Right.VIEW_MODEL_API)


@operation("GET", f"{VERSION}/buildLogs", guard=_reading, tag=TAG)
async def get_model_api_version_build_logs(
    access: VersionAccess, db: Database, buildId: str | None = None, sinceTimeNano: str | None = None
) -> ModelApiVersionBuildLogs:
    """How a version was built, with the build of its environment; at most 10,000 lines after a cursor."""
    version, after = access.version, service.cursor(sinceTimeNano)
    build_id = buildId or service.build_id(version)
    return ModelApiVersionBuildLogs(
        model_id=version.model_api_id,
        model_version_id=version.id,
        status=service.build_status(version),
        logs=await service.build_log(db, version, after) if build_id == service.build_id(version) else [],
        build_id=build_id,
        since_time_nano=present(sinceTimeNano),
    )


@operation("GET", f"{VERSION}/deploymentLogs", guard=_reading, tag=TAG)
async def get_model_api_version_deployment_logs(
    access: VersionAccess, db: Database
) -> ModelApiVersionDeploymentLogs:
    """How a version was started, served and stopped; the newest 10,000 lines."""
    return ModelApiVersionDeploymentLogs(
        status=access.version.status, logs=await service.deployment_log(db, access.version)
    )


@operation("GET", f"{VERSION}/exportLogs", guard=_reading, tag=TAG)
async def get_model_api_version_export_logs(
    access: VersionAccess, sinceTimeNano: str | None = None
) -> ModelApiVersionExportLogs:
    """Versions are not exported as images here, so that there is nothing to read."""
    service.cursor(sinceTimeNano)
    return ModelApiVersionExportLogs(
        model_id=access.version.model_api_id,
        model_version_id=access.version.id,
        status="not_triggered",
        logs=[],
        since_time_nano=present(sinceTimeNano),
    )


@operation("GET", f"{VERSION}/instanceLogs", guard=_reading, tag=TAG)
async def get_model_api_version_instance_logs(
    access: VersionAccess,
    db: Database,
    log_store: LogStore,
    podName: str | None = None,
    containerName: str | None = None,
    sinceTimeNano: str | None = None,
    tail: bool | None = None,
    maxResults: Annotated[int, Parameter(ge=0, le=2**53)] = MOST_LINES,
) -> ModelApiVersionInstanceLogs:
    """What the replicas of a version print: the lines after a cursor, or the newest ones; 10,000 at most."""
    version = access.version
    asked = InstanceRequest(
        replica_id=podName,
        container=containerName,
        after_ns=service.cursor(sinceTimeNano),
        newest=bool(tail),
        limit=min(maxResults, MOST_LINES),
    )
    return ModelApiVersionInstanceLogs(
        model_id=version.model_api_id,
        model_version_id=version.id,
        max_results=asked.limit,
        logs=await service.instance_log(db, log_store, version, asked),
        pod_name=present(podName),
        container_name=present(containerName),
        since_time_nano=present(sinceTimeNano),
        tail=present(tail),
    )
