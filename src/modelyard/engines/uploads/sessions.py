"""The upload sessions of live folders: begun, filled chunk by chunk, then ended as a whole or cancelled."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from modelyard.engines.folders import Extent, LiveFolder
from modelyard.engines.uploads.body import Body
from modelyard.engines.uploads.boot import boot_of_machine
from modelyard.engines.uploads.chunk import MAX_FOLDERS, Chunk, SentFile
from modelyard.engines.uploads.landing import (
    Commit,
    Landed,
    carry_out,
    make_durable,
    read_commit,
    write_commit,
)
from modelyard.engines.uploads.plan import Collision, Plan, plan
from modelyard.engines.uploads.quota import Quota
from modelyard.engines.uploads.session import COMMIT, FACTS, LEFT, Facts, Gone, Session, opened, start
from modelyard.kit.errors import BadRequest, Failure, TooLarge
from modelyard.kit.ids import is_id, new_id
from modelyard.kit.safe_path import SafePath

log = structlog.get_logger()

KEPT_SECONDS = 7 * 24 * 3600
_OVER = ".over"

# Told what an upload brought, and what the live folder has now, before the session is forgotten.
Settle = Callable[[Landed, Extent], None]


class _Outcome(msgspec.Struct, frozen=True):
    """What is kept of a session that is over; nothing landed of a cancelled one."""

    account_id: str
    landed: Landed | None


class UploadSessions:
    """All sessions: folders in the staging areas of live folders, used by any number of threads and processes.

    Everything here blocks. A session is named by its key and belongs to the account that started it; for any
    other it does not exist (Gone, a NotFound). A full disk is an OSError.
    """

    def __init__(self, max_file_bytes: int, boot: str | None = None) -> None:
        self._max_file_bytes = max_file_bytes
        self._boot = boot or boot_of_machine()

    def start(self, live: LiveFolder, account_id: str, collision: Collision, quota: Quota | None) -> str:
        """Begins a session; its key."""
        key = new_id()
        start(live.staging / key, Facts(account_id, collision, quota, self._boot))
        return key

    def has(
        self, live: LiveFolder, account_id: str, key: str, file: SentFile | None, number: int, checksum: bytes
    ) -> bool:
        """Whether a chunk of a file was received with this MD5; never, where nobody says of which file."""
        with opened(live.staging / key, account_id) as session:
            self._trust(session)
            return file is not None and session.has(file, number, checksum)

    def receive(self, live: LiveFolder, account_id: str, key: str, chunk: Chunk, body: Body) -> None:
        """Keeps a chunk, whatever came before it; one that comes again is harmless.

        Raises BadRequest when the bytes are not those that were announced, and over the quota; TooLarge for a
        file over the limit. Nothing is kept then.
        """
        if chunk.file.size > self._max_file_bytes:
            raise TooLarge(
                f"{chunk.file.path!r} is over this server's limit of {self._max_file_bytes:,} bytes a file."
            )
        if body.length != chunk.length:
            raise BadRequest(f"The chunk has {body.length:,} bytes instead of {chunk.length:,}; send it again.")
        if body.checksum != chunk.checksum:
            raise BadRequest("The chunk's MD5 is not its checksum: it changed on the way; send it again.")
        with opened(live.staging / key, account_id) as session:
            self._trust(session)
            session.receive(chunk, body)

    def end(
        self, live: LiveFolder, account_id: str, key: str, target: SafePath, quota: Quota | None, settle: Settle
    ) -> Landed:
        """Puts all received files below `target` into the live folder; repeated, it goes on or says what was.

        What is left of the session waits for `clear`.
        Raises BadRequest, and changes nothing, when chunks are missing, when the names do not fit to each
        other or to what is there, over the quota, and for a cancelled session.
        """
        folder = live.staging / key
        with suppress(Gone), opened(folder, account_id, alone=True) as session:
            return self._end(live, session, target, quota, settle)
        landed = _outcome_of(folder, account_id).landed
        if landed is None:
            raise BadRequest("The upload was cancelled; start a new one.")
        return landed

    def cancel(self, live: LiveFolder, account_id: str, key: str) -> bool:
        """Forgets a session and what it received; False when that was done before.

        Raises BadRequest when it was ended, even if that is not finished yet.
        """
        folder = live.staging / key
        with suppress(Gone), opened(folder, account_id, alone=True) as session:
            if (folder / COMMIT).exists():
                raise BadRequest("The upload is on its way into the dataset; end it again to finish it.")
            doomed = session.put_away()
            _keep(folder, _Outcome(account_id, None))
            shutil.rmtree(doomed)
            return True
        if _outcome_of(folder, account_id).landed is not None:
            raise BadRequest("The upload was ended, and its files are in the dataset.")
        return False

    def clear(self, live: LiveFolder) -> None:
        """Removes what ended sessions held and nobody needs, such as files left out; it may take long."""
        for path in live.staging.glob(f"*{LEFT}"):
            shutil.rmtree(path, ignore_errors=True)

    def recover(self, live: LiveFolder, settle: Settle) -> None:
        """Finishes what was being ended when its process died, and removes what nobody wants any more."""
        self.clear(live)
        for path in list(live.staging.iterdir()):
            try:
                if (path / COMMIT).exists():
                    with suppress(Gone), opened(path, None, alone=True) as session:
                        self._end(live, session, SafePath(""), None, settle)
                elif is_id(path.stem) and _touched(path) < time.time() - KEPT_SECONDS:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            except (Failure, OSError, msgspec.DecodeError) as error:
                log.warning("an upload could not be finished", key=path.stem, error=str(error))

    def _end(
        self, live: LiveFolder, session: Session, target: SafePath, quota: Quota | None, settle: Settle
    ) -> Landed:
        folder = session.folder
        outcome = _outcome(folder)
        if outcome is None or outcome.landed is None:
            commit = read_commit(folder)
            ready = None
            if commit is None:
                self._trust(session)
                ready = _Ready(live, session, target)
            with live.locked():
                if ready:
                    commit = ready.commit(quota)
                assert commit is not None  # noqa: S101
                extent = live.note(carry_out(folder, live.root, commit))
            settle(commit.landed, extent)
            outcome = _Outcome(session.facts.account_id, commit.landed)
            _keep(folder, outcome)
        session.put_away()
        assert outcome.landed is not None  # noqa: S101
        return outcome.landed

    def _trust(self, session: Session) -> None:
        """Raises BadRequest for a session that began before the machine went down.

        Chunks do not wait for the disk. What memory held of them, and of the notes about them, may have been lost
        then without a trace, so that nobody could say what is missing.
        """
        if session.facts.boot != self._boot:
            raise BadRequest(
                "The server's machine was restarted since this upload began, and what it received may be lost;"
                " cancel it, start a new one and send everything again."
            )


class _Ready:
    """A complete upload whose bytes are on the disk."""

    def __init__(self, live: LiveFolder, session: Session, target: SafePath) -> None:
        self._live, self._session, self._target = live, session, target
        self._files = {SafePath(f"{target}/{path}"): file for path, file in session.complete().items()}
        deepest = max(self._files, key=lambda path: path.count("/"), default=SafePath(""))
        if deepest.count("/") > MAX_FOLDERS:
            raise BadRequest(f"{deepest[:200]!r} would lie more than {MAX_FOLDERS} folders deep.")
        self._durable: set[str] = set()
        # Long before anybody has to wait for the live folder; what is left out needs no place on the disk.
        self._plan()

    def _plan(self) -> Plan:
        planned = plan(self._live.root, self._files, self._session.facts.collision)
        fresh = {move.place for move in planned.moves} - self._durable
        if fresh:
            make_durable(self._session.folder, fresh)
        self._durable |= fresh
        return planned

    def commit(self, quota: Quota | None) -> Commit:
        """Decides the upload as the live folder is now, while it is locked."""
        planned, session = self._plan(), self._session
        if quota:
            quota.demand(planned.bytes - planned.freed_bytes)
        landed = Landed(
            key=session.folder.name,
            account_id=session.facts.account_id,
            target=str(self._target),
            files=len(planned.moves),
            bytes=planned.bytes,
            ignored=planned.ignored,
            renamed=planned.renamed,
        )
        commit = Commit(session.facts.collision, planned.moves, landed)
        write_commit(session.folder, commit)
        return commit


def _outcome(folder: Path) -> _Outcome | None:
    try:
        return msgspec.json.decode(folder.with_suffix(_OVER).read_bytes(), type=_Outcome)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _outcome_of(folder: Path, account_id: str) -> _Outcome:
    """What became of an account's session that is over; raises Gone."""
    outcome = _outcome(folder) if is_id(folder.name) else None
    if outcome is None or outcome.account_id != account_id:
        raise Gone
    return outcome


def _keep(folder: Path, outcome: _Outcome) -> None:
    # Only for those who ask again: a disk without room for it must not stop what makes room.
    with suppress(OSError):
        folder.with_suffix(_OVER).write_bytes(msgspec.json.encode(outcome))


def _touched(path: Path) -> float:
    """When a session was last added to, or something else last written, in seconds since 1970."""
    facts = path / FACTS
    return (facts if facts.exists() else path).stat().st_mtime
