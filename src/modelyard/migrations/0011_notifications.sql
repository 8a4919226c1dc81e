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
    read_at    timestamptz,
    -- When its mail was taken by the mail server, or why it never will be.
    mailed_at  timestamptz,
    mail_problem text
);
CREATE INDEX notifications_listed ON notifications (account_id, id DESC);
CREATE INDEX notifications_unread ON notifications (account_id) WHERE read_at IS NULL;

-- Whether notifications are mailed, too: what the settings of the deployment said when it was started.
CREATE TABLE mail_delivery (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    is_on    boolean NOT NULL DEFAULT false
);
INSERT INTO mail_delivery DEFAULT VALUES;
