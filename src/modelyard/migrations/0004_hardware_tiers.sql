CREATE TABLE hardware_tiers (
    id                          text PRIMARY KEY,
    name                        text NOT NULL,
    cores                       double precision NOT NULL,
    memory_bytes                bigint NOT NULL,
    gpus                        int NOT NULL DEFAULT 0,
    cents_per_minute            double precision NOT NULL DEFAULT 0,
    max_simultaneous_executions int,
    is_default                  boolean NOT NULL DEFAULT false,
    is_default_for_model_api    boolean NOT NULL DEFAULT false,
    is_archived                 boolean NOT NULL DEFAULT false,
    settings                    jsonb NOT NULL,
    created_at                  timestamptz NOT NULL DEFAULT now(),
    updated_at                  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX hardware_tiers_one_default ON hardware_tiers (is_default) WHERE is_default;
CREATE UNIQUE INDEX hardware_tiers_one_model_default
    ON hardware_tiers (is_default_for_model_api) WHERE is_default_for_model_api;

-- The machines on which a runner lives.
CREATE TABLE nodes (
    name         text PRIMARY KEY,
    cores        int NOT NULL,
    memory_bytes bigint NOT NULL,
    gpus         int NOT NULL,
    seen_at      timestamptz NOT NULL DEFAULT now()
);

-- What waits for, or holds, cores, memory and GPUs; rows are gone when it is over.
CREATE TABLE executions (
    id               text PRIMARY KEY,
    kind             text NOT NULL,
    hardware_tier_id text NOT NULL REFERENCES hardware_tiers,
    user_id          text NOT NULL,
    cores            double precision NOT NULL,
    memory_bytes     bigint NOT NULL,
    gpus             int NOT NULL,
    node             text,
    gpu_numbers      int[] NOT NULL DEFAULT '{}',
    queued_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    admitted_at      timestamptz
);
CREATE INDEX executions_waiting ON executions (queued_at, id) WHERE admitted_at IS NULL;
CREATE INDEX executions_admitted ON executions (node) WHERE admitted_at IS NOT NULL;
