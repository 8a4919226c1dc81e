-- The job that this one does again: it sees the datasets as that one found them.
ALTER TABLE jobs ADD COLUMN reproduces_id text REFERENCES jobs;
CREATE INDEX jobs_reproducing ON jobs (reproduces_id) WHERE reproduces_id IS NOT NULL;

ALTER TABLE dataset_mounts
    -- The tags of a snapshot, by which the run found its folder, too.
    ADD COLUMN tags jsonb NOT NULL DEFAULT '[]',
    -- A copy of the content, of the run's own: the run sees what an earlier one has found there.
    ADD COLUMN is_copy boolean NOT NULL DEFAULT false,
    -- Whether the store is to keep the content that the run found, and whether it could.
    ADD COLUMN keeping text CHECK (keeping IN ('wanted', 'kept', 'lost'));
CREATE INDEX dataset_mounts_kept ON dataset_mounts (run_id) WHERE keeping IS NOT NULL;
