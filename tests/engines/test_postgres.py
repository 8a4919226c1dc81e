"""The embedded PostgreSQL: started, killed in every way, attached to, dumped."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from modelyard.engines.postgres import DumpError, EmbeddedPostgres, dump, restore


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    yield server
    server.stop()


async def _run(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def _postmaster(home: Path) -> int:
    return int((home / "pg" / "postmaster.pid").read_text().split("\n", 1)[0])


async def test_it_is_durable_and_reached_by_a_socket_only(server: EmbeddedPostgres) -> None:
    assert str(await _run(server.dsn, "SHOW server_version")).startswith("18")
    assert await _run(server.dsn, "SHOW fsync") == "on"
    assert await _run(server.dsn, "SHOW synchronous_commit") == "on"
    assert await _run(server.dsn, "SHOW listen_addresses") == ""


async def test_data_outlive_a_stop(server: EmbeddedPostgres, tmp_path: Path) -> None:
    await _run(server.dsn, "CREATE TABLE t AS SELECT 42 AS x")
    server.stop()
    assert not server.answers()
    assert EmbeddedPostgres(tmp_path).start() == server.dsn
    assert await _run(server.dsn, "SELECT x FROM t") == 42


async def test_kill_9_of_the_postmaster_alone(server: EmbeddedPostgres, tmp_path: Path) -> None:
    await _run(server.dsn, "CREATE TABLE t AS SELECT 42 AS x")
    os.kill(_postmaster(tmp_path), signal.SIGKILL)
    assert server.restart_if_dead()
    assert await _run(server.dsn, "SELECT x FROM t") == 42
    assert not server.restart_if_dead()


async def test_kill_9_of_all_of_it(server: EmbeddedPostgres) -> None:
    await _run(server.dsn, "CREATE TABLE t AS SELECT 42 AS x")
    for process in server._processes():
        process.kill()
    assert server.restart_if_dead()
    assert await _run(server.dsn, "SELECT x FROM t") == 42


def test_two_starters_share_one_server(tmp_path: Path) -> None:
    servers = [EmbeddedPostgres(tmp_path) for _ in range(2)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(server.answers() for server in servers)
    servers[0].stop()
    assert not servers[1].answers()
    for server in servers:
        server.stop()


async def test_a_long_home_path_is_no_problem(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir()
    server = EmbeddedPostgres(home)
    try:
        assert await _run(server.start(), "SELECT 1") == 1
    finally:
        server.stop()


async def test_a_dump_and_its_way_back(server: EmbeddedPostgres, tmp_path: Path) -> None:
    await _run(server.dsn, "CREATE TABLE t AS SELECT 42 AS x")
    dump(server.dsn, tmp_path / "dump")
    await _run(server.dsn, "DROP TABLE t")
    restore(server.dsn, tmp_path / "dump")
    assert await _run(server.dsn, "SELECT x FROM t") == 42
    with pytest.raises(DumpError):
        restore(server.dsn, tmp_path / "dump")
