"""SQL of what must be known of a model API to route its calls."""

import msgspec

from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Interface, VersionSource
from modelyard.kit.db import Executor


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A version as its callers meet it; `addresses` are those of its replicas that are ready.

    `interface` is left out of versions that are over, unless it is the newest one.
    """

    version_id: str
    number: int
    status: str
    is_wanted: bool
    is_production: bool
    source: VersionSource
    log_http_request_response: bool
    monitoring_enabled: bool
    record_invocation: bool
    addresses: list[str]
    interface: Interface | None

    @property
    def is_recorded(self) -> bool:
        """Whether somebody wants to see its calls later."""
        return self.log_http_request_response or self.monitoring_enabled or self.record_invocation


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    """A model API as its callers meet it: who may call, and its versions, the newest first.

    `token_digests` are by the ids of the tokens.
    """

    model_api_id: str
    name: str
    description: str
    project_id: str
    is_public: bool
    is_async: bool
    request_timeout_seconds: int | None
    recorded_share: float
    redacted_fields: list[str]
    production_version_id: str | None
    token_digests: dict[str, bytes]
    versions: list[Served]


_VERSIONS = """
SELECT v.id AS version_id, v.number, v.status, v.is_wanted, v.source, v.log_http_request_response,
    v.monitoring_enabled, v.record_invocation,
    v.id IS NOT DISTINCT FROM a.production_version_id AS is_production,
    CASE WHEN v.status = ANY($2) OR v.number = a.last_version THEN v.interface END AS interface,
    ARRAY(SELECT r.address FROM model_replicas r WHERE r.version_id = v.id AND r.state = 'ready'
        ORDER BY r.started_at, r.id) AS addresses
FROM model_api_versions v WHERE v.model_api_id = a.id ORDER BY v.number DESC"""
_ROUTES = f"""
SELECT a.id AS model_api_id, a.name, a.description, a.project_id, a.is_public, a.is_async,
    a.request_timeout_seconds, a.recorded_share, a.redacted_fields, a.production_version_id,
    (SELECT coalesce(jsonb_object_agg(t.id, encode(t.digest, 'base64')), '{{}}')
        FROM model_api_access_tokens t WHERE t.model_api_id = a.id) AS token_digests,
    ARRAY(SELECT to_jsonb(v) FROM ({_VERSIONS}) v) AS versions
FROM model_apis a WHERE a.id = $1 AND a.archived_at IS NULL"""


async def routes_of(db: Executor, model_api_id: str) -> Routes | None:
    """All that is needed to route the calls of a model API, or None for an unknown or archived one."""
    found = await db.value(f"SELECT to_jsonb(r) FROM ({_ROUTES}) r", model_api_id, list(lifecycle.ALIVE))
    return None if found is None else msgspec.convert(found, Routes)
