-- What accounts are told: a feed for each, newest first.
CREATE TABLE notifications (
    id         text PRIMARY KEY,
    account_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    kind       text NOT NULL,
    -- What it is about, as in events.
    target_kind text NOT NULL,
    target_id  text NOT NULL,
    project_id text REFERENCES projects,
    subject    text NOT NULL,
    message    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    read_at    timestamptz
);
CREATE INDEX notifications_listed ON notifications (account_id, id DESC);
CREATE INDEX notifications_unread ON notifications (account_id) WHERE read_at IS NULL;
