"""Organizations: accounts that several people share; whatever an organization may do, its members may."""

from modelyard.domains.organizations.queries import ACCOUNTS, accounts_of, belongs_to, people_of

__all__ = ["ACCOUNTS", "accounts_of", "belongs_to", "people_of"]
