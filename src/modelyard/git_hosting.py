"""Composition of what reaches git repositories elsewhere, for every process that does."""

from modelyard.engines.git_remotes import AddressRules, GitHost, GitRemotes
from modelyard.engines.git_remotes.local import LocalGitRemotes
from modelyard.engines.git_remotes.unconfigured import NoGitHost
from modelyard.kit.errors import BadRequest
from modelyard.settings import BadSettings, Settings


def address_rules(settings: Settings) -> AddressRules:
    """Where git repositories may be; raises BadSettings."""
    try:
        return AddressRules(settings.git_allowed_hosts, settings.git_allowed_paths)
    except ValueError as wrong:
        raise BadSettings(str(wrong)) from None


def git_remotes(settings: Settings, rules: AddressRules) -> GitRemotes:
    """The mirrors below the home folder."""
    return LocalGitRemotes(settings.home_path / "git", rules, settings.git_ca_file, settings.git_timeout_seconds)


def git_host(settings: Settings, rules: AddressRules) -> GitHost:
    """The host at which repositories are made, or what stands for none; raises BadSettings."""
    if not settings.github_api_url:
        return NoGitHost()
    # Its HTTP client takes longer to import than all of the rest to start.
    from modelyard.engines.git_remotes.github import GitHub  # noqa: PLC0415

    try:
        return GitHub(settings.github_api_url, rules, settings.git_ca_file)
    except BadRequest as wrong:
        raise BadSettings(f"github_api_url: {wrong.message}") from None


def check_git_settings(settings: Settings) -> None:
    """Raises BadSettings for what would stop a server that is starting."""
    git_host(settings, address_rules(settings))
