-- Accounts: people, and later organizations, in one table, so that an id means the same everywhere.
CREATE TABLE users (
    id            text PRIMARY KEY,
    kind          text NOT NULL DEFAULT 'individual' CHECK (kind IN ('individual', 'organization')),
    user_name     text NOT NULL,
    email         text,
    first_name    text NOT NULL DEFAULT '',
    last_name     text NOT NULL DEFAULT '',
    company_name  text,
    phone_number  text,
    is_admin      boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    deactivated_at timestamptz
);
CREATE UNIQUE INDEX users_by_name ON users (lower(user_name));

-- API keys: only their SHA-256 is stored; the first half finds the row, all of it is compared.
CREATE TABLE api_keys (
    id           text PRIMARY KEY,
    user_id      text NOT NULL REFERENCES users ON DELETE CASCADE,
    label        text NOT NULL DEFAULT '',
    lookup       bytea NOT NULL UNIQUE,
    digest       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_keys_of_user ON api_keys (user_id);

-- A run acts as the user who started it, with tokens that live for minutes and are renewed while it runs.
CREATE TABLE run_tokens (
    lookup     bytea PRIMARY KEY,
    digest     bytea NOT NULL,
    run_id     text NOT NULL,
    user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX run_tokens_of_run ON run_tokens (run_id);

-- Handles of git credentials; the secrets themselves are sealed and never read back over the API.
CREATE TABLE git_credentials (
    id           text PRIMARY KEY,
    user_id      text NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL,
    domain       text NOT NULL,
    provider     text NOT NULL,
    protocol     text NOT NULL CHECK (protocol IN ('https', 'ssh')),
    fingerprint  text NOT NULL,
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX git_credentials_of_user ON git_credentials (user_id);
