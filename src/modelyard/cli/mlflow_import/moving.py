"""The parts of an import in their order: what others are linked to comes before them."""

import asyncio
from collections.abc import Awaitable, Callable

from modelyard.cli.connection import CommandError, Refused
from modelyard.cli.mlflow_import.experiments import delete_experiments, import_experiments
from modelyard.cli.mlflow_import.logged_models import import_logged_models
from modelyard.cli.mlflow_import.queries import Ledger, Thing
from modelyard.cli.mlflow_import.registry import count_prompts, import_registered_models
from modelyard.cli.mlflow_import.report import Report
from modelyard.cli.mlflow_import.rest import API, Json, Rest
from modelyard.cli.mlflow_import.runs import delete_runs, fill_runs, find_runs
from modelyard.cli.mlflow_import.traces import import_traces
from modelyard.cli.mlflow_import.transfer import Choice, Transfer, source_name

__all__ = ["Choice", "Rest", "carry_over", "move"]

Part = Callable[[Transfer, Thing], Awaitable[None]]


def carry_over(source: Rest, target: Rest, choice: Choice) -> bool:
    """Carries what was chosen from one server to another; whether nothing was left behind. Raises CommandError."""
    report = Report(dry=choice.dry)

    async def all_of_it() -> None:
        with Ledger() as ledger:
            async with source, target:
                await move(Transfer(source, target, ledger, report, choice))

    try:
        asyncio.run(all_of_it())
    except KeyboardInterrupt:
        raise CommandError("Stopped. The same command goes on with it.") from None
    except CommandError as error:
        if error.may_pass:
            raise CommandError(f"{error} The same command goes on with it.") from None
        raise
    report.close(source_name(source.url))
    return report.is_whole


async def move(transfer: Transfer) -> None:
    """Carries everything over that was chosen; raises CommandError when it cannot go on."""
    for server in (transfer.source, transfer.target):
        await _check(server)
    found = [experiment async for experiment in import_experiments(transfer)]
    open_ones = [experiment for experiment in found if experiment.digest != "deleted"]
    await _for_each(transfer, "Looking for runs", open_ones, find_runs)
    if transfer.choice.models:
        await _for_each(transfer, "Logged models", open_ones, import_logged_models)
    if not transfer.choice.dry:
        await fill_runs(transfer)
    if transfer.choice.artifacts:
        await _for_each(transfer, "Traces", open_ones, import_traces)
    if transfer.choice.models:
        await import_registered_models(transfer)
        transfer.report.dropped("prompts", await count_prompts(transfer))
    if transfer.choice.deleted and not transfer.choice.dry:
        await _for_each(transfer, "Deleted runs", open_ones, delete_runs)
        await delete_experiments(transfer)


async def _for_each(transfer: Transfer, name: str, experiments: list[Thing], part: Part) -> None:
    with transfer.report.stage(name, len(experiments)) as stage:
        for experiment in experiments:
            await transfer.attempt("experiment", experiment.home, part(transfer, experiment))
            stage.step(experiment.home)


async def _check(server: Rest) -> None:
    """Raises CommandError when a server does not speak MLflow's protocol to this client."""
    body: Json = {"max_results": 1}
    try:
        await server.post(f"{API}/experiments/search", body)
    except Refused as error:
        if error.status in {401, 403}:
            raise CommandError(f"{server.url} refuses these credentials: {error}") from None
        raise CommandError(f"{server.url} does not answer as an MLflow server does: {error}") from None
