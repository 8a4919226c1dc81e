"""Git credentials: how a person is known to git hosts; encrypted, never given back, used by that person's jobs."""

from modelyard.domains.git_credentials.queries import GitCredential
from modelyard.domains.git_credentials.service import (
    credential_for,
    find_own_credential,
    open_secret,
    own_credential,
)

__all__ = ["GitCredential", "credential_for", "find_own_credential", "open_secret", "own_credential"]
