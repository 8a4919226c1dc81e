"""Repositories to fetch: made by git itself, in an environment that knows nobody's configuration."""

import os
import subprocess
from pathlib import Path

WHO = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": "2025-01-01T00:00:00Z"}
ENVIRONMENT = (
    {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in WHO.items()}
    | {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    | {"GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
)


def git(folder: Path, *arguments: str) -> str:
    """What git prints when it runs in a folder."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Repository:
    """A bare repository in a served folder and the working tree that it is written from."""

    def __init__(self, bare: Path) -> None:
        self.bare = bare
        self.tree = bare.parent.parent / f"{bare.stem}-tree"
        self.bare.mkdir(parents=True)
        git(self.bare, "init", "--quiet", "--bare", "--initial-branch=main")
        self.tree.mkdir()
        git(self.tree, "init", "--quiet", "--initial-branch=main")
        git(self.tree, "remote", "add", "origin", str(self.bare))

    def commit(self, files: dict[str, str], message: str = "change") -> str:
        """Writes files, commits and pushes them on the present branch; the commit's id."""
        for name, content in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        git(self.tree, "add", "--all", "--force")
        git(self.tree, "commit", "--quiet", "--allow-empty", "-m", message)
        git(self.tree, "push", "--quiet", "--force", "origin", "HEAD")
        return git(self.tree, "rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        """Goes on a new branch from here."""
        git(self.tree, "checkout", "--quiet", "-b", name)

    def on(self, name: str) -> None:
        """Goes back to a branch."""
        git(self.tree, "checkout", "--quiet", name)

    def tag(self, name: str, *, annotated: bool = False) -> None:
        """Tags the present commit."""
        git(self.tree, "tag", *(["-a", "-m", name] if annotated else []), name)
        git(self.tree, "push", "--quiet", "--force", "origin", f"refs/tags/{name}")
