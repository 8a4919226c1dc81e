"""A crowded platform, straight in the database: 10,000 projects, 1,000 people, 200 organizations of 100 members.

Two of the people are measured: one sees 5 projects and is in one organization, the other sees 500 and is in 20.
Both see two projects that are open to everybody; the others are their own, those they work in, those in which
one of their organizations works, and, of the second person, those that one of them owns.
"""

import asyncpg

from bench.serving import Server
from modelyard.engines.postgres import EmbeddedPostgres
from modelyard.kit import crypto

PROJECTS, PEOPLE, ORGANIZATIONS, MEMBERS, ENVIRONMENTS = 10_000, 1_000, 200, 100, 1_000
KEYS = {"few": "key-of-the-one-who-sees-few", "many": "key-of-the-one-who-sees-many"}

# Ids are numbers with a mark of their kind. The measured people are the first two.
_IDS = """
CREATE FUNCTION pg_temp.person(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'a' || lpad(to_hex(n), 23, '0') $$;
CREATE FUNCTION pg_temp.org(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'b' || lpad(to_hex(n), 23, '0') $$;
CREATE FUNCTION pg_temp.project(n int) RETURNS text LANGUAGE sql AS $$ SELECT 'c' || lpad(to_hex(n), 23, '0') $$;
CREATE FUNCTION pg_temp.other(n int) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.person(3 + n % 998) $$;
"""

# Organization 180 is that of the first person, 181 to 200 those of the second.
_ACCOUNTS = f"""
INSERT INTO users (id, user_name, email, first_name, last_name)
    SELECT pg_temp.person(n), 'person-' || n, 'person-' || n || '@example.org', 'Person', n::text
    FROM generate_series(1, {PEOPLE}) n;
INSERT INTO users (id, kind, user_name)
    SELECT pg_temp.org(n), 'organization', 'organization-' || n FROM generate_series(1, {ORGANIZATIONS}) n;
INSERT INTO organization_members (organization_id, user_id, role)
    SELECT pg_temp.org(o), CASE WHEN j = 0 AND o = 180 THEN pg_temp.person(1)
            WHEN j = 0 AND o > 180 THEN pg_temp.person(2) ELSE pg_temp.other(o * 61 + j * 7) END,
        CASE WHEN j < 5 THEN 'admin' ELSE 'member' END
    FROM generate_series(1, {ORGANIZATIONS}) o, generate_series(0, {MEMBERS - 1}) j;
"""

# Every twentieth project is one of the second person; `k` counts these.
_PROJECTS = f"""
INSERT INTO projects (id, owner_id, name, description, visibility)
    SELECT pg_temp.project(n), CASE WHEN n = 1 THEN pg_temp.person(1)
            WHEN n % 20 = 0 AND k < 499 AND k % 5 = 0 THEN pg_temp.person(2)
            WHEN n % 20 = 0 AND k < 499 AND k % 5 = 1 THEN pg_temp.org(181 + k % 20)
            ELSE pg_temp.other(n * 7) END,
        'project-' || n, 'What project ' || n || ' is about',
        CASE n WHEN {PROJECTS} THEN 'Public' WHEN {PROJECTS - 20} THEN 'Searchable' ELSE 'Private' END
    FROM (SELECT n, n / 20 AS k FROM generate_series(1, {PROJECTS}) n) numbered;
INSERT INTO project_collaborators (project_id, account_id, role)
    SELECT pg_temp.project(n), pg_temp.other(n * 11 + j * 13 + 1), 'contributor'
    FROM generate_series(1, {PROJECTS}) n, generate_series(1, 3) j
    UNION ALL SELECT pg_temp.project(n), pg_temp.org(1 + (n + j * 50) % 179), 'resultsConsumer'
    FROM generate_series(1, {PROJECTS}) n, generate_series(1, 2) j
    UNION ALL SELECT pg_temp.project(3333), pg_temp.person(1), 'contributor'
    UNION ALL SELECT pg_temp.project(6667), pg_temp.org(180), 'contributor'
    UNION ALL SELECT pg_temp.project(20 * k), CASE WHEN k % 5 = 2 THEN pg_temp.person(2)
        ELSE pg_temp.org(181 + k % 20) END, 'contributor'
    FROM generate_series(1, 498) k WHERE k % 5 > 1;
INSERT INTO project_tags (id, project_id, name, creator_id)
    SELECT 'd' || lpad(to_hex(n), 23, '0'), pg_temp.project(n), 'tag', pg_temp.person(1)
    FROM generate_series(1, {PROJECTS}) n;
"""

# A tenth of the environments is for everybody, the others belong to people and organizations.
_ENVIRONMENTS = f"""
INSERT INTO environments (id, name, owner_id, visibility, selected_revision_id)
    SELECT 'e' || lpad(to_hex(n), 23, '0'), 'environment-' || n, CASE WHEN n % 10 = 0 THEN NULL
            WHEN n % 2 = 0 THEN pg_temp.person(n) ELSE pg_temp.org(1 + n % {ORGANIZATIONS}) END,
        CASE WHEN n % 10 = 0 THEN 'global' WHEN n % 2 = 0 THEN 'private' ELSE 'organization' END,
        'f' || lpad(to_hex(n * 10), 23, '0')
    FROM generate_series(1, {ENVIRONMENTS}) n;
INSERT INTO environment_revisions (id, environment_id, number, image, sealed_variables, status)
    SELECT 'f' || lpad(to_hex(n * 10 + r), 23, '0'), 'e' || lpad(to_hex(n), 23, '0'), r + 1, 'python', '',
        'succeeded'
    FROM generate_series(1, {ENVIRONMENTS}) n, generate_series(0, 2) r;
"""


def project_id(number: int) -> str:
    """The id of a project by its number."""
    return f"c{number:023x}"


async def seed(server: Server) -> None:
    """Fills the platform."""
    connection = await asyncpg.connect(EmbeddedPostgres(server.home).dsn)
    await connection.execute(_IDS + _ACCOUNTS + _PROJECTS + _ENVIRONMENTS)
    for number, key in enumerate(KEYS.values(), 1):
        digest = crypto.digest(key)
        await connection.execute(
            "INSERT INTO api_keys (id, user_id, lookup, digest) VALUES ($1, pg_temp.person($2), $3, $4)",
            f"{number:024x}",
            number,
            digest[:16],
            digest,
        )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def open_projects(server: Server, count: int) -> None:
    """Makes the newest of the projects public."""
    connection = await asyncpg.connect(EmbeddedPostgres(server.home).dsn)
    await connection.execute(
        "UPDATE projects SET visibility = 'Public' WHERE id LIKE 'c%' AND id > $1", project_id(PROJECTS - count)
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
