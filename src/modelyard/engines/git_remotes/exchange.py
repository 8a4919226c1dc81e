"""What goes between a mirror and a remote: branches, tags and commits, fetched or pushed."""

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelyard.engines.git_remotes import resolving
from modelyard.engines.git_remotes.command import Ended, run_git
from modelyard.engines.git_remotes.connection import Connection
from modelyard.engines.git_remotes.failures import Damaged, RemoteFailure, failure_of, is_damage
from modelyard.engines.git_remotes.mirrors import DEFAULT_BRANCH
from modelyard.engines.git_remotes.references import Fetched, Reference

_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_FETCH = (
    "fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--no-show-forced-updates",
    "--no-recurse-submodules",
)  # fmt: skip
_UNKNOWN_COMMIT = ("not our ref", "unadvertised object", "couldn't find remote ref", "not a valid object")


class Contact(msgspec.Struct, frozen=True):
    """A mirror under its lock, and the connection it is fetched over; a fresh one was made just now."""

    mirror: Path
    connection: Connection
    lock: int
    fresh: bool = False

    @property
    def place(self) -> str:
        return self.connection.host or "this machine"

    async def git(self, *arguments: str) -> Ended:
        """Git in the mirror; it may end with any code."""
        options = [*self.connection.options, f"--git-dir={self.mirror}", *arguments]
        return await run_git(options, self.connection.environment, self.mirror, held=[self.lock])

    async def must(self, *arguments: str) -> str:
        """What git prints; raises Damaged or RemoteFailure when it fails."""
        ended = await self.git(*arguments)
        if ended.code:
            raise self.failure(ended)
        # git fetches around broken files and leaves them where they are.
        if not self.fresh and is_damage(ended.errors):
            raise Damaged(ended.errors)
        return ended.out

    def failure(self, ended: Ended) -> Exception:
        """What a failed git means."""
        if ended.code < 0:
            return RemoteFailure("git was killed while it worked on the repository. Try again.")
        if is_damage(ended.errors):
            return Damaged(ended.errors)
        connection = self.connection
        return failure_of(ended.errors, connection.host, connection.secret_given, connection.hidden)


async def fetch(contact: Contact, reference: Reference) -> Fetched:
    """Updates all branches and tags, then resolves the reference; raises Damaged and RemoteFailure."""
    url = contact.connection.url
    update = contact.must(*_FETCH, "--", url, *_EVERYTHING)
    if reference.kind == "Head":
        _, heads = await _side_by_side(update, contact.must("ls-remote", "--symref", "--", url, "HEAD"))
        return await _default_branch(contact, heads)
    await update
    if reference.kind == "Commit":
        return Fetched(await _commit(contact, reference.value or ""))
    branch = reference.kind == "Branch"
    name = f"refs/{'heads' if branch else 'tags'}/{reference.value}"
    commit_id = await resolving.commit_of(contact.git, name)
    if commit_id is None:
        raise RemoteFailure(
            f"The repository at {contact.place} has no {reference.kind.lower()} named {reference.value!r}, or it "
            "leads to no commit."
        )
    return Fetched(commit_id, reference.value if branch else None)


async def _default_branch(contact: Contact, heads: str) -> Fetched:
    """Where the remote's HEAD is: on a branch, or on a commit of its own."""
    branch, commit_id = resolving.read_heads(heads)
    if commit_id is None:
        raise RemoteFailure(
            f"The repository at {contact.place} has no commit on its default branch: push one, or name another "
            "branch."
        )
    if branch is None:
        return Fetched(await _commit(contact, commit_id))
    name = f"refs/heads/{branch}"
    found = await resolving.commit_of(contact.git, name)
    if found is None:  # the branch went away between the two questions
        return Fetched(await _commit(contact, commit_id))
    await contact.must("symbolic-ref", DEFAULT_BRANCH, name)
    return Fetched(found, branch)


async def _commit(contact: Contact, digits: str) -> str:
    """The full id of a commit; one that no branch or tag reaches is asked for by its id and kept."""
    found = await resolving.commits_with(contact.git, digits)
    if len(found) > 1:
        raise RemoteFailure(f"More than one commit begins with {digits}; give more digits of its id.")
    if found:
        return found[0]
    whole = len(digits) in {40, 64}
    missing = RemoteFailure(
        f"The repository at {contact.place} has no commit {digits}"
        + (", or does not give it away." if whole else " on its branches and tags; give all digits of its id.")
    )
    if not whole:
        raise missing
    kept = f"+{digits}:refs/modelyard/commits/{digits}"
    ended = await contact.git(*_FETCH, "--", contact.connection.url, kept)
    if ended.code and any(words in ended.errors for words in _UNKNOWN_COMMIT):
        raise missing
    if ended.code:
        raise contact.failure(ended)
    found = await resolving.commits_with(contact.git, digits)
    if not found:
        raise missing
    return found[0]


async def push(contact: Contact, *, force: bool) -> None:
    """Pushes all branches and tags, the default branch first; raises Damaged and RemoteFailure."""
    listed = await contact.must("for-each-ref", "--count=1", "refs/heads", "refs/tags")
    if not listed:
        raise RemoteFailure("The repository to copy has no branches and no tags yet.")
    options = [*contact.connection.push_options, "--quiet", "--no-verify", *(["--force"] if force else [])]
    # Hosts make the first branch they get the default one.
    first = await contact.git("symbolic-ref", "--quiet", DEFAULT_BRANCH)
    name = first.out.strip()
    if not first.code and await resolving.commit_of(contact.git, name):
        await contact.must("push", *options, "--", contact.connection.url, f"{name}:{name}")
    refspecs = ["refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"]
    await contact.must("push", *options, "--", contact.connection.url, *refspecs)


async def _side_by_side(*works: Coroutine[Any, Any, str]) -> Sequence[str]:
    """Waits for all; when one fails the others are stopped before the failure goes on."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        # gather does not wait for those it cancelled; a second cancel would disturb their tidying up.
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        await asyncio.wait(tasks)
