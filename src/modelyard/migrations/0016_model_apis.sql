-- Model APIs: stable endpoints with versions of a model behind them.
CREATE TABLE model_apis (
    id                      text PRIMARY KEY,
    project_id              text NOT NULL REFERENCES projects,
    name                    text NOT NULL,
    description             text NOT NULL DEFAULT '',
    environment_id          text NOT NULL REFERENCES environments,
    hardware_tier_id        text REFERENCES hardware_tiers,
    replicas                int NOT NULL DEFAULT 1 CHECK (replicas >= 1),
    is_async                boolean NOT NULL DEFAULT false,
    is_public               boolean NOT NULL DEFAULT false,
    strict_node_anti_affinity boolean NOT NULL DEFAULT false,
    -- The endpoint of a project as the first generation of the API knows it; a project has at most one.
    is_project_endpoint     boolean NOT NULL DEFAULT false,
    bundle_id               text,
    resource_quota_id       text,
    -- The time a call may take; the platform's own limit when null.
    request_timeout_seconds int,
    -- {"initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"}
    health_check            jsonb NOT NULL,
    -- Of the calls that are recorded: the share, and the names of fields whose values are left out.
    recorded_share          double precision NOT NULL DEFAULT 1 CHECK (recorded_share BETWEEN 0 AND 1),
    redacted_fields         text[] NOT NULL DEFAULT '{}',
    -- Numbers of versions are not used twice.
    last_version            int NOT NULL DEFAULT 0,
    production_version_id   text,
    created_by_id           text NOT NULL REFERENCES users,
    created_at              timestamptz NOT NULL DEFAULT now(),
    modified_at             timestamptz NOT NULL DEFAULT now(),
    archived_at             timestamptz
);
CREATE INDEX model_apis_by_project ON model_apis (project_id) WHERE archived_at IS NULL;
CREATE UNIQUE INDEX model_apis_project_endpoint ON model_apis (project_id)
    WHERE is_project_endpoint AND archived_at IS NULL;

CREATE TABLE model_api_versions (
    id                      text PRIMARY KEY,
    model_api_id            text NOT NULL REFERENCES model_apis,
    number                  int NOT NULL,
    project_id              text NOT NULL REFERENCES projects,
    description             text NOT NULL DEFAULT '',
    -- As the contract has it: {"type", "file", "function", "excludeFiles", "registeredModelName",
    -- "registeredModelVersion"}.
    source                  jsonb NOT NULL,
    -- What a registered model was called may change, and it may be deleted; what is served stays.
    registered_model_id     text,
    registered_model_version int,
    commit_id               text NOT NULL,
    environment_revision_id text NOT NULL REFERENCES environment_revisions,
    log_http_request_response boolean NOT NULL,
    monitoring_enabled      boolean NOT NULL,
    record_invocation       boolean NOT NULL,
    prediction_dataset_id   text,
    provenance_checkpoint_id text,
    status                  text NOT NULL DEFAULT 'Preparing to build',
    -- Why it has failed, or stalls.
    problem                 text,
    -- When all that its replicas need was made.
    built_at                timestamptz,
    -- The environment that was made from the requirements of a registered model, and what it was locked to.
    build_key               text,
    build_lock              text,
    build_image             text,
    is_wanted               boolean NOT NULL,
    -- Goes on when a newer version has taken over: it was started by hand, or has been in production.
    is_kept                 boolean NOT NULL DEFAULT false,
    -- What its replicas said of it: {"concurrency", "max_batch_size", "pure", "inputs", "example"}.
    interface               jsonb,
    created_by_id           text NOT NULL REFERENCES users,
    created_at              timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model_api_id, number)
);
CREATE INDEX model_api_versions_by_model ON model_api_versions (registered_model_id, registered_model_version)
    WHERE registered_model_id IS NOT NULL;
ALTER TABLE model_apis ADD FOREIGN KEY (production_version_id) REFERENCES model_api_versions;

-- The worker processes of versions, living and ended; their logs are kept by the same ids.
CREATE TABLE model_replicas (
    id         text PRIMARY KEY,
    version_id text NOT NULL REFERENCES model_api_versions,
    node       text NOT NULL,
    address    text NOT NULL,
    state      text NOT NULL CHECK (state IN ('starting', 'ready', 'draining', 'ended')),
    problem    text,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz
);
CREATE INDEX model_replicas_by_version ON model_replicas (version_id, started_at);
CREATE INDEX model_replicas_living ON model_replicas (version_id) WHERE state <> 'ended';

-- What the platform did for a version, line by line; nanoseconds since 1970.
CREATE TABLE model_api_log_lines (
    version_id text NOT NULL REFERENCES model_api_versions,
    kind       text NOT NULL CHECK (kind IN ('build', 'deployment')),
    time_ns    bigint NOT NULL,
    line       text NOT NULL,
    PRIMARY KEY (version_id, kind, time_ns)
);

CREATE TABLE model_api_access_tokens (
    id                text PRIMARY KEY,
    model_api_id      text NOT NULL REFERENCES model_apis,
    name              text,
    digest            bytea NOT NULL,
    created_by_id     text NOT NULL REFERENCES users,
    created_at        timestamptz NOT NULL DEFAULT now(),
    generated_by_id   text NOT NULL REFERENCES users,
    generated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX model_api_access_tokens_by_model ON model_api_access_tokens (model_api_id);

CREATE TABLE model_api_collaborators (
    model_api_id text NOT NULL REFERENCES model_apis,
    account_id   text NOT NULL REFERENCES users,
    role         text NOT NULL CHECK (role IN ('Owner', 'Editor', 'Viewer')),
    PRIMARY KEY (model_api_id, account_id)
);
CREATE INDEX model_api_collaborators_by_account ON model_api_collaborators (account_id);

CREATE TABLE model_api_variables (
    model_api_id text NOT NULL REFERENCES model_apis,
    key          text NOT NULL,
    sealed_value bytea NOT NULL,
    PRIMARY KEY (model_api_id, key)
);

CREATE TABLE model_api_volumes (
    model_api_id text NOT NULL REFERENCES model_apis,
    name         text NOT NULL,
    mount_path   text NOT NULL,
    volume_type  text NOT NULL CHECK (volume_type IN ('Dataset', 'Snapshot')),
    read_only    boolean NOT NULL,
    dataset_id   text NOT NULL REFERENCES datasets,
    snapshot_id  text REFERENCES dataset_snapshots,
    -- In whose name it is mounted: whoever added it.
    added_by_id  text NOT NULL REFERENCES users,
    PRIMARY KEY (model_api_id, name),
    UNIQUE (model_api_id, mount_path)
);

-- Predictions that are asked for now and made when a model has room. Bodies are JSON.
CREATE TABLE async_predictions (
    id           text PRIMARY KEY,
    model_api_id text NOT NULL REFERENCES model_apis,
    status       text NOT NULL DEFAULT 'Pending' CHECK (status IN ('Pending', 'Processing', 'Succeeded', 'Failed')),
    parameters   bytea,
    result       bytea,
    error        text,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    began_at     timestamptz,
    ended_at     timestamptz
);
CREATE INDEX async_predictions_ended ON async_predictions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX async_predictions_open ON async_predictions (model_api_id, id) WHERE ended_at IS NULL;
CREATE INDEX async_predictions_processing ON async_predictions (model_api_id) WHERE status = 'Processing';
