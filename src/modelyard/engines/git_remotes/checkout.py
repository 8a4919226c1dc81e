"""A clone of a mirror for user code to work in."""

from pathlib import Path

from modelyard.engines.git_remotes.command import git_environment, run_git
from modelyard.engines.git_remotes.failures import Damaged, RemoteFailure, is_damage, scrubbed
from modelyard.engines.git_remotes.references import Fetched
from modelyard.engines.git_remotes.threads import to_the_end

_MISSING = ("does not exist", "does not appear to be", "reference is not a tree", "not a git repository")


async def clone(mirror: Path, fetched: Fetched, uri: str, folder: Path, lock: int) -> None:
    """Clones into an empty or missing folder: objects copied, not linked; `origin` is the uri.

    On the branch when there is one, else detached. Nothing in the repository is executed: no hooks,
    templates, filters, watchers or submodules. Raises Damaged or RemoteFailure.
    """
    if not (mirror / "HEAD").is_file():
        raise RemoteFailure("The repository is not on this server any more. Fetch it again.")
    home = mirror.parent / ".home"
    # The log of HEAD names who moved it: not the server's account and host.
    environment = git_environment(home, "file") | {
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_COMMITTER_NAME": "Modelyard",
        "GIT_COMMITTER_EMAIL": "modelyard@localhost",
    }

    async def git(*arguments: str) -> None:
        ended = await run_git(arguments, environment, mirror.parent, held=[lock])
        if not ended.code:
            return
        if is_damage(ended.errors) or any(words in ended.errors for words in _MISSING):
            raise Damaged(ended.errors)
        if "already exists and is not an empty directory" in ended.errors:
            raise RemoteFailure("The folder that the repository was to be checked out in is not empty.")
        raise RemoteFailure(f"The repository cannot be checked out: {scrubbed(ended.errors)}")

    await git(
        # The log of a clone would tell where the mirror is.
        "-c", "core.logAllRefUpdates=false",
        "clone", "--quiet", "--local", "--no-hardlinks", "--no-checkout", "--template=", "--no-recurse-submodules",
        "--", str(mirror), str(folder),
    )  # fmt: skip
    inside = ("-C", str(folder))
    await git(*inside, "config", "--replace-all", "remote.origin.url", uri)
    if fetched.branch is None:
        await git(*inside, "checkout", "--quiet", "--force", "--detach", fetched.commit_id)
        return
    await git(*inside, "checkout", "--quiet", "--force", "--no-track", "-B", fetched.branch, fetched.commit_id)
    await to_the_end(_track, folder, fetched.branch)


def _track(folder: Path, branch: str) -> None:
    """Lets the branch follow the one at origin, also when that has gone meanwhile."""
    name = branch.replace("\\", "\\\\").replace('"', '\\"')
    with (folder / ".git" / "config").open("a") as config:
        config.write(f'[branch "{name}"]\n\tremote = origin\n\tmerge = "refs/heads/{name}"\n')
