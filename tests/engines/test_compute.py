"""Programs: their ends, their limits, their isolation, and adoption by a later runner."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from modelyard.engines.compute import Exit, Mount, Program
from modelyard.engines.compute.local import LocalCompute
from modelyard.engines.compute.sandbox import bubblewrap, interpreter_mounts

isolated_only = pytest.mark.skipif(bubblewrap() is None, reason="bubblewrap does not work on this machine")
MODES = ["none", pytest.param("auto", marks=isolated_only)]


@pytest.fixture(params=MODES)
def compute(request: pytest.FixtureRequest) -> LocalCompute:
    return LocalCompute(request.param)


def _program(compute: LocalCompute, folder: Path, *argv: str, **limits: float | int) -> Program:
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    return Program(
        run_id=f"run-{folder.name}-{os.getpid()}",
        argv=argv,
        environment={"PATH": "/usr/bin:/bin", "GREETING": "hello"},
        working_dir="/mnt" if compute.isolated else str(work),
        folder=folder,
        stdout=folder / "log" / "stdout",
        stderr=folder / "log" / "stderr",
        mounts=[Mount(work, "/mnt", writable=True)],
        **limits,  # type: ignore[arg-type]
    )


async def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_exit_code_output_and_environment(compute: LocalCompute, tmp_path: Path) -> None:
    program = _program(compute, tmp_path, "sh", "-c", "echo $GREETING; echo oops >&2; touch made; exit 3")
    ended = await compute.start(program).wait()
    assert (ended.code, ended.reason) == (3, None)
    assert (tmp_path / "log" / "stdout").read_text() == "hello\n"
    assert (tmp_path / "log" / "stderr").read_text() == "oops\n"
    assert (tmp_path / "work" / "made").exists()


async def test_a_missing_command_is_an_exit_code(compute: LocalCompute, tmp_path: Path) -> None:
    ended = await compute.start(_program(compute, tmp_path, "no-such-command")).wait()
    assert ended.code not in {0, None}


async def test_a_polite_stop_lets_the_program_finish(compute: LocalCompute, tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    running = compute.start(_program(compute, tmp_path, "bash", "-c", script))
    await _until(lambda: "up" in (tmp_path / "log" / "stdout").read_text())
    running.stop(10)
    ended = await running.wait()
    assert (ended.code, ended.reason) == (7, "stopped")
    assert (tmp_path / "log" / "stdout").read_text() == "up\nbye\n"


async def test_who_does_not_listen_is_forced(compute: LocalCompute, tmp_path: Path) -> None:
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    running = compute.start(_program(compute, tmp_path, "bash", "-c", script))
    await _until(lambda: "up" in (tmp_path / "log" / "stdout").read_text())
    running.stop(0.3)
    ended = await asyncio.wait_for(running.wait(), 10)
    assert (ended.code, ended.reason) == (None, "stopped")


async def test_too_much_memory_is_said_in_numbers(compute: LocalCompute, tmp_path: Path) -> None:
    code = "import time; x = bytearray(300 * 2**20); time.sleep(30)"
    program = _program(compute, tmp_path, "/usr/bin/env", "python3", "-c", code, memory_bytes=100 * 2**20)
    if not Path("/usr/bin/python3").exists():
        pytest.skip("no system Python to use up memory with")
    ended = await compute.start(program).wait()
    assert ended.code is None
    assert "its tier allows 100 MiB" in (ended.reason or "")


async def test_too_much_time_is_said(compute: LocalCompute, tmp_path: Path) -> None:
    running = compute.start(_program(compute, tmp_path, "sleep", "60", time_limit_seconds=0.3))
    assert "longer than" in ((await running.wait()).reason or "")


async def test_nothing_is_left_behind(compute: LocalCompute, tmp_path: Path) -> None:
    script = "(setsid sleep 300 >/dev/null 2>&1 &) ; sleep 0.3; echo done"
    program = _program(compute, tmp_path, "bash", "-c", script)
    ended = await compute.start(program).wait()
    assert ended.code == 0
    mark = program.run_id
    await _until(lambda: not any(_has_mark(pid, mark) for pid in psutil.pids()))


def _has_mark(pid: int, mark: str) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("MODELYARD_RUN_ID") == mark
    except psutil.Error:
        return False


async def test_a_later_runner_adopts_what_a_killed_one_started(compute: LocalCompute, tmp_path: Path) -> None:
    starter = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from modelyard.engines.compute.local import LocalCompute
from tests.engines.test_compute import _program
async def main():
    compute = LocalCompute({"auto" if compute.isolated else "none"!r})
    program = _program(compute, Path({str(tmp_path)!r}), "sh", "-c", "echo up; sleep 1.5; echo end; exit 5")
    running = compute.start(program)
    print(program.run_id, flush=True)
    await running.wait()
asyncio.run(main())
"""
    first = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    run_id = first.stdout.readline().strip()
    await _until(lambda: (tmp_path / "log" / "stdout").read_text() == "up\n")
    first.kill()
    first.wait()
    first.stdout.close()
    program = msgspec.structs.replace(_program(compute, tmp_path), run_id=run_id)
    adopted = compute.adopt(program)
    assert adopted is not None
    assert not isinstance(adopted, Exit)
    ended = await adopted.wait()
    assert (ended.code, ended.reason) == (5, None)
    assert (tmp_path / "log" / "stdout").read_text() == "up\nend\n"
    assert compute.adopt(program) == Exit(code=5)


async def test_what_is_gone_without_a_word_is_lost(compute: LocalCompute, tmp_path: Path) -> None:
    program = _program(compute, tmp_path, "sleep", "60")
    running = compute.start(program)
    os.killpg(running.pid, signal.SIGKILL)
    assert (await running.wait()).reason == "lost"
    assert compute.adopt(_program(compute, tmp_path / "never")) is None


@isolated_only
async def test_an_isolated_program_sees_little(tmp_path: Path) -> None:
    compute = LocalCompute("auto", "none")
    private = tmp_path / "private"
    private.write_text("secret")
    script = f"ls /; cat {private}; cat /etc/shadow; touch /usr/x; ls /proc | grep -c '^[0-9]'; ls /sys/class/net"
    ended = await compute.start(_program(compute, tmp_path, "sh", "-c", script)).wait()
    out = (tmp_path / "log" / "stdout").read_text()
    assert ended.code == 0
    assert "secret" not in out
    assert "root:" not in out
    assert "home" not in out.split()
    assert "Read-only" in (tmp_path / "log" / "stderr").read_text()


@isolated_only
async def test_an_isolated_program_finds_its_virtual_environment(tmp_path: Path) -> None:
    compute = LocalCompute("auto")
    environment = Path(sys.prefix)
    program = _program(
        compute, tmp_path, str(environment / "bin" / "python"), "-c", "import json; print(json.dumps(1))"
    )
    program = msgspec.structs.replace(program, mounts=[*program.mounts, *interpreter_mounts(environment)])
    assert (await compute.start(program).wait()).code == 0
    assert json.loads((tmp_path / "log" / "stdout").read_text()) == 1
