"""From names and digits to commits, in a mirror."""

from collections.abc import Awaitable, Callable

from modelyard.engines.git_remotes.command import Ended
from modelyard.engines.git_remotes.failures import Damaged
from modelyard.engines.git_remotes.references import reference
from modelyard.kit.errors import BadRequest

Git = Callable[..., Awaitable[Ended]]
MOST_CANDIDATES = 32


async def commit_of(git: Git, name: str) -> str | None:
    """The commit that a full reference name or id leads to (tags peeled); None when there is none.

    Raises Damaged when it is there but cannot be read.
    """
    ended = await git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if not ended.code:
        return ended.out.strip()
    known = await git("rev-parse", "--verify", "--quiet", name)
    if known.code:
        return None
    kind = await git("cat-file", "-t", known.out.strip())
    if kind.code:
        raise Damaged(kind.errors or "bad object")
    if kind.out.strip() == "commit":
        raise Damaged(ended.errors or "bad object")
    return None


async def commits_with(git: Git, digits: str) -> list[str]:
    """The commits whose ids begin with these digits; a tag object stands for its commit."""
    # Not by rev-parse's usual way: a branch may be named like a commit.
    listed = await git("rev-parse", f"--disambiguate={digits}")
    found = []
    for candidate in listed.out.split()[:MOST_CANDIDATES]:
        kind = await git("cat-file", "-t", candidate)
        if kind.code:
            raise Damaged(kind.errors or "bad object")
        if kind.out.strip() in {"commit", "tag"}:
            found.append(await commit_of(git, candidate))
    return sorted({commit for commit in found if commit is not None})


def read_heads(listed: str) -> tuple[str | None, str | None]:
    """The branch and the commit of HEAD in what `git ls-remote --symref` prints."""
    branch = commit_id = None
    for line in listed.splitlines():
        left, _, name = line.partition("\t")
        if name != "HEAD":
            continue
        if left.startswith("ref: refs/heads/"):
            branch = _legal(left.removeprefix("ref: refs/heads/"))
        elif not left.startswith("ref:"):
            commit_id = left
    return branch, commit_id


def _legal(branch: str) -> str | None:
    """A branch's name as the remote says it, None when it is not one that we would take."""
    try:
        return reference("Branch", branch).value
    except BadRequest:
        return None
