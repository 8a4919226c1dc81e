"""Traces: under their own ids, with what was said of them and their spans as a file."""

from collections.abc import AsyncIterator

from modelyard.cli.connection import CommandError, Refused
from modelyard.cli.mlflow_import.artifacts import stored_path
from modelyard.cli.mlflow_import.queries import Thing
from modelyard.cli.mlflow_import.rest import FILES_API, TRACES_API, Json, Rest, quoted, repeated
from modelyard.cli.mlflow_import.transfer import COMPLETE, SOURCE, STATE, Transfer, foreign

PAGE = 100
PLACE, SPANS = "mlflow.artifactLocation", "mlflow.trace.spansLocation"
FILE = "traces.json"
RUN, MODEL = "mlflow.sourceRun", "mlflow.modelId"


async def import_traces(transfer: Transfer, experiment: Thing) -> None:
    """Carries the traces of an experiment over; its runs and logged models have to be known."""
    done: set[str] = set()
    if experiment.target:
        async for trace in _listed(transfer.target, experiment.target):
            if trace.get("tags", {}).get(STATE) == COMPLETE:
                done.add(trace["trace_id"])

    async def one(trace: Json) -> None:
        if trace["trace_id"] in done:
            transfer.report.there("trace")
        elif transfer.choice.dry:
            transfer.report.made("trace")
        else:
            work = _import(transfer, experiment, trace)
            await transfer.attempt("trace", f"{trace['trace_id']} of experiment {experiment.home}", work)

    await transfer.each(_listed(transfer.source, experiment.source), one)


async def _listed(server: Rest, experiment_id: str) -> AsyncIterator[Json]:
    """Traces, oldest first; none where the server knows none, or only those of MLflow 2."""
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
    body: Json = {"locations": [place], "max_results": PAGE, "order_by": ["timestamp_ms ASC"]}
    try:
        async for trace in server.entries(f"{TRACES_API}/search", "traces", body=body):
            yield trace
    except Refused as error:
        if error.status not in {404, 405}:
            raise


async def _import(transfer: Transfer, experiment: Thing, trace: Json) -> None:
    identity = trace["trace_id"]
    url = f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={quoted(identity)}"
    tags = foreign({key: value for key, value in trace.get("tags", {}).items() if key not in {PLACE, SPANS}})
    tags[SOURCE] = transfer.link("experiments", experiment.source, "traces", identity)
    info = {
        **trace,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": experiment.target},
        },
        "tags": tags,
        "trace_metadata": _mapped(transfer, trace.get("trace_metadata", {})),
    }
    reply = await transfer.target.post(TRACES_API, {"trace": {"trace_info": info}})
    place = stored_path(reply["trace"]["trace_info"].get("tags", {}).get(PLACE, ""))
    if place is None:
        raise CommandError("the target does not say where its spans belong")

    async def copy() -> None:
        async with transfer.source.reply("GET", url) as response:
            content = response.content.iter_chunked(2**18)
            await transfer.target.put(f"{FILES_API}/{quoted(f'{place}/{FILE}')}", content, response.content_length)

    await repeated(copy)
    body = {"key": STATE, "value": COMPLETE}
    await transfer.target.patch(f"{TRACES_API}/{quoted(identity)}/tags", body)
    transfer.report.made("trace")


def _mapped(transfer: Transfer, metadata: dict[str, str]) -> dict[str, str]:
    """What a trace says about its run and logged model, as these are called in the target."""
    found = dict(metadata)
    if run := transfer.ledger.find("run", metadata.get(RUN, "")):
        found[RUN] = run.target
    if model := transfer.ledger.find("model", metadata.get(MODEL, "")):
        found[MODEL] = model.target
    return found
