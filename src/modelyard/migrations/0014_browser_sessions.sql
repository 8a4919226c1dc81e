-- People who have logged in to the pages of the tracker; hashed like keys, and ended with the key they came with.
CREATE TABLE browser_sessions (
    lookup     bytea PRIMARY KEY,
    digest     bytea NOT NULL,
    key_id     text NOT NULL REFERENCES api_keys ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX browser_sessions_by_end ON browser_sessions (expires_at);
