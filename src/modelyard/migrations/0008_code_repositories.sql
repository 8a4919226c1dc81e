-- Git repositories elsewhere that belong to a project: the main one of a git-based project, and imported ones.
CREATE TABLE code_repositories (
    id               text PRIMARY KEY,
    project_id       text NOT NULL REFERENCES projects ON DELETE CASCADE,
    is_main          boolean NOT NULL,
    name             text NOT NULL,
    uri              text NOT NULL,
    -- What decides which credentials may be sent there; no host for a folder of the server.
    host             text,
    protocol         text NOT NULL CHECK (protocol IN ('https', 'ssh', 'local')),
    service_provider text NOT NULL,
    ref_type         text NOT NULL CHECK (ref_type IN ('Head', 'Branch', 'Tag', 'Commit')),
    ref_value        text,
    added_by_id      text NOT NULL REFERENCES users,
    added_at         timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX code_repositories_one_main ON code_repositories (project_id) WHERE is_main;
CREATE UNIQUE INDEX code_repositories_by_name ON code_repositories (project_id, lower(name));

-- With which of their own credentials a person reaches a repository; without a row, one of the same host serves.
CREATE TABLE code_repository_credentials (
    repository_id text NOT NULL REFERENCES code_repositories ON DELETE CASCADE,
    user_id       text NOT NULL REFERENCES users ON DELETE CASCADE,
    credential_id text NOT NULL REFERENCES git_credentials ON DELETE CASCADE,
    PRIMARY KEY (repository_id, user_id)
);
CREATE INDEX code_repository_credentials_of ON code_repository_credentials (credential_id);

ALTER TABLE projects
    DROP COLUMN main_repository_id,
    DROP COLUMN main_repository_uri,
    DROP COLUMN main_repository_provider;

-- What a job uses that names nothing itself; empty means the platform's own defaults.
ALTER TABLE projects
    ADD COLUMN default_environment_id            text,
    ADD COLUMN default_environment_revision_spec text,
    ADD COLUMN default_hardware_tier_id          text;

-- The repositories that a job sees, as they were when it was submitted, with the commits that it really got.
ALTER TABLE jobs ADD COLUMN repositories jsonb NOT NULL DEFAULT '[]';
