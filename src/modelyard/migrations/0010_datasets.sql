-- Datasets: a live folder of plain files, `datasets/<id>/live`, and immutable snapshots of it, each a root in the
-- store below `blobs/`.
CREATE TABLE datasets (
    id                   text PRIMARY KEY,
    project_id           text NOT NULL REFERENCES projects,
    name                 text NOT NULL,
    description          text NOT NULL DEFAULT '',
    creator_id           text NOT NULL REFERENCES users,
    created_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at           timestamptz,
    -- When the live folder of a deleted dataset was removed.
    reclaimed_at         timestamptz,
    last_snapshot_number int NOT NULL DEFAULT 0,
    -- Live files may have been changed by somebody who does not tell: they must be looked through.
    may_have_changed     boolean NOT NULL DEFAULT false,
    -- The live files when they were last looked through or written by way of the API.
    file_count           bigint NOT NULL DEFAULT 0,
    size_bytes           bigint NOT NULL DEFAULT 0,
    quota_bytes          bigint CHECK (quota_bytes >= 0),
    -- When somebody began to restore a snapshot; no run may mount the live files meanwhile.
    restoring_since      timestamptz,
    -- What it is to begin with, until it has it: a root in the store, or the live files of another dataset.
    fill_with            text,
    fill_from            text REFERENCES datasets
);
CREATE UNIQUE INDEX datasets_by_name ON datasets (project_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX datasets_live ON datasets (id) WHERE deleted_at IS NULL;
CREATE INDEX datasets_filled_from ON datasets (fill_from) WHERE fill_from IS NOT NULL;
CREATE INDEX datasets_to_reclaim ON datasets (id) WHERE deleted_at IS NOT NULL AND reclaimed_at IS NULL;

-- One role an account; what an organization has, its members have.
CREATE TABLE dataset_grants (
    dataset_id text NOT NULL REFERENCES datasets ON DELETE CASCADE,
    account_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('DatasetRwOwner', 'DatasetRwEditor', 'DatasetRwReader')),
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_id, account_id)
);
CREATE INDEX dataset_grants_by_account ON dataset_grants (account_id, dataset_id);

CREATE TABLE dataset_snapshots (
    id              text PRIMARY KEY,
    dataset_id      text NOT NULL REFERENCES datasets ON DELETE CASCADE,
    number          int NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'copying', 'active', 'failed',
                        'markForDeletion', 'deletionInProgress', 'deleted')),
    description     text NOT NULL DEFAULT '',
    creator_id      text REFERENCES users,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- The files and folders it is of; all when empty.
    paths           text[] NOT NULL DEFAULT '{}',
    -- The hash that names its whole content, in hex; the same content has the same root.
    root            text,
    file_count      bigint,
    size_bytes      bigint,
    last_mounted_at timestamptz,
    -- Why it failed, or what it lacks, in a sentence.
    problem         text,
    -- The run at whose end it was taken.
    run_id          text,
    UNIQUE (dataset_id, number)
);
CREATE INDEX dataset_snapshots_to_reclaim ON dataset_snapshots (id)
    WHERE status IN ('markForDeletion', 'deletionInProgress');

CREATE TABLE dataset_tags (
    dataset_id  text NOT NULL REFERENCES datasets ON DELETE CASCADE,
    name        text NOT NULL,
    snapshot_id text NOT NULL REFERENCES dataset_snapshots ON DELETE CASCADE,
    PRIMARY KEY (dataset_id, name)
);
CREATE INDEX dataset_tags_of_snapshot ON dataset_tags (snapshot_id);

-- Datasets of other projects that a project uses.
CREATE TABLE shared_datasets (
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    dataset_id text NOT NULL REFERENCES datasets ON DELETE CASCADE,
    PRIMARY KEY (project_id, dataset_id)
);
CREATE INDEX shared_datasets_by_dataset ON shared_datasets (dataset_id);

-- What runs see of datasets: the live files (no snapshot) or a snapshot, at a path below the run's datasets folder.
CREATE TABLE dataset_mounts (
    run_id       text NOT NULL,
    path         text NOT NULL,
    dataset_id   text NOT NULL REFERENCES datasets ON DELETE CASCADE,
    snapshot_id  text REFERENCES dataset_snapshots ON DELETE CASCADE,
    is_writable  boolean NOT NULL,
    -- The hash that names the live files before the run and after it, in hex.
    root_before  text,
    root_after   text,
    mounted_at   timestamptz NOT NULL DEFAULT now(),
    unmounted_at timestamptz,
    PRIMARY KEY (run_id, path)
);
CREATE INDEX dataset_mounts_by_dataset ON dataset_mounts (dataset_id, mounted_at DESC);
CREATE INDEX dataset_mounts_by_snapshot ON dataset_mounts (snapshot_id) WHERE snapshot_id IS NOT NULL;
CREATE INDEX dataset_mounts_open ON dataset_mounts (dataset_id) WHERE unmounted_at IS NULL AND is_writable;

-- How many bytes the live files of all datasets of a project may have together.
CREATE TABLE dataset_quotas (
    project_id  text PRIMARY KEY REFERENCES projects ON DELETE CASCADE,
    quota_bytes bigint NOT NULL CHECK (quota_bytes >= 0)
);
