-- Registered models and their versions. A name is unique on the whole deployment.
CREATE TABLE registered_models (
    id           text PRIMARY KEY,
    name         text NOT NULL UNIQUE,
    project_id   text NOT NULL REFERENCES projects,
    owner_id     text NOT NULL REFERENCES users,
    description  text NOT NULL DEFAULT '',
    discoverable boolean NOT NULL DEFAULT false,
    tags         jsonb NOT NULL DEFAULT '{}',
    -- Numbers of versions are not used twice, also after the last one was deleted.
    last_version int NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX registered_models_by_project ON registered_models (project_id);
CREATE INDEX registered_models_by_time ON registered_models (updated_at);

CREATE TABLE model_versions (
    model_id        text NOT NULL REFERENCES registered_models ON DELETE CASCADE,
    version         int NOT NULL,
    description     text NOT NULL DEFAULT '',
    owner_id        text NOT NULL REFERENCES users,
    -- The run it was made from; null where a client registers what no run has logged.
    run_id          text REFERENCES experiment_runs,
    -- The source as the client named it, and where its files are in the artifact store.
    source          text NOT NULL,
    storage_location text NOT NULL,
    -- The logged model that it is, where the client logs models.
    logged_model_id text,
    run_link        text NOT NULL DEFAULT '',
    stage           text NOT NULL DEFAULT 'None',
    tags            jsonb NOT NULL DEFAULT '{}',
    -- The run's last metrics and its parameters, as they are at every write to the run:
    -- [{"key", "value", "timestamp"}] with milliseconds, [{"key", "value"}].
    metrics         jsonb NOT NULL DEFAULT '[]',
    params          jsonb NOT NULL DEFAULT '[]',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_id, version)
);
CREATE INDEX model_versions_by_run ON model_versions (run_id);
CREATE INDEX model_versions_by_time ON model_versions (updated_at);

CREATE TABLE model_aliases (
    model_id text NOT NULL,
    alias    text NOT NULL,
    version  int NOT NULL,
    PRIMARY KEY (model_id, alias),
    FOREIGN KEY (model_id, version) REFERENCES model_versions ON DELETE CASCADE
);
CREATE INDEX model_aliases_by_version ON model_aliases (model_id, version);

-- The stages of a project that has its own, in the order of promotion.
CREATE TABLE project_model_stages (
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    place      int NOT NULL,
    label      text NOT NULL,
    PRIMARY KEY (project_id, place),
    UNIQUE (project_id, label)
);

CREATE TABLE model_reviews (
    id           text PRIMARY KEY,
    model_id     text NOT NULL,
    version      int NOT NULL,
    status       text NOT NULL CHECK (status IN ('Open', 'Approved', 'Canceled')),
    target_stage text NOT NULL,
    notes        text NOT NULL DEFAULT '',
    creator_id   text NOT NULL REFERENCES users,
    created_at   timestamptz NOT NULL DEFAULT now(),
    closed_at    timestamptz,
    FOREIGN KEY (model_id, version) REFERENCES model_versions ON DELETE CASCADE
);
CREATE UNIQUE INDEX model_reviews_open ON model_reviews (model_id, version) WHERE status = 'Open';
CREATE INDEX model_reviews_by_version ON model_reviews (model_id, version, id DESC);

CREATE TABLE model_reviewers (
    review_id   text NOT NULL REFERENCES model_reviews ON DELETE CASCADE,
    user_id     text NOT NULL REFERENCES users,
    place       int NOT NULL,
    decision    text CHECK (decision IN ('Approved', 'RequestChanges')),
    notes       text NOT NULL DEFAULT '',
    answered_at timestamptz,
    PRIMARY KEY (review_id, user_id)
);
