-- Who did what to which object, when and from where.
CREATE TABLE events (
    id             text PRIMARY KEY,
    at             timestamptz NOT NULL DEFAULT now(),
    actor_id       text,
    actor_name     text NOT NULL,
    action         text NOT NULL,
    target_kind    text NOT NULL,
    target_id      text NOT NULL,
    project_id     text,
    details        jsonb NOT NULL DEFAULT '{}',
    remote_address text,
    request_id     text
);
CREATE INDEX events_of_project ON events (project_id, id DESC) WHERE project_id IS NOT NULL;
CREATE INDEX events_of_target ON events (target_kind, target_id, id DESC);

-- Durable work waiting for, or held by, a runner. Finished work is deleted.
CREATE TABLE work (
    id               text PRIMARY KEY,
    kind             text NOT NULL,
    subject_id       text NOT NULL,
    available_at     timestamptz NOT NULL DEFAULT now(),
    attempts         int NOT NULL DEFAULT 0,
    lease_holder     text,
    lease_token      text UNIQUE,
    lease_expires_at timestamptz,
    UNIQUE (kind, subject_id)
) WITH (fillfactor = 70);
CREATE INDEX work_waiting ON work (kind, available_at, id) WHERE lease_token IS NULL;
