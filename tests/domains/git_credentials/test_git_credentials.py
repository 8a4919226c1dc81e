"""Git credentials: written, listed, replaced, forgotten, and never read back."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database
from tests.client import Modelyard, Person

NOBODY = "0" * 24


def own(person: Person) -> str:
    """Where a person's credentials are written."""
    return f"/v4/accounts/{person.id}/gitcredentials"


async def listed(person: Person, of: Person) -> Any:
    """The handles of somebody's credentials."""
    return (await person.get(f"/api/users/beta/credentials/{of.id}"))["credentials"]


async def add(person: Person, expect: int = 200, **more: Any) -> Any:
    """Adds a credential to one's own account."""
    body = {"name": "laptop", "gitServiceProvider": "Github"} | more
    reply = await person.post(own(person), body, expect=expect)
    return reply.get("credential", reply)


def key(passphrase: bytes | None = None) -> str:
    """A new private SSH key."""
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, protection)
    return made.decode()


async def test_a_token_is_for_the_providers_host_unless_another_is_named(ada: Person) -> None:
    made = await add(ada, token="ghp_s3cret")
    assert (made["domain"], made["protocol"], made["gitServiceProvider"]) == ("github.com", "https", "Github")
    other = await add(ada, token="ghp_s3cret", domain="GIT.example.org", gitServiceProvider="Unknown")
    assert other["domain"] == "git.example.org"
    assert other["fingerprint"] == made["fingerprint"]
    assert (await add(ada, token="another"))["fingerprint"] != made["fingerprint"]
    assert [one["id"] for one in await listed(ada, ada)][:2] == [made["id"], other["id"]]


async def test_an_ssh_key_may_have_a_passphrase(ada: Person) -> None:
    plain = await add(ada, key=key())
    assert plain["protocol"] == "ssh"
    assert plain["fingerprint"].startswith("SHA256:")
    await add(ada, key=key(b"open sesame"), passphrase="open sesame")
    assert "passphrase" in (await add(ada, key=key(b"open sesame"), passphrase="wrong", expect=400))["message"]
    public = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    await add(ada, key=public.decode(), expect=400)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": "t", "password": "p", "username": "u"},
        {"password": "p"},
        {"token": "t", "gitServiceProvider": "Unknown"},
        {"token": "t", "domain": "https://git.example.org/"},
        {"token": "t", "domain": "-x"},
        {"token": "t", "gitServiceProvider": "Moon"},
        {"token": "", "name": "x"},
        {"token": "t", "name": ""},
        {"token": "t" * 20_001},
        {"key": "not a key"},
    ],
)
async def test_what_is_not_one_whole_secret_is_refused(ada: Person, body: dict[str, Any]) -> None:
    message = (await add(ada, expect=400, **body))["message"]
    assert message
    assert await listed(ada, ada) == []


async def test_secrets_are_nowhere_in_the_clear(ada: Person, db: Database, modelyard: Modelyard) -> None:
    made = await add(ada, username="ada", password="s3cret-word")
    assert "s3cret" not in str(made)
    assert "s3cret" not in str(await listed(ada, ada))
    sealed = await db.value("SELECT sealed FROM git_credentials")
    assert b"s3cret" not in sealed
    vault = Vault.open(modelyard.settings.home_path / "secret.key")
    assert "s3cret-word" in vault.unseal(sealed)
    assert await db.value("SELECT count(*) FROM events WHERE details::text LIKE '%s3cret%'") == 0


async def test_a_token_is_replaced_under_its_handle(ada: Person, bob: Person) -> None:
    made = await add(ada, token="old")
    path = f"/api/users/v1/user/{ada.id}/tokenCredentials/{made['id']}"
    body = {"name": "renewed", "gitServiceProvider": "Github", "domain": "github.com", "token": "new"}
    renewed = (await ada.put(path, body))["credential"]
    assert (renewed["id"], renewed["name"]) == (made["id"], "renewed")
    assert renewed["fingerprint"] != made["fingerprint"]
    assert len(await listed(ada, ada)) == 1
    await ada.put(path.replace(made["id"], NOBODY), body, expect=404)
    await bob.put(path, body, expect=403)


async def test_only_the_account_itself_and_administrators_change_it(
    ada: Person, bob: Person, admin: Person, modelyard: Modelyard
) -> None:
    made = await add(ada, token="t")
    body = {"name": "x", "gitServiceProvider": "Github", "token": "t"}
    await bob.post(own(ada), body, expect=403)
    await bob.delete(f"{own(ada)}/{made['id']}", expect=403)
    await bob.get(f"/api/users/beta/credentials/{ada.id}", expect=403)
    await modelyard.stranger().post(own(ada), body, expect=401)
    await bob.delete(f"{own(bob)}/{made['id']}", expect=404)
    await admin.delete(f"{own(ada)}/{made['id']}")
    assert await listed(ada, ada) == []
    await ada.delete(f"{own(ada)}/{made['id']}", expect=404)
