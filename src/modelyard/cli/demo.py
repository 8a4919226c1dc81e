"""`modelyard demo`: the main job on real data, in a throw-away home."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.demo_serving import predict, serve
from modelyard.cli.demo_steps import done, step
from modelyard.cli.jobs import log_pages, upload_folder
from modelyard.cli.output import out, table

INSTRUCTIONS = "RUN pip install mlflow-skinny scikit-learn pandas"
MODEL = "breast-cancer"
BUILD_PARTS = {"queued": 5, "starting": 10, "pulling": 20, "building": 50, "pushing": 90, "succeeded": 100}
START_SECONDS = 90
BUILD_SECONDS = 900


def demo(
    keep: Annotated[bool, typer.Option(help="Leave the throw-away home where it is.")] = False,
) -> None:
    """Show the main job: a project, an environment, a training job, its results, its model served and asked."""
    with _home(keep) as home, _server(home) as server:
        project, environment = _prepare(server)
        _wait_for_build(server, environment)
        job = _train(server, project, environment)
        _show_results(server, project, job)
        _show_model(server)
        predict(server, project, job, serve(server, project, environment, MODEL))
    _say_next()


@contextlib.contextmanager
def _home(keep: bool) -> Iterator[Path]:
    if keep:
        home = Path(tempfile.mkdtemp(prefix="modelyard-demo-"))
        out.print(f"The home stays in {home}.", highlight=False)
        yield home
    else:
        with tempfile.TemporaryDirectory(prefix="modelyard-demo-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)


@contextlib.contextmanager
def _server(home: Path) -> Iterator[Server]:
    """A server on the home, on a free port, that ends with the block."""
    step("Starting Modelyard in a throw-away home")
    log = home / "serve.log"
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "serve", "--home", str(home), "--port", "0"],
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("MODELYARD_")},
        )
    try:
        while not (home / "server.json").exists():
            if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise CommandError(f"The server did not start:\n{log.read_text().strip()}")
            time.sleep(0.05)
        for name in ("MODELYARD_URL", "DOMINO_API_HOST", "MODELYARD_API_KEY", "DOMINO_USER_API_KEY"):
            os.environ.pop(name, None)
        server = Server.find(str(home))
        done(f"ready at {server.url} after {time.monotonic() - began:.1f} s")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _prepare(server: Server) -> tuple[dict[str, Any], dict[str, Any]]:
    step("Creating a project and uploading a training script to it")
    project = server.post(
        "/api/projects/beta/projects",
        {"name": "breast-cancer", "description": "The demonstration", "visibility": "Private"},
    )["project"]
    with as_file(files("modelyard.examples") / "breast_cancer") as folder:
        commit = upload_folder(server, project["id"], folder)
    done(f"{project['ownerUsername']}/{project['name']} at commit {commit[:10]}")
    step("Creating an environment with what the script needs")
    environment = server.post(
        "/api/environments/beta/environments",
        {
            "name": "scikit-learn",
            "visibility": "global",
            "image": "python",
            "dockerfileInstructions": INSTRUCTIONS,
        },
    )["environment"]
    done(INSTRUCTIONS)
    return project, environment


def _wait_for_build(server: Server, environment: dict[str, Any]) -> None:
    """Shows the build's progress; raises CommandError with the end of its log when it fails."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    revision = environment["latestRevision"]
    path = f"/api/environments/v1/environments/{environment['id']}"
    deadline = time.monotonic() + BUILD_SECONDS
    with Progress(*columns, console=out) as progress:
        bar = progress.add_task(
            "   building the environment (really: packages are resolved and installed)", total=100
        )
        status = ""
        while status != "succeeded":
            status = server.get(path)["environment"]["latestRevision"].get("status", "queued")
            progress.update(bar, completed=BUILD_PARTS.get(status, 0))
            if status in {"failed", "killed"} or time.monotonic() > deadline:
                lines = server.get(f"/v4/environments/{environment['id']}/revisions/{revision['id']}/buildLogs")
                raise CommandError(f"The environment was not built ({status}):\n{_last_lines(lines)}")
            time.sleep(0.1)


def _last_lines(reply: Any) -> str:
    lines = reply["lines"] if isinstance(reply, dict) else reply
    return "\n".join(str(line.get("text", line)) for line in lines[-15:])


def _train(server: Server, project: dict[str, Any], environment: dict[str, Any]) -> dict[str, Any]:
    step("Running the training script as a job on the default tier; this is its log")
    body = {"projectId": project["id"], "runCommand": "train.py", "environmentId": environment["id"]}
    job = server.post("/api/jobs/v1/jobs", body)["job"]
    for _ in log_pages(server, job["id"], "stdOut", follow=True):
        pass
    job = server.get(f"/api/jobs/beta/jobs/{job['id']}")["job"]
    status = job["status"]["executionStatus"]
    if status != "Succeeded":
        said = server.get(f"/api/jobs/beta/jobs/{job['id']}/logs", logType="stdErr")["logs"]["logContent"]
        words = "\n".join(line["log"] for line in said[-15:])
        raise CommandError(f"The job ended as {status}; this is a fault of the demonstration.\n{words}")
    usage = job["usage"]
    done(f"job #{job['number']} {status}, peak memory {usage['memoryGiB'] * 1024:.0f} MiB")
    return dict(job)


def _show_results(server: Server, project: dict[str, Any], job: dict[str, Any]) -> None:
    step("What the job left behind")
    table(["   STATISTIC", "VALUE"], ([f"   {stat['name']}", stat["value"]] for stat in job["dominoStats"]))
    commit = job["commitDetails"]["outputCommitId"]
    path = f"/v1/projects/{project['ownerUsername']}/{project['name']}/files/{commit}/results"
    out.print()
    rows = ([f"   {entry['path']}", f"{entry['size']:,} bytes"] for entry in server.get(path)["data"])
    table([f"   RESULT FILES AT COMMIT {commit[:10]}", "SIZE"], rows)


def _show_model(server: Server) -> None:
    step("The model that it registered, in the registry")
    version = server.get(f"/api/registeredmodels/v1/{MODEL}/versions/1")
    run = version["versionUiDetails"]["experimentRunInfo"]
    rows = [[f"   {metric['key']}", f"{metric['value']:.4f}"] for metric in run["metrics"]]
    table(
        [f"   {MODEL.upper()}, VERSION {version['modelVersion']}, STAGE {version['currentStage']}", "VALUE"], rows
    )
    lineage = server.get(f"/api/registeredmodels/v1/{MODEL}/versions/1/lineage")
    done(f"made by job #{lineage['job']['number']} at commit {lineage['commit']['inputCommitId'][:10]}")


def _say_next() -> None:
    out.print(
        Panel(
            "Keep a server running:    make serve      (or .venv/bin/modelyard serve)\n"
            "Run your own folder:      .venv/bin/modelyard run --follow -- python your_script.py\n"
            "Serve a model:            .venv/bin/modelyard models serve your-model\n"
            "Runs and models:          http://127.0.0.1:8765/mlflow\n"
            "Browse the API:           http://127.0.0.1:8765/docs\n"
            "Tutorial:                 docs/tutorial/first-project.md",
            title="Where to go from here",
            title_align="left",
        )
    )
