-- The run that acted in a person's name, when one did.
ALTER TABLE events ADD COLUMN run_id text;

-- One index for each way in, ordered by time, so that the newest events of it are read and no others.
DROP INDEX events_of_project, events_of_target;
CREATE INDEX events_by_time ON events (at);
CREATE INDEX events_of_project ON events (project_id, at) WHERE project_id IS NOT NULL;
CREATE INDEX events_of_target ON events (target_id, at);
CREATE INDEX events_of_kind ON events (target_kind, at);
CREATE INDEX events_of_actor ON events (coalesce(actor_id, 'modelyard'), at);
CREATE INDEX events_of_actor_name ON events (actor_name, at);
CREATE INDEX events_of_action ON events (action, at);

-- What has happened stays written, whatever a program of ours may try.
CREATE FUNCTION keep_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Events are never changed or deleted.';
END $$;
CREATE TRIGGER keep_events BEFORE UPDATE OR DELETE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_events();
