"""What went wrong at a remote, in sentences for the person whose job or repository it was."""

import re
from collections.abc import Sequence

from modelyard.kit.errors import Failure

MAX_EXCERPT = 200


class RemoteFailure(Failure):
    """A repository elsewhere cannot be used as asked; the message says why and what to do.

    It names hosts, branches and commits, never a secret, an address or a path of the server.
    """

    status = 400


class Damaged(Exception):
    """A mirror on this machine is broken; it has to be made anew."""


_CREDENTIAL = "Add a git credential for {host} that may use this repository."
_MISSING = (
    "{host} has no repository at this address, or does not show it to this git credential. Check the address "
    "and the credential."
)
# The first match wins; git speaks English since it runs with LC_ALL=C.
_MEANINGS: list[tuple[str, str]] = [
    (r"No space left on device|Disk quota exceeded", "The server has no disk space left for the repository."),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key .* has changed",
        "The SSH host key of {host} is not the one it showed before, so nothing was sent to it. If the host has "
        "really changed its key, an administrator has to remove the old one from known_hosts.",
    ),
    (
        r"certificate verif|certificate problem|certificate subject|no alternative certificate|self.signed|"
        r"SSL_ERROR|CAfile|issuer certificate|certificate has expired",
        "The certificate of {host} is not trusted. If it is from your company's own authority, an administrator "
        "can name its file in the setting git_ca_file.",
    ),
    (
        r"unable to find remote helper|is not a git command",
        "The git of this server was built without https; an administrator has to install the full git.",
    ),
    (
        r"Load key .*(?:invalid format|libcrypto|incorrect passphrase)",
        "The SSH key of the git credential cannot be used.",
    ),
    (
        r"Permission to .* denied|error: 403|HTTP 403|not allowed to (?:push|upload)|insufficient permission|"
        r"write access .* not granted|read.only|Write access to repository",
        "{host} does not let this git credential do that. Use one with more rights to the repository.",
    ),
    (
        r"Authentication failed|could not read (?:Username|Password)|Permission denied \(|error: 401|HTTP 401|"
        r"Access denied|Too many authentication failures|terminal prompts disabled",
        "{refused}",
    ),
    (
        r"Repository not found|repository .* not found|error: 404|HTTP 404|does not appear to be a git repository|"
        r"not valid: is this a git repository|project you were looking for could not be found|does not exist",
        _MISSING,
    ),
    (r"error: 30\d|redirect", "The repository has moved: {host} sends to another address. Use the new address."),
    (r"error: 429|HTTP 429|rate limit", "{host} answers no more requests for the moment. Try again later."),
    (r"error: 5\d\d|HTTP 5\d\d", "{host} has a problem of its own. Try again later."),
    (r"Could not resolve (?:host|proxy)|Name or service not known|nodename nor servname", "{not_found}"),
    (
        r"Connection refused|Failed to connect|Couldn't connect|Could not connect|No route to host|unreachable|"
        r"Connection (?:was )?(?:reset|closed)|closed by remote host|kex_exchange_identification|Empty reply",
        "{host} refuses the connection or does not answer. Check the address and its port.",
    ),
    (
        r"timed out|Timeout|too slow|not responding",
        "{host} is too slow to answer. Try again later.",
    ),
    (
        r"dubious ownership",
        "The repository belongs to another account of this machine than the one Modelyard runs as.",
    ),
    (
        r"protected branch|pre-receive hook declined|GH0\d\d|remote rejected",
        "{host} does not accept this push; its rules for branches or files forbid it.",
    ),
    (
        r"\[rejected\]|non-fast-forward|fetch first|already exists",
        "The repository at {host} has commits or tags that this push would lose. Push with force to replace them.",
    ),
    (
        r"hung up|early EOF|RPC failed|unexpected disconnect|Broken pipe",
        "The connection to {host} broke. Try again.",
    ),
    (r"Could not read from remote repository", _MISSING),
]
_COMPILED = [(re.compile(pattern, re.IGNORECASE), sentence) for pattern, sentence in _MEANINGS]
_DAMAGE = re.compile(
    r"bad object|object file .* is empty|loose object .* (?:corrupt|is)|packfile .* (?:cannot|does not|is|claims)|"
    r"inflate:|bad config|not a git repository|unable to read (?:tree|sha1|[0-9a-f]{40})|missing blob|"
    r"did not send all necessary objects|invalid sha1 pointer|bad (?:tree|ref|pack)|is corrupt|broken (?:ref|"
    r"link)|unable to resolve reference|could not parse|unable to parse|missing necessary objects|cannot lock ref|"
    r"index file .* (?:is too small|corrupt)|mismatched algorithms|invalid object|"
    r"pack has bad object|failed to read|unable to unpack|unable to find [0-9a-f]{40}|garbage at end|File exists|"
    r"unexpected line in|far too short",
    re.IGNORECASE,
)


def is_damage(errors: str) -> bool:
    """Whether git's words speak of broken files on this machine rather than of the remote."""
    own = "\n".join(line for line in errors.splitlines() if line.startswith(("error:", "fatal:")))
    return bool(_DAMAGE.search(own))


def failure_of(errors: str, host: str | None, secret_given: bool, hidden: Sequence[str] = ()) -> RemoteFailure:
    """The sentence for what git wrote to its standard error."""
    name = host or "this machine"
    # An address may hold any words.
    words = re.sub(r"\S+://[^\s']+", "(address)", errors)
    for pattern, sentence in _COMPILED:
        if pattern.search(words):
            refused = not_signed_in(name, secret_given)
            return RemoteFailure(sentence.format(host=name, refused=refused, not_found=host_not_found(name)))
    excerpt = scrubbed(errors, hidden)
    return RemoteFailure(f"The git repository at {name} cannot be used" + (f": {excerpt}" if excerpt else "."))


def not_signed_in(host: str, secret_given: bool) -> str:
    """What is said when a host wants a credential, or another one."""
    if secret_given:
        return f"{host} does not accept the git credential: it is wrong, expired or not for this repository."
    return f"{host} asks who you are. " + _CREDENTIAL.format(host=host)


def host_not_found(host: str) -> str:
    """What is said of a name that DNS does not know."""
    return f"The host {host} was not found. Check the address."


def scrubbed(errors: str, hidden: Sequence[str] = ()) -> str:
    """The last lines of git's words without addresses, paths, control characters and secrets; short."""
    text = errors[-4000:]
    for word in hidden:
        if len(word) > 3:
            text = text.replace(word, "***")
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)
    text = re.sub(r"\S+://\S+|\S+@\S+:\S+", "(address)", text)
    text = re.sub(r"(?<![\w.])/[^\s'\":,;]+", "(path)", text)
    text = " ".join(text.split())
    return text if len(text) <= MAX_EXCERPT else "..." + text[-MAX_EXCERPT:]
