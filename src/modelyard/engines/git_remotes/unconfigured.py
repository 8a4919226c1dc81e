"""What stands for a git host where an administrator has named none."""

# ruff: noqa: ARG002 - it refuses whatever it is given

from modelyard.engines.git_remotes import Secret, Visibility
from modelyard.kit.errors import BadRequest


class NoGitHost:
    """Refuses everything with a sentence that says what to do."""

    def domain(self) -> str:
        """Raises BadRequest."""
        raise self._refusal()

    async def create_repository(
        self, secret: Secret, owner: str, name: str, visibility: Visibility, template: str | None
    ) -> str:
        """Raises BadRequest."""
        raise self._refusal()

    async def clone_url(self, secret: Secret, owner: str, name: str) -> str:
        """Raises BadRequest."""
        raise self._refusal()

    @staticmethod
    def _refusal() -> BadRequest:
        return BadRequest(
            "This server has no git host at which it could make or find repositories: an administrator names one"
            " with the setting github_api_url. Until then make the repository yourself and give its address."
        )
