"""Behind a reverse proxy: forwarded addresses count only from whom they may."""

import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx

from modelyard.engines.postgres import EmbeddedPostgres
from tests.journeys.running import START_SECONDS, wait_for


async def _address_of_events(home: Path, forwarded: str, **settings: str) -> str:
    """The address that is recorded for a change that came with X-Forwarded-For."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELYARD_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "modelyard", "serve", "--home", str(home), "--port", "0"],
        env=environment | settings,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for((home / "server.json").exists, START_SECONDS)
        url = json.loads((home / "server.json").read_text())["url"]
        headers = {"X-Domino-Api-Key": (home / "admin-api-key").read_text().strip(), "X-Forwarded-For": forwarded}
        body = {"name": "seen", "description": "", "visibility": "Private"}
        httpx.post(f"{url}/api/projects/beta/projects", json=body, headers=headers).raise_for_status()
        connection = await asyncpg.connect(EmbeddedPostgres(home).dsn)
        address = await connection.fetchval(
            "SELECT remote_address FROM events WHERE action = 'project.created' AND remote_address IS NOT NULL"
        )
        await connection.close()
        return str(address)
    finally:
        process.terminate()
        process.wait(60)


async def test_a_trusted_proxy_is_believed(tmp_path: Path) -> None:
    address = await _address_of_events(tmp_path / "home", "203.0.113.7", MODELYARD_TRUSTED_PROXIES="127.0.0.1")
    assert address == "203.0.113.7"


async def test_anybody_else_is_not(tmp_path: Path) -> None:
    assert await _address_of_events(tmp_path / "home", "203.0.113.7") == "127.0.0.1"
