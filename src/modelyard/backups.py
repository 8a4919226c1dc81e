"""Backups of a whole home: one consistent moment of the database, and every file that it speaks of.

The database is dumped first. What it names (commits, logs) is written before it is named and never changed
after, so files copied later hold all of it. Built environments are left out: they are made again from their
locks at first use, and so are the working trees of served models.
"""

import contextlib
import fcntl
import io
import os
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from modelyard import __version__
from modelyard.engines.blobs.local import uncollected
from modelyard.engines.postgres import (
    DumpError,
    EmbeddedPostgres,
    PostgresError,
    create_database,
    dump,
    has_database,
    restore,
)
from modelyard.engines.tracker.place import tracker_database, tracker_dsn
from modelyard.kit.safe_path import SafePath, link_stays_inside
from modelyard.settings import Settings

_FOLDERS = ("repos", "runs", "blobs")
# The files of experiments, whatever their names.
_ARTIFACTS = "mlflow/artifacts"
_FILES = ("secret.key", "admin-api-key", "node", "modelyard.toml", "git/known_hosts")
_DUMP, _TRACKER_DUMP, _ABOUT = "database.dump", "tracker.dump", "about.json"
# Working trees, tokens and sockets of what runs mean nothing elsewhere.
_PASSING = frozenset({"work", "code", "tmp", "token", "datasets", "sockets"})
# The index of the store is written by itself. Those of live folders are made anew when they are missing.
_INDEX = "index.sqlite"
_STORE_INDEX = f"blobs/{_INDEX}"
_LIVE = re.compile(r"datasets/[^/]+/live(/|$)")


class BackupError(Exception):
    """A backup cannot be made or brought back; the message says why."""


class _About(msgspec.Struct):
    modelyard: str


def write_backup(settings: Settings, file: Path) -> str:
    """Writes the home to a file, also while the server runs; what it holds, in words."""
    home = settings.home_path
    if not (home / "secret.key").exists():
        raise BackupError(f"{home} is not the home of a Modelyard server.")
    partial = file.with_name(file.name + ".partial")
    count = 0
    try:
        with tempfile.TemporaryDirectory(dir=home) as folder, _database(settings) as dsn, _store_kept(home):
            dump(dsn, Path(folder) / _DUMP)
            with tarfile.open(partial, "w:gz", compresslevel=1) as archive:
                _add_bytes(archive, _ABOUT, msgspec.json.encode(_About(__version__)))
                archive.add(Path(folder) / _DUMP, arcname=_DUMP)
                # After the platform's, which names nothing that the tracker does not have.
                if has_database(tracker_dsn(dsn)):
                    dump(tracker_dsn(dsn), Path(folder) / _TRACKER_DUMP)
                    archive.add(Path(folder) / _TRACKER_DUMP, arcname=_TRACKER_DUMP)
                    count += 1
                count += _add_store_index(archive, home, Path(folder))
                for path in _kept(home):
                    count += _add_file(archive, home, path)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.chmod(0o600)
        partial.replace(file)
    except (OSError, DumpError, PostgresError) as error:
        raise BackupError(f"The backup failed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return f"the database and {count:,} files ({file.stat().st_size / 2**20:,.1f} MiB)"


def read_backup(settings: Settings, file: Path) -> str:
    """Brings a home back from a file into an empty home; what it holds, in words."""
    home = settings.home_path
    if home.exists() and any(home.iterdir()):
        raise BackupError(f"{home} is not empty; restore into an empty home.")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tarfile.open(file, "r:gz") as archive:
            count = sum(_extract(archive, member, home) for member in archive)
        if not (home / _DUMP).exists():
            raise BackupError(f"{file} is not a backup of a Modelyard home.")
        with _database(settings) as dsn:
            restore(dsn, home / _DUMP)
            if (home / _TRACKER_DUMP).exists():
                create_database(dsn, tracker_database(dsn))
                restore(tracker_dsn(dsn), home / _TRACKER_DUMP)
        (home / _DUMP).unlink()
        (home / _TRACKER_DUMP).unlink(missing_ok=True)
        (home / _ABOUT).unlink(missing_ok=True)
    except (OSError, tarfile.TarError, DumpError, PostgresError) as error:
        raise BackupError(f"The backup cannot be restored: {error}") from error
    return f"the database and {count - 2:,} files"


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """The URL of the home's database; the embedded server is started for the block when it does not run."""
    if settings.database_url:
        yield settings.database_url
        return
    postgres = EmbeddedPostgres(settings.home_path)
    with (settings.home_path / "server.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield postgres.dsn
            return
        dsn = postgres.start()
        try:
            yield dsn
        finally:
            postgres.stop()


def _kept(home: Path) -> Iterator[Path]:
    for name in _FILES:
        if (home / name).is_file():
            yield home / name
    for folder in _FOLDERS:
        for root, folders, names in os.walk(home / folder):
            if Path(root).parent == home / "runs":
                folders[:] = [name for name in folders if name not in _PASSING]
            for name in sorted(names):
                path = Path(root) / name
                if not path.is_symlink() and not name.endswith(".lock") and not name.startswith(_INDEX):
                    yield path
    yield from _all_files(home / _ARTIFACTS)
    # Served models may be deleted where they are registered. What they still share with those is stored once.
    for model in sorted((home / "models").glob("*/model")):
        yield from _all_files(model)
    for live in sorted((home / "datasets").glob("*/live")):
        yield from _live_files(live)


def _all_files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root) / name for name in sorted(names))


def _live_files(live: Path) -> Iterator[Path]:
    """The files of a dataset, whatever their names, its links that stay in it, and its empty folders."""
    for root, folders, names in os.walk(live):
        if not folders and not names:
            yield Path(root)
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        for name in sorted(names + links):
            path = Path(root) / name
            if not path.is_symlink() or _stays(live, path):
                yield path


def _stays(live: Path, link: Path) -> bool:
    return link_stays_inside(link.relative_to(live).as_posix(), str(link.readlink()))


@contextlib.contextmanager
def _store_kept(home: Path) -> Iterator[None]:
    """Snapshots that the database speaks of stay whole during the block, though somebody deletes them."""
    if not (home / "blobs").is_dir():
        yield
        return
    with uncollected(home / "blobs"):
        yield


def _add_store_index(archive: tarfile.TarFile, home: Path, folder: Path) -> int:
    """Adds the index of the store as it is now; it has all that the database speaks of, in packs that stay."""
    if not (home / _STORE_INDEX).exists():
        return 0
    with (
        closing(sqlite3.connect(home / _STORE_INDEX)) as index,
        closing(sqlite3.connect(folder / "index")) as copy,
    ):
        index.backup(copy)
    archive.add(folder / "index", arcname=_STORE_INDEX)
    return 1


def _add_file(archive: tarfile.TarFile, home: Path, path: Path) -> int:
    """Adds a file as long as it is now, though it may grow meanwhile; 0 when it is gone."""
    try:
        if path.is_symlink() or path.is_dir():
            archive.add(path, arcname=str(path.relative_to(home)), recursive=False)
            return 1
        with path.open("rb") as file:
            archive.addfile(archive.gettarinfo(arcname=str(path.relative_to(home)), fileobj=file), file)
    except FileNotFoundError:
        return 0
    return 1


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, home: Path) -> int:
    if not (member.isfile() or member.islnk() or _LIVE.match(member.name)):
        raise BackupError(f"The backup holds {member.name}, which is not a plain file.")
    target = _inside(home, member.name)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if member.isdir():
        target.mkdir(exist_ok=True)
        return 1
    if member.issym():
        target.symlink_to(member.linkname)
        if not _stays(home.joinpath(*target.relative_to(home).parts[:3]), target):
            raise BackupError(f"The backup holds {member.name}, a link that leaves its dataset.")
        return 1
    if member.islnk():  # copies of projects share object files
        target.hardlink_to(_inside(home, member.linkname))
        return 1
    source = archive.extractfile(member)
    assert source is not None  # noqa: S101 - it is a plain file
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, member.mode & 0o700)
    with os.fdopen(descriptor, "wb") as file:
        while piece := source.read(2**20):
            file.write(piece)
    return 1


def _inside(home: Path, name: str) -> Path:
    path = SafePath(name) if not name.startswith("/") else SafePath("")
    if not path:
        raise BackupError(f"The backup holds the path {name}, which leaves the home.")
    return path.under(home)
