"""SSH keys as people paste them, and secrets as they are sealed."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519

from modelyard.engines.git_remotes import AccessToken, Password, Secret, SshKey, read_ssh_key
from modelyard.kit.errors import BadRequest

NONE = form.NoEncryption()
LOCKED = form.BestAvailableEncryption(b"open sesame")
ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
ECDSA = ec.generate_private_key(ec.SECP384R1())


def _text(key: object, shape: form.PrivateFormat, encryption: form.KeySerializationEncryption) -> str:
    return key.private_bytes(form.Encoding.PEM, shape, encryption).decode()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("key", [ED25519, RSA, ECDSA], ids=["ed25519", "rsa", "ecdsa"])
@pytest.mark.parametrize("shape", [form.PrivateFormat.OpenSSH, form.PrivateFormat.PKCS8])
@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_keys_in_every_form(
    key: object, shape: form.PrivateFormat, passphrase: str | None, tmp_path: Path
) -> None:
    text = _text(key, shape, LOCKED if passphrase else NONE)
    held, fingerprint = read_ssh_key("\n" + text.replace("\n", "\r\n").strip(), passphrase)
    assert held.private_key.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert read_ssh_key(held.private_key, None)[1] == fingerprint
    assert "PRIVATE" not in repr(held)
    if shutil.which("ssh-keygen"):
        file = tmp_path / "key"
        file.touch(mode=0o600)
        file.write_text(held.private_key)
        shown = subprocess.run(["ssh-keygen", "-l", "-f", file], capture_output=True, text=True, check=True)
        assert shown.stdout.split()[1] == fingerprint


def test_the_old_pem_form_and_a_passphrase_too_many() -> None:
    text = _text(RSA, form.PrivateFormat.TraditionalOpenSSL, LOCKED)
    locked = read_ssh_key(text, "open sesame")
    assert locked[1] == read_ssh_key(_text(RSA, form.PrivateFormat.OpenSSH, NONE), "not needed")[1]


def _public() -> str:
    return ED25519.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()


# By name: the keys differ in every process.
WRONG = {
    "locked": (_text(ED25519, form.PrivateFormat.OpenSSH, LOCKED), None, "protected by a passphrase"),
    "locked otherwise": (_text(ED25519, form.PrivateFormat.OpenSSH, LOCKED), "wrong", "does not open"),
    "locked PKCS": (_text(RSA, form.PrivateFormat.PKCS8, LOCKED), "", "protected by a passphrase"),
    "PKCS locked otherwise": (_text(RSA, form.PrivateFormat.PKCS8, LOCKED), "wrong", "does not open"),
    "PEM locked otherwise": (_text(RSA, form.PrivateFormat.TraditionalOpenSSL, LOCKED), "wrong", "does not open"),
    "public": (_public(), None, "public key"),
    "nothing": ("", None, "not a private SSH key"),
    "garbage": ("garbage", "x", "not a private SSH key"),
    "half": (_text(ED25519, form.PrivateFormat.OpenSSH, NONE)[:200], None, "not a private SSH key"),
    "endless": ("x" * 40_000, None, "longer than"),
    "no text": ("\u00fc\udcff", None, "not a private SSH key"),
    "short": (_text(rsa.generate_private_key(65537, 1024), form.PrivateFormat.PKCS8, NONE), None, "2048 bits"),
    "DSA": (_text(dsa.generate_private_key(2048), form.PrivateFormat.PKCS8, NONE), None, "kind of SSH key"),
    "X25519": (_text(x25519.X25519PrivateKey.generate(), form.PrivateFormat.PKCS8, NONE), None, "kind of SSH key"),
    "Bitcoin": (
        _text(ec.generate_private_key(ec.SECP256K1()), form.PrivateFormat.PKCS8, NONE),
        None,
        "no form for",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_key(name: str) -> None:
    text, passphrase, sentence = WRONG[name]
    with pytest.raises(BadRequest, match=sentence):
        read_ssh_key(text, passphrase)


@pytest.mark.parametrize("secret", [AccessToken("t0ken"), Password("ada", "s3cret"), SshKey("key")])
def test_secrets_are_sealed_as_json_and_never_shown(secret: Secret) -> None:
    assert msgspec.json.decode(msgspec.json.encode(secret), type=Secret) == secret  # type: ignore[arg-type]
    assert "***" in f"{secret} {secret!r}"
    assert not any(word in repr(secret) for word in ("t0ken", "s3cret", "key"))
