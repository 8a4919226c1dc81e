"""Addresses: what is accepted and in which form it is kept, and a long list of what is not."""

import socket
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelyard.engines.git_remotes import Address, AddressRules, RemoteFailure, parse_address
from modelyard.engines.git_remotes.network import resolve
from modelyard.kit.errors import BadRequest
from tests.engines.git_remotes.repositories import git

STRICT = AddressRules()


@pytest.mark.parametrize(
    ("uri", "kept", "protocol", "host", "port", "name"),
    [
        ("https://github.com/ada/code.git", None, "https", "github.com", 443, "code"),
        ("https://GitHub.COM:443/Ada/Code/", "https://github.com/Ada/Code", "https", "github.com", 443, "Code"),
        ("https://git.corp.:8443/x", "https://git.corp:8443/x", "https", "git.corp", 8443, "x"),
        ("https://10.1.2.3/a/b.git", None, "https", "10.1.2.3", 443, "b"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a", "https", "2001:db8::1", 443, "a"),
        ("https://dev.azure.com/o/My%20Project/_git/x", None, "https", "dev.azure.com", 443, "x"),
        ("HTTPS://git.example.org/x.git", "https://git.example.org/x.git", "https", "git.example.org", 443, "x"),
        ("ssh://git@github.com/ada/code.git", None, "ssh", "github.com", 22, "code"),
        ("ssh://github.com:22/x", "ssh://git@github.com/x", "ssh", "github.com", 22, "x"),
        ("ssh://ada.l+x@git.corp:2222/~ada/x", None, "ssh", "git.corp", 2222, "x"),
        ("git@github.com:ada/code.git", None, "ssh", "github.com", 22, "code"),
        ("git@GITLAB.com:a/b/c.git/", "git@gitlab.com:a/b/c.git", "ssh", "gitlab.com", 22, "c"),
        ("git@[2001:db8::1]:x.git", None, "ssh", "2001:db8::1", 22, "x"),
        ("git@host:/srv/git/x", None, "ssh", "host", 22, "x"),
    ],
)
def test_an_address_has_one_form(
    uri: str, kept: str | None, protocol: str, host: str, port: int, name: str
) -> None:
    address = parse_address(uri, STRICT)
    shown = (address.uri, address.protocol, address.host, address.port, address.suggested_name)
    assert shown == (kept or uri, protocol, host, port, name)
    assert parse_address(address.uri, STRICT) == address
    assert msgspec.json.decode(msgspec.json.encode(address), type=Address) == address


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("", "missing"),
        ("x" * 3000, "longer than 2048 bytes"),
        ("https://github.com/" + "ü" * 1020, "longer than 2048 bytes"),
        ("http://github.com/a/b", "not by http"),
        ("git://github.com/a/b", "not by git"),
        ("ftp://github.com/a/b", "not by ftp"),
        ("file:///etc", "not by file"),
        ("FILE://localhost/etc", "not by file"),
        ("git+ssh://git@github.com/a", r"not by git\+ssh"),
        ("ext::sh -c touch% /tmp/x", "white space"),
        ("ext::sh", "Transport helpers"),
        ("fd::17", "Transport helpers"),
        ("::x", "Transport helpers"),
        ("https::https://github.com/a", "Transport helpers"),
        ("relative/path", "not the address"),
        ("./x", "not the address"),
        ("~/x", "not the address"),
        ("C:\\code", "no user"),
        ("github.com:a/b", "no user"),
        ("https:/github.com/a", "no user"),
        ("-oProxyCommand=x:y", "no user"),
        ("https://github.com", "no path"),
        ("https://github.com///", "no path"),
        ("https://github.com/%20/..%2f", "dot segment"),
        ("git@github.com:", "no path"),
        ("https:///a/b", "host or the port"),
        ("https://:443/a", "host or the port"),
        ("https://h:x/a", "host or the port"),
        ("https://h:\u0661/a", "host or the port"),
        ("https://h:0/a", "between 1 and 65535"),
        ("https://h:65536/a", "between 1 and 65535"),
        ("https://h:999999/a", "host or the port"),
        ("https://ada:s3cret@github.com/a", "git credential"),
        ("https://ghp_s3cret@github.com/a", "git credential"),
        ("https://@github.com/a", "git credential"),
        ("ssh://git:s3cret@github.com/a", "git credential"),
        ("ssh://-oProxyCommand=s3cret@github.com/a", "user name"),
        ("ssh://-oProxyCommand=x/a", "legal DNS name"),
        ("ssh://git@-h/a", "legal DNS name"),
        ("-x@h:a", "user name"),
        ("git@-h:a", "legal DNS name"),
        ("git@h:-a", "begins with '-'"),
        ("git@h:a/--upload-pack=x", "begins with '-'"),
        ("ssh://git@h/-a", "begins with '-'"),
        ("ssh://git@h/%2da", "begins with '-'"),
        ("https://h/a/-/b", "begins with '-'"),
        ("https://h/a?x=1", "query"),
        ("https://h/a#x", "query"),
        ("git@h:a?x", "query"),
        ("https://h/a b", "white space"),
        ("https://h/a\n", "white space"),
        ("https://h/a\x00", "white space"),
        ("https://h/a\u2028b", "white space"),
        ("https://h/a%0ab", "control character"),
        ("https://h/a%00", "control character"),
        ("https://h/a\\b", "backslash"),
        ("https://h/a/../b", "dot segment"),
        ("https://h/a/%2E%2e/b", "dot segment"),
        ("https://h/./b", "dot segment"),
        ("git@h:../b", "dot segment"),
        ("https://h/ü", "not ASCII"),
        ("https://münchen.de/a", "legal DNS name"),
        ("https://h_x/a", "legal DNS name"),
        ("https://h..x/a", "legal DNS name"),
        ("https://h%41/a", "legal DNS name"),
        ("https://" + "a" * 64 + ".de/a", "legal DNS name"),
        ("https://[::1/a", "host or the port"),
        ("https://[v1.x]/a", "IPv6"),
        ("https://[fe80::1%25eth0]/a", "IPv6"),
        ("https://h/\udcff", "Unicode"),
        ("git@[h]:x", "IPv6"),
    ],
)
def test_what_is_no_address(uri: str, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence) as refused:
        parse_address(uri, STRICT)
    assert "s3cret" not in refused.value.message


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3",
        "169.254.169.254", "224.0.0.1", "240.0.0.1", "255.255.255.255", "100.100.100.200", "168.63.129.16",
        "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
        "[fe80::1]", "[ff02::1]", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::ffff:a9fe:a9fe]",
        "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0", "1.2.3.4.5",
        "0x7f.0x0.0x0.0x1", "256.1.1.1", "a.0x7f", "127.0.0.01",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["https://{}/a", "https://{}:8443/a", "ssh://git@{}/a", "git@{}:a"])
def test_this_machine_is_out_of_reach(host: str, form: str) -> None:
    with pytest.raises(BadRequest, match=r"internal address|plain IP address|legal DNS name"):
        parse_address(form.format(host), STRICT)


@pytest.mark.parametrize(
    ("entry", "uri"),
    [
        ("localhost", "https://localhost:1/a"),
        ("LocalHost:8443", "https://localhost:8443/a"),
        ("127.0.0.1", "https://127.0.0.1/a"),
        ("127.0.0.1", "https://localhost/a"),
        ("127.0.0.1:8443", "https://127.0.0.1:8443/a"),
        ("127.0.0.0/8", "ssh://git@127.1.2.3/a"),
        ("127.0.0.0/8", "https://[::ffff:127.0.0.1]/a"),
        ("::1", "https://[::1]/a"),
        ("[::1]:8443", "https://[::1]:8443/a"),
        ("fe80::/10", "git@[fe80::1]:a"),
    ],
)
def test_the_administrator_allows_more(entry: str, uri: str) -> None:
    assert parse_address(uri, AddressRules([entry])).host


@pytest.mark.parametrize("entry", ["localhost:8443", "127.0.0.1:8443", "127.0.0.2", "example.org"])
def test_but_just_what_is_allowed(entry: str) -> None:
    with pytest.raises(BadRequest, match="internal address"):
        parse_address("https://127.0.0.1/a", AddressRules([entry]))


@pytest.mark.parametrize("entry", ["", "https://h", "h/x", "h:99999x", "10.0.0.0/40", "*"])
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="allowed git hosts is not"):
        AddressRules([entry])
    with pytest.raises(ValueError, match="not an absolute path"):
        AddressRules([], ["relative"])


def _dns(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Stands for a DNS server, the one thing that is not ours to run."""

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        if not answers:
            raise socket.gaierror
        return [(0, 0, 0, "", (answer, 443)) for answer in answers]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "answer", ["127.0.0.1", "::1", "169.254.169.254", "0.0.0.0", "fe80::1%eth0", "::ffff:7f00:1"]
)
async def test_a_name_that_leads_to_this_machine(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    _dns(monkeypatch, answer)
    with pytest.raises(RemoteFailure, match=r"git\.example\.test is an internal address"):
        await resolve("git.example.test", 443, STRICT)
    assert await resolve("git.example.test", 443, AddressRules(["git.example.test"])) == [answer]


async def test_only_the_good_answers_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _dns(monkeypatch, "127.0.0.1", "192.0.2.1", "10.0.0.1", "192.0.2.1")
    assert await resolve("git.example.test", 443, STRICT) == ["192.0.2.1", "10.0.0.1"]


async def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    _dns(monkeypatch)
    with pytest.raises(RemoteFailure, match=r"git\.example\.test was not found"):
        await resolve("git.example.test", 443, STRICT)
    assert await resolve("git.example.test", 443, STRICT, by_proxy=True) == []


def test_folders_of_this_machine(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside / "ok repo.git", inside / "normal" / ".git", outside / "secret.git"):
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", "--bare")
    (inside / "link.git").symlink_to(outside / "secret.git")
    (inside / "loop").symlink_to(inside / "loop")
    (inside / "linked").mkdir()
    (inside / "linked" / ".git").symlink_to(outside / "secret.git")
    (inside / "pieces").mkdir()
    (inside / "pieces" / "objects").symlink_to(outside / "secret.git" / "objects")
    (inside / "worktree").mkdir()
    (inside / "worktree" / ".git").write_text(f"gitdir: {outside}/secret.git\n")
    borrowing = inside / "borrowing.git" / "objects" / "info"
    borrowing.mkdir(parents=True)
    (borrowing / "alternates").write_text(f"{outside}/secret.git/objects\n")
    rules = AddressRules([], [str(inside)])
    address = parse_address(f"{inside}/normal/", rules)
    assert (address.uri, address.protocol, address.host, address.port) == (f"{inside}/normal", "local", None, None)
    assert address.suggested_name == "normal"
    for refused in (
        "link.git",
        "linked",
        "pieces",
        "worktree",
        "borrowing.git",
        "../out/secret.git",
        "",
        "x" * 300,
    ):
        if refused == "x" * 300:
            assert parse_address(f"{inside}/{refused}", rules).protocol == "local"
            continue
        with pytest.raises(BadRequest):
            parse_address(f"{inside}/{refused}", rules)
    for refused in (f"{outside}/secret.git", "/etc", "/", f"{inside}-other"):
        with pytest.raises(BadRequest):
            parse_address(refused, rules)
    with pytest.raises(BadRequest, match="git_allowed_paths"):
        parse_address(f"{inside}/normal", STRICT)
    # Not there at all: that is for the fetch to say.
    for missing in ("loop", "x" * 300):
        assert parse_address(f"{inside}/{missing}", rules).protocol == "local"


_PIECES = some.sampled_from(
    ["https://", "ssh://", "git@", "ext::", "file://", "/", "..", ":", "@", "[", "]", "%2e", "-o", "h",
     "localhost", "127.0.0.1", "::1", "0x7f", "?", "#", "\\", " ", "\n", "\x00", "ü", "~", "a.b", ".git", "1"]
)  # fmt: skip


@given(some.one_of(some.text(), some.lists(_PIECES, max_size=10).map("".join)))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    try:
        address = parse_address(text, STRICT)
    except BadRequest:
        return
    assert address.protocol in {"https", "ssh"}
    assert parse_address(address.uri, STRICT) == address
    assert not address.uri.startswith("-")
    assert address.host not in {None, "localhost", "127.0.0.1", "::1"}
