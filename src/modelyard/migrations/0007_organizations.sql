-- Who belongs to which organization; the organization itself is an account (users.kind = 'organization').
CREATE TABLE organization_members (
    organization_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    user_id         text NOT NULL REFERENCES users ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN ('admin', 'member')),
    added_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);
-- Every rule of who sees what begins with the organizations of one person.
CREATE INDEX organization_members_by_user ON organization_members (user_id, organization_id);
