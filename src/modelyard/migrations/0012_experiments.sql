-- Experiments: what they are called and whose they are. Their runs, metrics and traces are kept by the tracker,
-- which knows an experiment by the same id.
CREATE TABLE experiments (
    id                text PRIMARY KEY,
    project_id        text NOT NULL REFERENCES projects,
    name              text NOT NULL,
    lifecycle_stage   text NOT NULL DEFAULT 'active' CHECK (lifecycle_stage IN ('active', 'deleted')),
    artifact_location text NOT NULL,
    tags              jsonb NOT NULL DEFAULT '{}',
    creator_id        text NOT NULL REFERENCES users,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, name)
);
CREATE INDEX experiments_by_name ON experiments (name);

-- Which experiment a run belongs to, and the job that logged it.
CREATE TABLE experiment_runs (
    id            text PRIMARY KEY,
    experiment_id text NOT NULL REFERENCES experiments,
    job_id        text REFERENCES jobs,
    creator_id    text NOT NULL REFERENCES users,
    -- Versions of registered models copy what is logged to it.
    is_registered boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX experiment_runs_by_experiment ON experiment_runs (experiment_id);
CREATE INDEX experiment_runs_by_job ON experiment_runs (job_id) WHERE job_id IS NOT NULL;
