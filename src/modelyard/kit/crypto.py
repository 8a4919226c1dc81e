"""Secrets at rest and API keys: what is stored is encrypted or hashed."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

KEY_PREFIX = "mdy_"


def new_secret(prefix: str = KEY_PREFIX) -> str:
    """A new API key or token with 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """The SHA-256 of a high-entropy secret, as it is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def same(one: bytes, other: bytes) -> bool:
    """Whether two digests are equal, in constant time."""
    return hmac.compare_digest(one, other)


class Vault:
    """Encrypts what must be read again, with the home's `secret.key` (Fernet)."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self._marking_key = hashlib.sha256(b"fingerprints of secrets" + key).digest()

    @classmethod
    def open(cls, path: Path) -> "Vault":
        """The vault of a key file, which is made (mode 0600) when it is missing."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls(path.read_bytes())
        key = Fernet.generate_key()
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return cls(key)

    def seal(self, text: str) -> bytes:
        """The encrypted form of a text."""
        return self._fernet.encrypt(text.encode())

    def unseal(self, sealed: bytes) -> str:
        """The text; raises ValueError when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise ValueError("This secret was encrypted with another secret.key.") from None

    def fingerprint(self, secret: str) -> str:
        """What tells one secret from another and, without this vault's key, nothing about it."""
        return hmac.new(self._marking_key, secret.encode(), hashlib.sha256).hexdigest()[:16]
