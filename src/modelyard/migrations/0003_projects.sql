-- Projects: a name, people, settings and a git repository `repos/<id>.git`, made when first needed.
CREATE TABLE projects (
    id                text PRIMARY KEY,
    owner_id          text NOT NULL REFERENCES users,
    name              text NOT NULL,
    description       text NOT NULL DEFAULT '',
    visibility        text NOT NULL CHECK (visibility IN ('Public', 'Searchable', 'Private')),
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'complete')),
    is_blocked        boolean NOT NULL DEFAULT false,
    blocked_reason    text,
    completed_message text,
    results_branch    text NOT NULL DEFAULT 'main' CHECK (results_branch IN ('isolated', 'main')),
    is_restricted     boolean NOT NULL DEFAULT false,
    billing_tag       text,
    -- What the repository starts with: 'new' or 'quick-start'.
    template          text NOT NULL DEFAULT 'new',
    -- The main repository of a git-backed project.
    main_repository_id       text,
    main_repository_uri      text,
    main_repository_provider text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    archived_at       timestamptz
);
-- One live name per owner; the same index finds a project by owner and name, and the projects of an owner.
CREATE UNIQUE INDEX projects_by_name ON projects (owner_id, lower(name)) WHERE archived_at IS NULL;
-- The three sources of one person's list: their own, those they work in (below), those open to everybody.
CREATE INDEX projects_open ON projects (id) WHERE archived_at IS NULL AND visibility <> 'Private';
CREATE INDEX projects_live ON projects (id) WHERE archived_at IS NULL;

CREATE TABLE project_collaborators (
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    account_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    role       text NOT NULL CHECK (
        role IN ('contributor', 'launcherUser', 'resultsConsumer', 'projectImporter')),
    added_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, account_id)
);
CREATE INDEX project_collaborators_by_account ON project_collaborators (account_id, project_id);

CREATE TABLE project_goals (
    id          text PRIMARY KEY,
    project_id  text NOT NULL REFERENCES projects ON DELETE CASCADE,
    title       text NOT NULL,
    description text,
    assignee_id text REFERENCES users,
    stage_id    text,
    creator_id  text NOT NULL REFERENCES users,
    is_complete boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX project_goals_of_project ON project_goals (project_id, id);

CREATE TABLE project_tags (
    id         text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    name       text NOT NULL,
    creator_id text NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX project_tags_by_name ON project_tags (project_id, lower(name));
