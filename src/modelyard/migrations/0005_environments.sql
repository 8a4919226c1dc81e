CREATE TABLE environments (
    id                      text PRIMARY KEY,
    name                    text NOT NULL,
    owner_id                text REFERENCES users,
    visibility              text NOT NULL CHECK (visibility IN ('global', 'private', 'organization')),
    is_default              boolean NOT NULL DEFAULT false,
    selected_revision_id    text,
    restricted_revision_id  text,
    created_at              timestamptz NOT NULL DEFAULT now(),
    archived_at             timestamptz,
    CHECK ((visibility = 'global') = (owner_id IS NULL))
);
CREATE UNIQUE INDEX environments_one_default ON environments (is_default) WHERE is_default;
CREATE INDEX environments_of_owner ON environments (owner_id);

-- `status` is null until a build is asked for.
CREATE TABLE environment_revisions (
    id                text PRIMARY KEY,
    environment_id    text NOT NULL REFERENCES environments,
    number            int NOT NULL,
    image             text NOT NULL,
    instructions      text NOT NULL DEFAULT '',
    sealed_variables  bytea NOT NULL,
    scripts           jsonb NOT NULL DEFAULT '{}',
    summary           text NOT NULL DEFAULT '',
    tags              jsonb NOT NULL DEFAULT '[]',
    supported_clusters jsonb NOT NULL DEFAULT '[]',
    workspace_tools   jsonb NOT NULL DEFAULT '[]',
    skip_cache        boolean NOT NULL DEFAULT false,
    status            text,
    failure           text,
    build_key         text,
    lock              text,
    build_variables   jsonb NOT NULL DEFAULT '{}',
    created_by_id     text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    build_ended_at    timestamptz,
    UNIQUE (environment_id, number)
);

CREATE TABLE build_log_lines (
    revision_id text NOT NULL REFERENCES environment_revisions,
    time_ns     bigint NOT NULL,
    line        text NOT NULL,
    PRIMARY KEY (revision_id, time_ns)
);
