"""Virtual environments built by uv, locked, keyed by content, in one folder of this machine."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import uv

from modelyard.engines.builds import BuildFailed, BuildRequest, Built, Say, Wrap
from modelyard.engines.builds.index import index_environment, local_folders, masked
from modelyard.engines.builds.instructions import Plan, read_instructions
from modelyard.engines.compute import Mount

_COMPLETE = "modelyard-complete.json"
_KEY = re.compile(r"[0-9a-f]{32}")
_PYTHON = re.compile(r"(?:python|py)[:\-_]?(3\.?\d{1,2})", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UNREACHABLE = re.compile(
    r"dns error|connect error|error sending request|Could not connect|timed out|network", re.IGNORECASE
)


class _Record(msgspec.Struct):
    """What is written into an environment when it is complete."""

    lock: str
    variables: dict[str, str]


class LocalBuilder:
    """Environments as `<root>/<key>`; equal content is built once, also by two builders at a time.

    What asks for the same in other words, as a model does for what it was trained with, gets the same environment
    when it is locked to the same.
    """

    def __init__(self, root: Path, wrap: Wrap, cache: Path | None = None) -> None:
        self._root = root
        self._wrap = wrap
        self._cache = cache or Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")

    def place(self, key: str) -> Path | None:
        """The folder of a built environment, or None when it is not there any more."""
        folder = self._root / key
        return folder if (folder / _COMPLETE).is_file() else None

    async def build(self, request: BuildRequest, say: Say) -> Built:
        """Builds, or finds what was built before; `say` gets the log, line by line. Raises BuildFailed."""
        plan = read_instructions(request.instructions)
        for note in plan.notes:
            say(note)
        python = await self._python(request.image, say)
        # What skips the cache gets a place of its own: the one it would replace may be in use.
        key = _key(python, plan, os.urandom(8).hex() if request.skip_cache else "")
        async with self._alone(key):
            record = self._record(key)
            if record is not None:
                say("The same content was built before; it is used again.")
            else:
                lock = await self._locked(plan, python, say)
                twin = None if request.skip_cache else self._twin(python, lock)
                if twin is not None:
                    say("The same packages are installed in an environment that is there; it is used.")
                    return Built(key=twin, lock=lock, variables=plan.variables)
                record = await self._install(key, lock, plan.options, plan.variables, python, say)
                if not request.skip_cache:
                    self._twins(python, lock).write_text(key)
        return Built(key=key, lock=record.lock, variables=plan.variables)

    async def rebuild(self, key: str, lock: str, image: str, say: Say) -> Path:
        """Brings back a built environment from its lock; raises BuildFailed."""
        python = await self._python(image, say)
        async with self._alone(key):
            if self._record(key) is None:
                await self._install(key, lock, [], {}, python, say)
        return self._root / key

    def _record(self, key: str) -> _Record | None:
        try:
            return msgspec.json.decode((self._root / key / _COMPLETE).read_bytes(), type=_Record)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _twins(self, python: str, lock: str) -> Path:
        """Where the key of an environment stands that is locked to this."""
        content = msgspec.json.encode([python, sys.platform, lock])
        return self._root / f".{hashlib.sha256(content).hexdigest()[:32]}.locked"

    def _twin(self, python: str, lock: str) -> str | None:
        """The key of an environment that is locked to this and complete."""
        try:
            key = self._twins(python, lock).read_text()
        except FileNotFoundError:
            return None
        record = self._record(key) if _KEY.fullmatch(key) else None
        return key if record is not None and record.lock == lock else None

    async def _python(self, image: str, say: Say) -> str:
        """The interpreter that stands for a base image: the version it names, else the server's own."""
        named = _PYTHON.search(image)
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        version = named[1] if named else own
        version = version if "." in version else f"3.{version[1:]}"
        say(
            f"Base image {image or '(none)'}: no images are pulled here; Python {version} of this machine is used."
        )
        if version == own:
            return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
        lines: list[str] = []
        code = await self._run(["python", "find", "--no-project", "--system", version], lines.append, None)
        if code:
            raise BuildFailed(f"Python {version} is not installed on this machine; its own is Python {own}.")
        return str(Path(lines[-1].strip()).resolve())

    async def _locked(self, plan: Plan, python: str, say: Say) -> str:
        if not plan.requirements:
            return ""
        say(f"Resolving {', '.join(plan.requirements)}")
        with tempfile.TemporaryDirectory(dir=self._root, prefix=".resolve-") as folder:
            asked, lock = Path(folder) / "requirements.in", Path(folder) / "requirements.txt"
            asked.write_text("\n".join(plan.requirements) + "\n")
            lines: list[str] = []
            arguments = [
                "pip", "compile", str(asked), "--output-file", str(lock), "--python", python, "--no-header",
                "--no-annotate", "--generate-hashes", "--quiet", *plan.options,
            ]  # fmt: skip
            hear = _both(lines.append, say)
            if await self._run(arguments, hear, Path(folder), python):
                raise BuildFailed(_reason(lines, "The packages cannot be resolved"))
            text = lock.read_text()
        for line in text.splitlines():
            if line and not line.startswith((" ", "#")):
                say("  " + masked(line.removesuffix(" \\")))
        return text

    async def _install(
        self, key: str, lock: str, options: list[str], variables: dict[str, str], python: str, say: Say
    ) -> _Record:
        folder = self._root / key
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        say("Making the virtual environment")
        lines: list[str] = []
        hear = _both(lines.append, say)
        making = ["venv", str(folder), "--python", python, "--no-project", "--quiet"]
        if await self._run(making, hear, self._root, python):
            raise BuildFailed(_reason(lines, "The virtual environment cannot be made"))
        if lock:
            file = folder / "requirements.lock"
            file.write_text(lock)
            say("Installing the locked packages")
            arguments = [
                "pip", "sync", str(file), "--python", str(folder / "bin" / "python"), "--compile-bytecode",
                *options,
            ]  # fmt: skip
            if await self._run(arguments, hear, folder, python):
                raise BuildFailed(_reason(lines, "The packages cannot be installed"))
        record = _Record(lock, variables)
        await asyncio.to_thread(_write_durably, folder / _COMPLETE, msgspec.json.encode(record))
        return record

    async def _run(
        self, arguments: Sequence[str], hear: Say, folder: Path | None, python: str | None = None
    ) -> int:
        """Runs uv in a session of its own; its exit code.

        With `python` it is isolated where the machine can, since packages may run code of their own.
        """
        place = str(folder or self._root)
        self._cache.mkdir(parents=True, exist_ok=True)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        environment = self._environment()
        command = [uv.find_uv_bin(), *arguments]
        if python is not None:
            command = self._wrap(command, self._mounts(python, environment), place)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            cwd=place,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101
        try:
            async for raw in process.stdout:
                line = masked(_ANSI.sub("", raw.decode("utf-8", "replace")).rstrip())
                if line:
                    hear(line)
            return await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _environment(self) -> dict[str, str]:
        """What uv needs to know, and nothing of the server's own variables."""
        return index_environment() | {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": os.environ.get("HOME", "/"),
            "UV_CACHE_DIR": str(self._cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_CONFIG": "1",
            "UV_LINK_MODE": "hardlink" if _same_disk(self._cache, self._root) else "copy",
            "NO_COLOR": "1",
        }

    def _mounts(self, python: str, environment: dict[str, str]) -> list[Mount]:
        """What an isolated uv sees: the environments, its cache, itself, the Python, indexes on this disk."""
        program = Path(uv.find_uv_bin())
        prefix = Path(python).parent.parent
        readable = [program, *([] if str(prefix) in {"/", "/usr"} else [prefix]), *local_folders(environment)]
        return [
            Mount(self._root, str(self._root), writable=True),
            Mount(self._cache, str(self._cache), writable=True),
            *(Mount(path, str(path)) for path in readable),
        ]

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._root / f".{key}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _both(*hearers: Say) -> Say:
    def say(line: str) -> None:
        for hear in hearers:
            hear(line)

    return say


def _key(python: str, plan: Plan, salt: str) -> str:
    content = msgspec.json.encode([python, sys.platform, plan.requirements, plan.options, salt])
    return hashlib.sha256(content).hexdigest()[:32]


def _reason(lines: list[str], what: str) -> str:
    text = " ".join(" ".join(lines[-12:]).split())
    if _UNREACHABLE.search(text):
        return f"No package index could be reached: {text[-600:]}"
    return f"{what}: {text[-800:]}"


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
