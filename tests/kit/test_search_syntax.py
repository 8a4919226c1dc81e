"""MLflow's syntax of filters and orders, tried on a real table."""

import time

import pytest

from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.search_syntax import Condition, Key, Searchable, condition, ordering, search_box

MODELS = Searchable(
    keys={
        "name": Key("m.name"),
        "version_number": Key("m.version", "number"),
        "creation_timestamp": Key("m.created_at", "time", ("creation_time",)),
        "last_updated_timestamp": Key("m.updated_at", "time", ("timestamp", "last_update_time")),
    },
    tags="m.tags",
    tag_defaults={"kind": "model"},
)

ROWS = [
    ("churn", 1, 1000.001, {"team": "a", "mlflow.user": "ada", "with space": "it's"}),
    ("Churn 2", 2, 2000.002, {"team": "b", "quote`d": 'say "x"'}),
    ("100%_sure", 3, 3000.003, {"team": "A", "kind": "prompt"}),
    ("ü/😀", 4, 4000.004, {}),
]


@pytest.fixture
async def table(db: Database) -> Database:
    """A table as MODELS describes it."""
    await db.execute(
        "CREATE TABLE m (name text, version int, created_at timestamptz, updated_at timestamptz, tags jsonb)"
    )
    for name, version, at, tags in ROWS:
        await db.execute(
            "INSERT INTO m VALUES ($1, $2, to_timestamp($3), to_timestamp($3) + interval '1 day', $4)",
            name, version, at, tags,
        )  # fmt: skip
    return db


async def _found(db: Database, asked: Condition) -> list[int]:
    sql = f"SELECT version FROM m WHERE $1 = 'x' AND {asked.sql} ORDER BY version"
    return await db.values(sql, "x", *asked.arguments)


FILTERS = [
    (None, [1, 2, 3, 4]),
    ("  ", [1, 2, 3, 4]),
    ("name = 'churn'", [1]),
    ('name = "churn"', [1]),
    ("name='churn'", [1]),
    ("`name` = 'churn'", [1]),
    ("\"name\" = 'churn'", [1]),
    ("attribute.name = 'churn'", [1]),
    ("attributes.name != 'churn'", [2, 3, 4]),
    ("attributes.`name` = 'ü/😀'", [4]),
    ("name LIKE '%hurn%'", [1, 2]),
    ("name like 'Churn%'", [2]),
    ("name ILIKE 'CHURN%'", [1, 2]),
    (r"name LIKE '100\%\_%'", [3]),
    ("name IN ('churn', 'ü/😀')", [1, 4]),
    ("name in ('churn')", [1]),
    ("name NOT  IN ('churn', \"x\")", [2, 3, 4]),
    ("tags.team = 'a'", [1]),
    ("tag.`team` = 'b'", [2]),
    ("tags.\"team\" != 'a'", [2, 3]),
    ("tags.team ILIKE 'a'", [1, 3]),
    ("tags.mlflow.user = 'ada'", [1]),
    ("tags.`mlflow.user` = 'ada'", [1]),
    ("`tags`.`team` = 'a'", [1]),
    ("tags.`with space` = 'it''s'", [1]),
    (r"tags.`with space` = 'it\'s'", [1]),
    ('tags.`with space` = "it\'s"', [1]),
    ("tags.`quote``d` = 'say \"x\"'", [2]),
    ('tags.`quote``d` = "say ""x"""', [2]),
    ("tags.team IS NULL", [4]),
    ("tags.team is not null AND version_number > 1", [2, 3]),
    ("tags.kind = 'model'", [1, 2, 4]),
    ("tags.kind != 'model'", [3]),
    ("version_number = 2", [2]),
    ("version_number = '2'", [2]),
    ("version_number <= 2 AND version_number >= 2", [2]),
    ("version_number < 2.5 and version_number != 1", [2]),
    ("version_number > -1e2", [1, 2, 3, 4]),
    ("creation_timestamp = 1000001", [1]),
    ("creation_time > 1000001", [2, 3, 4]),
    ("timestamp < 88400002", [1]),
    ("creation_timestamp > 99999999999999999999999", []),
    ("name LIKE '%churn%' AND tags.`team` = 'a' AND creation_time > 123", [1]),
    ("name = 'x'' OR ''1'' = ''1'", []),
    ("name = 'a; DROP TABLE m'", []),
    ("name = ''", []),
    ("name = 'AND'", []),
]


@pytest.mark.parametrize(("text", "found"), FILTERS)
async def test_filters(table: Database, text: str | None, found: list[int]) -> None:
    assert await _found(table, condition(text, MODELS, 2)) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name", "'name' is compared by"),
        ("name = churn", "here stands 'churn'"),
        ("name = 'churn", "text in quotes"),
        ("nam = 'x'", "no key 'nam'"),
        ("attribute.nam = 'x'", "name, version_number, creation_timestamp, last_updated_timestamp, tags.<name>"),
        ("metrics.a > 1", "no key 'metrics.a'"),
        ("name = 'a' OR name = 'b'", "joined by AND only"),
        ("name = 'a' AND", "at the end"),
        ("name = 'a'; DROP TABLE m", "Expected AND at '; DROP TABLE m'"),
        ("(name = 'a')", "Expected a key at '(name"),
        ("name > 'a'", "not '>'"),
        ("name IS NULL", "not 'IS NULL'"),
        ("tags.team > 'a'", "not '>'"),
        ("tags. = 'a'", "no key 'tags.'"),
        ("version_number LIKE '1'", "not 'LIKE'"),
        ("version_number = one", "with a number"),
        ("version_number = 'one'", "with a number"),
        ("version_number = 1x", "with a number"),
        ("version_number = 1e999", "with a number"),
        ("name IN 'a'", "in parentheses"),
        ("name IN ()", "text in quotes"),
        ("name IN ('a'", "not closed"),
        ("name LIKE 'a\\'", "backslash"),
        ("name = 'a' --", "Expected AND"),
        ("= 'a'", "Expected a key"),
        ("name = '" + "x" * 10_000 + "'", "at most 10,000"),
    ],
)
def test_refused_filters(text: str, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        condition(text, MODELS)
    assert said in refused.value.message


def test_names_of_tags_are_arguments_too() -> None:
    asked = condition("tags.`x') OR true --` = 'a'", MODELS, 3)
    assert asked.sql == "(m.tags ->> $3::text) = $4::text"
    assert asked.arguments == ["x') OR true --", "a"]


def test_a_filter_tells_which_tags_it_asks_for() -> None:
    assert condition("tags.a = '1' AND name = 'x' AND tag.`b c` IS NULL", MODELS).tags == {"a", "b c"}


def test_quotes_without_end_are_refused_at_once() -> None:
    began = time.perf_counter()
    for hostile in (
        "name = '" + r"\''" * 3000,
        "name = '" + r"\'" * 4000 + "x",
        "`" * 9999,
        "name = " + "(" * 9000,
    ):
        with pytest.raises(BadRequest):
            condition(hostile, MODELS)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("churn", [1, 2]),
        (" CHURN ", [1, 2]),
        ("churn 2", [2]),
        ("%_", [3]),
        ("/", [4]),
        ("models in production", []),
        ("it's", []),
        ("", [1, 2, 3, 4]),
        ("name = 'churn'", [1]),
        ("tags.team='a'", [1]),
        ("name LIKE 'churn%'", [1]),
    ],
)
async def test_search_boxes_take_words_and_filters(table: Database, text: str, found: list[int]) -> None:
    assert await _found(table, search_box(text, MODELS, first=2)) == found


@pytest.mark.parametrize("text", ["nam = 'x'", "tags.team", "name = churn"])
def test_search_boxes_refuse_broken_filters(text: str) -> None:
    with pytest.raises(BadRequest):
        search_box(text, MODELS)


@pytest.mark.parametrize(
    ("order", "sql"),
    [
        (None, "m.id"),
        ([], "m.id"),
        ("", "m.id"),
        ("name", "m.name ASC, m.id"),
        ("name DESC", "m.name DESC, m.id"),
        (["name asc", "last_updated_timestamp DESC"], "m.name ASC, m.updated_at DESC, m.id"),
        ("timestamp desc,name", "m.updated_at DESC, m.name ASC, m.id"),
        (["`name` DESC , attribute.creation_time"], "m.name DESC, m.created_at ASC, m.id"),
    ],
)
def test_orders(order: list[str] | str | None, sql: str) -> None:
    assert ordering(order, MODELS, "m.id") == sql


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("name UP", "Expected ASC, DESC or a comma at 'UP'"),
        ("name; DROP TABLE m", "no key 'name;'"),
        ("size", "no key 'size'"),
        (["name", "tags.team"], "is a tag"),
        ("name,", "Expected a key at the end"),
        ("name ASC DESC", "at 'DESC'"),
    ],
)
def test_refused_orders(order: list[str] | str, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ordering(order, MODELS)
    assert said in refused.value.message
