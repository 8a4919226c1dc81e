"""Organizations: accounts that several people share; whatever an organization may do, its members may."""

from modelyard.domains.organizations.queries import belongs_to

__all__ = ["belongs_to"]
