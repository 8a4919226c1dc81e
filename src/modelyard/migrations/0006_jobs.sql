CREATE TABLE jobs (
    id                      text PRIMARY KEY,
    project_id              text NOT NULL REFERENCES projects,
    number                  int NOT NULL,
    title                   text,
    command                 text NOT NULL,
    status                  text NOT NULL,
    phase                   text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN status IN ('Succeeded', 'Failed', 'Error', 'Stopped') THEN 'completed'
             WHEN status = 'Queued' THEN 'queued'
             ELSE 'running' END) STORED,
    is_archived             boolean NOT NULL DEFAULT false,
    started_by_id           text NOT NULL REFERENCES users,
    launched_by_run_id      text,
    hardware_tier_id        text NOT NULL,
    cents_per_minute        double precision NOT NULL,
    environment_id          text NOT NULL,
    environment_revision_id text NOT NULL,
    awaits_build            boolean NOT NULL,
    input_commit_id         text NOT NULL,
    output_commit_id        text,
    snapshot_datasets       boolean NOT NULL DEFAULT false,
    submitted_at            timestamptz NOT NULL DEFAULT now(),
    started_at              timestamptz,
    completed_at            timestamptz,
    stop_requested          text CHECK (stop_requested IN ('commit', 'discard')),
    node                    text,
    gpus                    int[] NOT NULL DEFAULT '{}',
    exit_code               int,
    problem                 text,
    domino_stats            jsonb NOT NULL DEFAULT '[]',
    cpu_seconds             double precision,
    peak_memory_bytes       bigint,
    UNIQUE (project_id, number)
);
-- Lists are windows over these; the second one serves the status filters.
CREATE INDEX jobs_listed ON jobs (project_id, is_archived, number);
CREATE INDEX jobs_listed_by_phase ON jobs (project_id, is_archived, phase, number);
CREATE INDEX jobs_listed_by_time ON jobs (project_id, is_archived, submitted_at);
CREATE INDEX jobs_awaiting_builds ON jobs (environment_revision_id) WHERE awaits_build;
CREATE INDEX jobs_stopping ON jobs (node) WHERE stop_requested IS NOT NULL AND completed_at IS NULL;

-- How many jobs a project has in each phase, so that a list's total is one row whatever its length.
CREATE TABLE job_counts (
    project_id         text PRIMARY KEY REFERENCES projects,
    last_number        int NOT NULL DEFAULT 0,
    queued             int NOT NULL DEFAULT 0,
    running            int NOT NULL DEFAULT 0,
    completed          int NOT NULL DEFAULT 0,
    archived           int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE FUNCTION count_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.phase = NEW.phase AND OLD.is_archived = NEW.is_archived THEN
        RETURN NULL;
    END IF;
    UPDATE job_counts SET
        queued    = queued    + (NOT NEW.is_archived AND NEW.phase = 'queued')::int,
        running   = running   + (NOT NEW.is_archived AND NEW.phase = 'running')::int,
        completed = completed + (NOT NEW.is_archived AND NEW.phase = 'completed')::int,
        archived  = archived  + NEW.is_archived::int
        WHERE project_id = NEW.project_id;
    IF TG_OP = 'UPDATE' THEN
        UPDATE job_counts SET
            queued    = queued    - (NOT OLD.is_archived AND OLD.phase = 'queued')::int,
            running   = running   - (NOT OLD.is_archived AND OLD.phase = 'running')::int,
            completed = completed - (NOT OLD.is_archived AND OLD.phase = 'completed')::int,
            archived  = archived  - OLD.is_archived::int
            WHERE project_id = OLD.project_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_jobs AFTER INSERT OR UPDATE OF status, is_archived ON jobs
    FOR EACH ROW EXECUTE FUNCTION count_jobs();

CREATE TABLE job_tags (
    id         text PRIMARY KEY,
    job_id     text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    name       text NOT NULL,
    creator_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (job_id, name)
);
CREATE INDEX job_tags_by_name ON job_tags (name, job_id);

CREATE TABLE job_goals (
    job_id  text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    goal_id text NOT NULL,
    PRIMARY KEY (job_id, goal_id)
);
