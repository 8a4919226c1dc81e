"""What the tracker's pages ask in GraphQL, and what may not be asked."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.experiments.tracking import experiment, run

pytestmark = pytest.mark.usefixtures("tracking")

RUN = """query GetRun($data: MlflowGetRunInput!) { mlflowGetRun(input: $data) { apiError { code } run {
    info { runId experimentId } experiment { experimentId name tags { key value } } modelVersions { name } } } }"""


async def ask(person: Person, query: str, expect: int = 200, **variables: Any) -> Any:
    return await person.post("/mlflow/graphql", {"query": query, "variables": variables}, expect=expect)


async def test_a_run_is_shown_with_the_name_that_its_experiment_has(ada: Person) -> None:
    made = await experiment(ada, "baseline/a")
    logged = await run(ada, made)
    answer = await ask(ada, RUN, data={"runId": logged})
    shown = answer["data"]["mlflowGetRun"]["run"]
    assert (shown["info"]["runId"], shown["experiment"]["name"]) == (logged, "baseline/a")
    assert {"key": "mlflow.domino.user", "value": "ada"} in shown["experiment"]["tags"]


async def test_strangers_ask_in_vain(ada: Person, bob: Person) -> None:
    made = await experiment(ada, "secret")
    logged = await run(ada, made)
    await ask(bob, RUN, expect=404, data={"runId": logged})
    await ask(bob, RUN, expect=404, data={"runUuid": logged})
    mine = await run(bob, await experiment(bob, "mine"))
    await ask(bob, RUN, expect=404, data={"runId": mine, "runUuid": logged})
    two = f"""query Two {{ a: mlflowGetRun(input: {{runId: "{mine}"}}) {{ run {{ info {{ runId }} }} }}
        b: mlflowGetExperiment(input: {{experimentId: "{made}"}}) {{ experiment {{ name }} }} }}"""
    await ask(bob, two, expect=404)
    search = """mutation S($data: MlflowSearchRunsInput!) {
        mlflowSearchRuns(input: $data) { runs { info { runId } } } }"""
    await ask(bob, search, expect=404, data={"experimentIds": [made]})


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ('query { test(inputString: "x") { output } }', 403),
        ("query { __schema { types { name } } }", 403),
        ('query { mlflowSearchModelVersions(input: {filter: ""}) { modelVersions { name } } }', 403),
        (
            'query { ...all } fragment all on Query { mlflowGetRun(input: {runId: "1"}) { run { x } } }',
            403,
        ),
        ("query { mlflowGetRun(input: {}) { run { info { runId } } } }", 400),
        ("query { mlflowGetRun { run { info { runId } } } }", 403),
        (
            'query A { mlflowGetRun(input: {runId: "1"}) { run { info { runId } } } } query B { test { output } }',
            400,
        ),
        ("nonsense {", 400),
        ("", 400),
        ("{" * 5000, 400),
    ],
)
async def test_nothing_else_is_answered(ada: Person, query: str, status: int) -> None:
    await ask(ada, query, expect=status)
