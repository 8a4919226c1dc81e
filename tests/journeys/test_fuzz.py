"""Schemathesis against the served description: no request whatever gives a 500, none is left unanswered."""

import subprocess
import sys
from pathlib import Path

from tests.journeys.running import RunningServer


def test_nothing_generated_gives_a_500(server: RunningServer, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json",
        "--header", f"X-Domino-Api-Key: {server.key}", "--checks", "not_a_server_error",
        "--phases", "coverage,fuzzing", "--max-examples", "5", "--workers", "2", "--generation-deterministic",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=170)
    # Its own complaints (about data it could not make up) are not ours.
    for trouble in ("Server error", "Network Error"):
        assert trouble not in done.stdout, done.stdout[-6000:] + server.describe()
    assert " passed" in done.stdout, done.stdout[-4000:] + done.stderr
    assert '"status":5' not in (server.home / "logs" / "api.log").read_text()
