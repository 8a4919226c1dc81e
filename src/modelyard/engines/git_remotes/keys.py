"""Reads the SSH keys people paste."""

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from modelyard.engines.git_remotes.credentials import SshKey
from modelyard.kit.errors import BadRequest

MAX_KEY_CHARACTERS = 32_768
MIN_RSA_BITS = 2048
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def read_ssh_key(text: str, passphrase: str | None) -> tuple[SshKey, str]:
    """A private key (OpenSSH, PEM or PKCS#8) without its passphrase, and the fingerprint of its public half.

    The fingerprint is what `ssh-keygen -l` prints: `SHA256:...`. Raises BadRequest for a wrong or missing
    passphrase, a public key, a kind or size of key that git hosts refuse, and anything else.
    """
    key = _loaded(text, passphrase)
    if not isinstance(key, _Key):
        raise BadRequest("This kind of SSH key is not supported; use an Ed25519, ECDSA or RSA key.")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise BadRequest(f"An RSA key needs at least {MIN_RSA_BITS} bits; make a new key, best an Ed25519 one.")
    try:
        held = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, UnsupportedAlgorithm):
        raise BadRequest("SSH has no form for this key; use an Ed25519, ECDSA (NIST) or RSA key.") from None
    sum_ = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return SshKey(held), "SHA256:" + base64.b64encode(sum_).decode().rstrip("=")


def _loaded(text: str, passphrase: str | None) -> object:
    # Windows line ends, and a missing one at the end, come from copying and pasting.
    content = text.replace("\r\n", "\n").strip()
    if len(content) > MAX_KEY_CHARACTERS:
        raise BadRequest(
            f"The SSH key is longer than {MAX_KEY_CHARACTERS} characters; paste one private key only."
        )
    if content.startswith(("ssh-", "ecdsa-", "sk-", "-----BEGIN PUBLIC KEY", "---- BEGIN SSH2 PUBLIC KEY")):
        raise BadRequest("This is a public key; paste the private key (the file without .pub).")
    data = (content + "\n").encode("utf-8", "replace")
    secret = passphrase.encode("utf-8", "replace") if passphrase else None
    load = load_ssh_private_key if data.startswith(_OPENSSH) else load_pem_private_key
    for attempt in (secret, None):
        try:
            return load(data, password=attempt)
        except TypeError:
            if attempt is None:  # the key wants a passphrase
                raise BadRequest("This SSH key is protected by a passphrase; give it too.") from None
        except UnsupportedAlgorithm:
            raise BadRequest("This SSH key is encrypted or made in a way that is not supported.") from None
        except ValueError:
            if attempt is not None and _is_encrypted(data, load):
                raise BadRequest("The passphrase does not open this SSH key.") from None
            break
    raise BadRequest("This is not a private SSH key; paste the whole file, with its BEGIN and END lines.")


def _is_encrypted(data: bytes, load: object) -> bool:
    """Whether a key asks for a passphrase when it gets none."""
    assert callable(load)  # noqa: S101
    try:
        load(data, password=None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return b"ENCRYPTED" in data
    return False
